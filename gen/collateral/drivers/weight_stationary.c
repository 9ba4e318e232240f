/* uses: gemm */
/* Schedule of weight-stationary arrays: output tiles of up to TOP_ACC_DEPTH rows, whose sums the
   accumulators keep, and K tiles as long as the array has terms along its rows */

/* The sections below define: the terms of a K tile. */
static uint32_t tile_terms(const struct plan *plan);

/* Adds the weights of a PE row of a K tile; `bit` is the row's position in a lane. */
static int put_weights(const struct plan *plan, const top_product *product, const top_matrix *w,
                       const struct slice *slice, uint32_t k_tile, uint32_t row, uint32_t across,
                       uint32_t bit, uint8_t *word);

/* Adds the activations of a row of A for a K tile; `bit` is the row's position in a lane. */
static int put_acts(const struct plan *plan, const top_product *product, const top_matrix *a,
                    const struct slice *slice, uint32_t row, uint32_t k_tile, uint32_t bit,
                    uint8_t *word);

#if HAS_ACTS_SCALE
/* Adds the scale of a row of A for a K tile. */
static int put_row_scale(const struct plan *plan, const top_matrix *a_scales, uint32_t row,
                         uint32_t k_tile, uint8_t *word);

#endif
static void set_tiles(struct plan *plan)
{
    plan->down = ceiling(plan->m, TOP_ACC_DEPTH);
    plan->k_tiles = plan->rounds * ceiling(plan->k, tile_terms(plan));
}

static uint32_t first_row(const struct plan *plan, uint32_t down)
{
    /* Equal heights: a short last tile would have to wait for its weights. */
    return (uint32_t)((uint64_t)down * plan->m / plan->down);
}

static int count_operands(const struct plan *plan, uint32_t *weights, uint32_t *acts)
{
    /* The heights of output tiles differ by one row at most. */
    const uint32_t low = plan->m / plan->down, taller = plan->m % plan->down;

    *weights = ceiling(TOP_ROWS, plan->weights_steps);
    *acts = taller * ceiling((uint64_t)low + 1, plan->acts_steps) +
            (plan->down - taller) * ceiling(low, plan->acts_steps);
    if (times(weights, plan->k_tiles) || times(weights, plan->down) || times(acts, plan->k_tiles))
        return TOP_E_WORDS;
    return TOP_OK;
}

static void put_size(const struct plan *plan, uint32_t height, uint8_t *word)
{
    (void)plan;
    TOP_PUT_TILE(LENGTH, height - 1);
}

int top_pack_weights(const top_product *product, const top_matrix *w, const top_buffer *weights)
{
    struct plan plan;
    uint32_t tile, pass, k_tile, row;
    uint8_t *word;
    int status = begin(product, TOP_WEIGHTS_INDEX, weights, &plan);

    if (!status)
        status = check_matrix(w, plan.n);
    if (status)
        return status;
    word = (uint8_t *)weights->data;
    for (tile = 0; tile < output_tiles(&plan); ++tile)
        for (pass = 0; pass < passes_of(&plan); ++pass)
            for (k_tile = 0; k_tile < plan.k_tiles; ++k_tile)
                /* The last PE row comes first. */
                for (row = 0; row < TOP_ROWS; ++row) {
                    const uint32_t step = row % plan.weights_steps;

                    if (step == 0)
                        clear(word, TOP_WEIGHTS_STRIDE);
                    if (put_weights(&plan, product, w, slice_of_w(&plan, pass), k_tile,
                                    TOP_ROWS - 1 - row, tile % plan.across,
                                    step * (TOP_WEIGHTS_LANE_WIDTH / plan.weights_steps), word))
                        return TOP_E_VALUE;
                    if (step == plan.weights_steps - 1 || row == TOP_ROWS - 1)
                        word += TOP_WEIGHTS_STRIDE;
                }
    return TOP_OK;
}

#if HAS_ACTS_SCALE
int top_pack_acts(const top_product *product, const top_matrix *a, const top_matrix *a_scales,
                  const top_buffer *acts)
#else
int top_pack_acts(const top_product *product, const top_matrix *a, const top_buffer *acts)
#endif
{
    struct plan plan;
    uint32_t tile, pass, k_tile, row;
    uint8_t *word;
    int status = begin(product, TOP_ACTS_INDEX, acts, &plan);

    if (!status)
        status = check_matrix(a, product->k);
#if HAS_ACTS_SCALE
    if (!status)
        status = check_matrix(a_scales, ceiling(plan.k, plan.scaled));
#endif
    if (status)
        return status;
    word = (uint8_t *)acts->data;
    for (tile = 0; tile < output_tiles(&plan); ++tile) {
        const uint32_t first = first_row(&plan, tile / plan.across);
        const uint32_t height = first_row(&plan, tile / plan.across + 1) - first;

        for (pass = 0; pass < passes_of(&plan); ++pass)
            for (k_tile = 0; k_tile < plan.k_tiles; ++k_tile)
                for (row = 0; row < height; ++row) {
                    const uint32_t step = row % plan.acts_steps;

                    if (step == 0)
                        clear(word, TOP_ACTS_STRIDE);
                    if (put_acts(&plan, product, a, slice_of_a(&plan, pass), first + row, k_tile,
                                 step * (TOP_ACTS_LANE_WIDTH / plan.acts_steps), word))
                        return TOP_E_VALUE;
#if HAS_ACTS_SCALE
                    if (put_row_scale(&plan, a_scales, first + row, k_tile, word))
                        return TOP_E_VALUE;
#endif
                    if (step == plan.acts_steps - 1 || row == height - 1)
                        word += TOP_ACTS_STRIDE;
                }
    }
    return TOP_OK;
}
