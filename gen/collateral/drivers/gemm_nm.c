/* uses: weight_stationary number_formats */
/* Groups of TOP_GROUP_ROWS PE rows, each of which takes `span` terms of K: the weights are those
   that are not zero, and have the lanes of their activations beside them */

#define TOP_GROUPS (TOP_ROWS / TOP_GROUP_ROWS)

static uint32_t span_of(const top_product *product)
{
    return product->span ? product->span : TOP_GROUP_ROWS;
}

/* A pair of activations must have its lanes in one group. */
static int span_exists(uint32_t span)
{
    return span >= TOP_GROUP_ROWS && span <= TOP_GROUP_LANES && !(TOP_A_PAIRS && span % 2);
}

static int choose_span(const top_product *product, struct plan *plan)
{
    plan->terms = span_of(product);
    return span_exists(plan->terms) ? TOP_OK : TOP_E_ARGUMENT;
}

static uint32_t tile_terms(const struct plan *plan)
{
    return TOP_GROUPS * plan->terms;
}

/* Non-zero weights of a column in the terms from k to before `end`. */
static uint32_t count_weights(const top_product *product, const top_matrix *w, uint64_t k,
                              uint64_t end, uint32_t column)
{
    uint32_t count = 0;

    for (; k < end && k < product->k; ++k)
        count += get_entry(w, (uint32_t)k, column) != 0;
    return count;
}

/* The term of a weight in its group: those that are not zero are stored, and the first zeros if
   there are fewer than rows. */
static uint32_t stored_term(const top_product *product, const top_matrix *w, uint64_t k,
                            uint32_t span, uint32_t column, uint32_t row)
{
    uint32_t term, zeros = TOP_GROUP_ROWS - count_weights(product, w, k, k + span, column);

    for (term = 0; term < span; ++term) {
        if (k + term >= product->k || get_entry(w, (uint32_t)(k + term), column) == 0) {
            if (zeros == 0)
                continue;
            --zeros;
        }
        if (row-- == 0)
            break;
    }
    return term;
}

static int put_weights(const struct plan *plan, const top_product *product, const top_matrix *w,
                       const struct slice *slice, uint32_t k_tile, uint32_t row, uint32_t across,
                       uint32_t bit, uint8_t *word)
{
    const uint32_t columns = columns_of(plan, across);
    const uint32_t group = row / TOP_GROUP_ROWS, first = row % TOP_GROUP_ROWS;
    const uint64_t k = ((uint64_t)k_tile * TOP_GROUPS + group) * plan->terms;
    uint32_t lane;

    for (lane = 0; lane < TOP_COLS; ++lane) {
        const uint32_t column = across * TOP_COLS + lane;
        uint32_t term = first;
        uint64_t code = 0;

        if (lane < columns) {
            if (count_weights(product, w, k, k + plan->terms, column) > TOP_GROUP_ROWS)
                return TOP_E_VALUE;
            term = stored_term(product, w, k, plan->terms, column, first);
            if (k + term < product->k &&
                get_slice(w, (uint32_t)(k + term), column, &plan->w, slice, &code))
                return TOP_E_VALUE;
        }
        put(word, lane * TOP_WEIGHTS_LANE_WIDTH + bit, TOP_WEIGHTS_LANE_WIDTH, code);
        put(word, TOP_WEIGHTS_INDEX_OFFSET + lane * TOP_WEIGHTS_INDEX_WIDTH,
            TOP_WEIGHTS_INDEX_WIDTH, term - first);
    }
    return TOP_OK;
}

static int put_acts(const struct plan *plan, const top_product *product, const top_matrix *a,
                    const struct slice *slice, uint32_t row, uint32_t k_tile, uint32_t bit,
                    uint8_t *word)
{
    uint32_t group, term;
    uint64_t code;

    for (group = 0; group < TOP_GROUPS; ++group) {
        const uint64_t k = ((uint64_t)k_tile * TOP_GROUPS + group) * plan->terms;

        for (term = 0; term < plan->terms && k + term < product->k; ++term) {
            if (get_slice(a, row, (uint32_t)(k + term), &plan->a, slice, &code))
                return TOP_E_VALUE;
            put(word, (group * TOP_GROUP_LANES + term) * TOP_ACTS_LANE_WIDTH + bit,
                TOP_ACTS_LANE_WIDTH, code);
        }
    }
    return TOP_OK;
}

int top_choose_span(top_product *product, const top_matrix *w)
{
    uint32_t column, most;
    uint64_t k;
    int status;

    if (!product || !product->k || !product->n)
        return TOP_E_ARGUMENT;
    if ((status = check_matrix(w, product->n)))
        return status;
    for (most = TOP_GROUP_LANES; most > TOP_GROUP_ROWS; --most) {
        int fits = span_exists(most);

        for (k = 0; fits && k < product->k; k += most)
            for (column = 0; fits && column < product->n; ++column)
                fits = count_weights(product, w, k, k + most, column) <= TOP_GROUP_ROWS;
        if (fits)
            break;
    }
    product->span = (uint8_t)most;
    return TOP_OK;
}
