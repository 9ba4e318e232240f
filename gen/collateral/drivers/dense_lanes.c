/* uses: weight_stationary */
/* Lanes of dense operands: a PE row has as many terms of K as a PE multiplies at once */

/* The design's section defines: the lowest bit of a term within a lane of acts or of weights. */
static uint32_t act_bit(const struct plan *plan, uint32_t term);
static uint32_t weight_bit(const struct plan *plan, uint32_t term);

static uint32_t tile_terms(const struct plan *plan)
{
    return TOP_ROWS * plan->terms;
}

static int put_weights(const struct plan *plan, const top_product *product, const top_matrix *w,
                       const struct slice *slice, uint32_t k_tile, uint32_t row, uint32_t across,
                       uint32_t bit, uint8_t *word)
{
    const uint32_t columns = columns_of(plan, across);
    const uint64_t k = ((uint64_t)k_tile * TOP_ROWS + row) * plan->terms;
    uint32_t lane, term;
    uint64_t code;

    for (term = 0; term < plan->terms && k + term < product->k; ++term)
        for (lane = 0; lane < columns; ++lane) {
            if (get_slice(w, (uint32_t)k + term, across * TOP_COLS + lane, &plan->w, slice, &code))
                return TOP_E_VALUE;
            put(word, lane * TOP_WEIGHTS_LANE_WIDTH + bit + weight_bit(plan, term),
                TOP_WEIGHTS_LANE_WIDTH, code);
        }
    return TOP_OK;
}

static int put_acts(const struct plan *plan, const top_product *product, const top_matrix *a,
                    const struct slice *slice, uint32_t row, uint32_t k_tile, uint32_t bit,
                    uint8_t *word)
{
    uint32_t lane, term;
    uint64_t code;

    for (lane = 0; lane < TOP_ROWS; ++lane) {
        const uint64_t k = ((uint64_t)k_tile * TOP_ROWS + lane) * plan->terms;

        for (term = 0; term < plan->terms && k + term < product->k; ++term) {
            if (get_slice(a, row, (uint32_t)k + term, &plan->a, slice, &code))
                return TOP_E_VALUE;
            put(word, lane * TOP_ACTS_LANE_WIDTH + bit + act_bit(plan, term), TOP_ACTS_LANE_WIDTH,
                code);
        }
    }
    return TOP_OK;
}
