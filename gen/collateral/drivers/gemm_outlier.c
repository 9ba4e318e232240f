/* uses: weight_stationary number_formats */
/* Groups of TOP_GROUP_LANES terms of K: a lower digit of each weight, and TOP_OUTLIER_ROWS upper
   digits with the lanes of their terms. K stays in its order. A K tile comes as often as the column
   with the most outliers of a group needs, with lower digits of 0 after the first time. */

#define TOP_DIGIT TOP_WEIGHTS_LANE_WIDTH
#define TOP_LANE_WIDTH \
    (TOP_GROUP_LANES > 16 ? 5 : TOP_GROUP_LANES > 8 ? 4 : TOP_GROUP_LANES > 4 ? 3 : \
     TOP_GROUP_LANES > 2 ? 2 : 1)
#define TOP_OUTLIER_WORDS ((2 * TOP_DIGIT + TOP_LANE_WIDTH) / TOP_DIGIT)
#define TOP_GROUP_WORDS (TOP_GROUP_LANES + TOP_OUTLIER_ROWS * TOP_OUTLIER_WORDS)
#define TOP_GROUPS (TOP_ROWS / TOP_GROUP_WORDS)

static int choose_rounds(const top_product *product, struct plan *plan)
{
    plan->rounds = product->rounds ? product->rounds : 1;
    return plan->rounds <= TOP_GROUP_LANES ? TOP_OK : TOP_E_ARGUMENT;
}

static uint32_t tile_terms(const struct plan *plan)
{
    (void)plan;
    return TOP_GROUPS * TOP_GROUP_LANES;
}

static int32_t lower_digit(int64_t weight)
{
    const int32_t half = 1 << (TOP_DIGIT - 1);

    return (int32_t)((weight + half) & (2 * half - 1)) - half;
}

/* The upper digit of a term's weight, and 0 behind the last term. */
static int32_t upper_digit(const top_product *product, const top_matrix *w, uint64_t k,
                           uint32_t column)
{
    int64_t weight;

    if (k >= product->k)
        return 0;
    weight = get_entry(w, (uint32_t)k, column);
    return (int32_t)((weight - lower_digit(weight)) / (1 << TOP_DIGIT));
}

/* Outliers of a column in the group of terms from k on. */
static uint32_t count_outliers(const top_product *product, const top_matrix *w, uint64_t k,
                               uint32_t column)
{
    uint32_t lane, count = 0;

    for (lane = 0; lane < TOP_GROUP_LANES; ++lane)
        count += upper_digit(product, w, k + lane, column) != 0;
    return count;
}

/* The digit and the lane of an outlier by its number in the group; 0 if there are fewer. */
static uint32_t outlier(const top_product *product, const top_matrix *w, uint64_t k,
                        uint32_t column, uint32_t number)
{
    uint32_t lane;

    for (lane = 0; lane < TOP_GROUP_LANES; ++lane) {
        const int32_t digit = upper_digit(product, w, k + lane, column);

        if (digit != 0 && number-- == 0)
            return ((uint32_t)digit & (((uint32_t)2 << TOP_DIGIT) - 1)) | lane << (TOP_DIGIT + 1);
    }
    return 0;
}

static int put_weights(const struct plan *plan, const top_product *product, const top_matrix *w,
                       const struct slice *slice, uint32_t k_tile, uint32_t row, uint32_t across,
                       uint32_t bit, uint8_t *word)
{
    const uint32_t columns = columns_of(plan, across), round = k_tile % plan->rounds;
    const uint32_t group = row / TOP_GROUP_WORDS, at = row % TOP_GROUP_WORDS;
    const uint64_t k =
        ((uint64_t)(k_tile / plan->rounds) * TOP_GROUPS + group) * TOP_GROUP_LANES;
    uint32_t lane;

    for (lane = 0; lane < columns; ++lane) {
        const uint32_t column = across * TOP_COLS + lane;
        uint64_t code = 0;

        if (at >= TOP_GROUP_LANES) {
            const uint32_t number = (at - TOP_GROUP_LANES) / TOP_OUTLIER_WORDS;
            const uint32_t digit = (at - TOP_GROUP_LANES) % TOP_OUTLIER_WORDS;

            code = outlier(product, w, k, column, round * TOP_OUTLIER_ROWS + number) >>
                   (digit * TOP_DIGIT);
        } else if (k + at < product->k) {
            if (get_slice(w, (uint32_t)(k + at), column, &plan->w, slice, &code) ||
                count_outliers(product, w, k, column) > plan->rounds * TOP_OUTLIER_ROWS)
                return TOP_E_VALUE;
            if (round)
                code = 0;
        }
        put(word, lane * TOP_WEIGHTS_LANE_WIDTH + bit, TOP_WEIGHTS_LANE_WIDTH,
            code & (((uint64_t)1 << TOP_DIGIT) - 1));
    }
    return TOP_OK;
}

static int put_acts(const struct plan *plan, const top_product *product, const top_matrix *a,
                    const struct slice *slice, uint32_t row, uint32_t k_tile, uint32_t bit,
                    uint8_t *word)
{
    uint32_t lane;

    for (lane = 0; lane < TOP_GROUPS * TOP_GROUP_LANES; ++lane) {
        const uint64_t k =
            (uint64_t)(k_tile / plan->rounds) * TOP_GROUPS * TOP_GROUP_LANES + lane;
        uint64_t code;

        if (k >= product->k)
            break;
        if (get_slice(a, row, (uint32_t)k, &plan->a, slice, &code))
            return TOP_E_VALUE;
        put(word, lane * TOP_ACTS_LANE_WIDTH + bit, TOP_ACTS_LANE_WIDTH, code);
    }
    return TOP_OK;
}

int top_choose_rounds(top_product *product, const top_matrix *w)
{
    uint32_t column, most = 1;
    uint64_t k;
    int status;

    if (!product || !product->k || !product->n)
        return TOP_E_ARGUMENT;
    if ((status = check_matrix(w, product->n)))
        return status;
    for (k = 0; k < product->k; k += TOP_GROUP_LANES)
        for (column = 0; column < product->n; ++column) {
            const uint32_t rounds = ceiling(count_outliers(product, w, k, column),
                                            TOP_OUTLIER_ROWS);

            most = rounds > most ? rounds : most;
        }
    product->rounds = (uint8_t)most;
    return TOP_OK;
}
