/* uses: weight_stationary number_formats */
/* Groups of terms of K that have a scale. A group takes whole K tiles, its rounds, and the PE rows
   beyond its terms have zeros. */

static int choose_group(const top_product *product, struct plan *plan)
{
    const uint32_t group = product->group ? product->group : TOP_GROUP;

    if (group > TOP_GROUP)
        return TOP_E_ARGUMENT;
    plan->group = plan->scaled = group < plan->k ? group : plan->k;
    /* Aligned sums end with the K tile, so each tile has the scales of its group. */
    if (TOP_ALIGN && plan->group > TOP_ROWS) {
        if (group < plan->k && group % TOP_ROWS)
            return TOP_E_ARGUMENT;
        plan->group = TOP_ROWS;
    }
    plan->rounds = ceiling(plan->group, TOP_ROWS);
    return TOP_OK;
}

static uint32_t tile_terms(const struct plan *plan)
{
    return plan->group;
}

/* The term of K of a PE row of a K tile; `product->k` or more where the row has none. */
static uint32_t term_of(const struct plan *plan, uint32_t k_tile, uint32_t row)
{
    const uint32_t at = k_tile % plan->rounds * TOP_ROWS + row;

    return at < plan->group ? k_tile / plan->rounds * plan->group + at : UINT32_MAX;
}

/* The group of K whose scales a K tile has, by its row in the scales of W. */
static uint32_t scaled_group(const struct plan *plan, uint32_t k_tile)
{
    return k_tile / plan->rounds * plan->group / plan->scaled;
}

static int put_weights(const struct plan *plan, const top_product *product, const top_matrix *w,
                       const struct slice *slice, uint32_t k_tile, uint32_t row, uint32_t across,
                       uint32_t bit, uint8_t *word)
{
    const uint32_t columns = columns_of(plan, across), k = term_of(plan, k_tile, row);
    uint32_t lane;
    uint64_t code;

    for (lane = 0; lane < columns && k < product->k; ++lane) {
        if (get_slice(w, k, across * TOP_COLS + lane, &plan->w, slice, &code))
            return TOP_E_VALUE;
        put(word, lane * TOP_WEIGHTS_LANE_WIDTH + bit, TOP_WEIGHTS_LANE_WIDTH, code);
    }
    return TOP_OK;
}

static int put_acts(const struct plan *plan, const top_product *product, const top_matrix *a,
                    const struct slice *slice, uint32_t row, uint32_t k_tile, uint32_t bit,
                    uint8_t *word)
{
    uint32_t lane;
    uint64_t code;

    for (lane = 0; lane < TOP_ROWS; ++lane) {
        const uint32_t k = term_of(plan, k_tile, lane);

        if (k >= product->k)
            break;
        if (get_slice(a, row, k, &plan->a, slice, &code))
            return TOP_E_VALUE;
        put(word, lane * TOP_ACTS_LANE_WIDTH + bit, TOP_ACTS_LANE_WIDTH, code);
    }
    return TOP_OK;
}

/* Adds the code of a scale. TOP_E_VALUE if it has more bits. */
static int put_scale(const top_matrix *scales, uint32_t row, uint32_t column, uint32_t at,
                     uint32_t width, uint8_t *word)
{
    const int64_t code = get_entry(scales, row, column);

    if (code < 0 || code >> width)
        return TOP_E_VALUE;
    put(word, at, width, (uint64_t)code);
    return TOP_OK;
}
#if HAS_ACTS_SCALE

static int put_row_scale(const struct plan *plan, const top_matrix *a_scales, uint32_t row,
                         uint32_t k_tile, uint8_t *word)
{
    return put_scale(a_scales, row, scaled_group(plan, k_tile), TOP_ACTS_SCALE_OFFSET,
                     TOP_ACTS_SCALE_WIDTH, word);
}
#endif

int top_pack_w_scales(const top_product *product, const top_matrix *w_scales,
                      const top_buffer *buffer)
{
    struct plan plan;
    uint32_t tile, k_tile, lane;
    uint8_t *word;
    int status = begin(product, TOP_W_SCALES_INDEX, buffer, &plan);

    if (!status)
        status = check_matrix(w_scales, plan.n);
    if (status)
        return status;
    word = (uint8_t *)buffer->data;
    for (tile = 0; tile < output_tiles(&plan); ++tile) {
        const uint32_t across = tile % plan.across;

        for (k_tile = 0; k_tile < plan.k_tiles; k_tile += plan.rounds) {
            clear(word, TOP_W_SCALES_STRIDE);
            for (lane = 0; lane < columns_of(&plan, across); ++lane)
                if (put_scale(w_scales, scaled_group(&plan, k_tile), across * TOP_COLS + lane,
                              TOP_W_SCALES_LANE_OFFSET + lane * TOP_W_SCALES_LANE_WIDTH,
                              TOP_W_SCALES_LANE_WIDTH, word))
                    return TOP_E_VALUE;
            word += TOP_W_SCALES_STRIDE;
        }
    }
    return TOP_OK;
}
