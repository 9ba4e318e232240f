/* uses: gemm number_formats */
/* Schedule of output-stationary arrays: output tiles of up to TILE_ROWS rows; K is not divided. For
   each k there is a word of activations for each of the sums that take turns in a PE: of the rows
   of A that have the same remainder. */
#define TILE_ROWS (TOP_ROWS * TOP_SUMS_PER_PE)

static void set_tiles(struct plan *plan)
{
    plan->down = ceiling(plan->m, TILE_ROWS);
    plan->k_tiles = 1;
}

static uint32_t first_row(const struct plan *plan, uint32_t down)
{
    return down < plan->down ? down * TILE_ROWS : plan->m;
}

static int count_operands(const struct plan *plan, uint32_t *weights, uint32_t *acts)
{
    *weights = *acts = plan->k;
    return times(weights, plan->down) || times(acts, plan->down) || times(acts, TOP_SUMS_PER_PE)
               ? TOP_E_WORDS
               : TOP_OK;
}

static void put_size(const struct plan *plan, uint32_t height, uint8_t *word)
{
    TOP_PUT_TILE(LENGTH, plan->k - 1);
    TOP_PUT_TILE(HEIGHT, height - 1);
}

int top_pack_weights(const top_product *product, const top_matrix *w, const top_buffer *weights)
{
    struct plan plan;
    uint32_t tile, pass, k, lane;
    uint64_t code;
    uint8_t *word;
    int status = begin(product, TOP_WEIGHTS_INDEX, weights, &plan);

    if (!status)
        status = check_matrix(w, plan.n);
    if (status)
        return status;
    word = (uint8_t *)weights->data;
    for (tile = 0; tile < output_tiles(&plan); ++tile) {
        const uint32_t first = tile % plan.across * TOP_COLS;
        const uint32_t columns = columns_of(&plan, tile % plan.across);

        for (pass = 0; pass < passes_of(&plan); ++pass)
            for (k = 0; k < plan.k; ++k, word += TOP_WEIGHTS_STRIDE) {
                clear(word, TOP_WEIGHTS_STRIDE);
                for (lane = 0; lane < columns && k < product->k; ++lane) {
                    if (get_slice(w, k, first + lane, &plan.w, slice_of_w(&plan, pass), &code))
                        return TOP_E_VALUE;
                    put(word, lane * TOP_WEIGHTS_LANE_WIDTH, TOP_WEIGHTS_LANE_WIDTH, code);
                }
            }
    }
    return TOP_OK;
}

int top_pack_acts(const top_product *product, const top_matrix *a, const top_buffer *acts)
{
    struct plan plan;
    uint32_t tile, pass, k, sum, row;
    uint64_t code;
    uint8_t *word;
    int status = begin(product, TOP_ACTS_INDEX, acts, &plan);

    if (!status)
        status = check_matrix(a, product->k);
    if (status)
        return status;
    word = (uint8_t *)acts->data;
    for (tile = 0; tile < output_tiles(&plan); ++tile) {
        const uint32_t first = first_row(&plan, tile / plan.across);
        const uint32_t height = first_row(&plan, tile / plan.across + 1) - first;

        for (pass = 0; pass < passes_of(&plan); ++pass)
            for (k = 0; k < plan.k; ++k)
                for (sum = 0; sum < TOP_SUMS_PER_PE; ++sum, word += TOP_ACTS_STRIDE) {
                    clear(word, TOP_ACTS_STRIDE);
                    for (row = sum; row < height && k < product->k; row += TOP_SUMS_PER_PE) {
                        if (get_slice(a, first + row, k, &plan.a, slice_of_a(&plan, pass), &code))
                            return TOP_E_VALUE;
                        put(word, row / TOP_SUMS_PER_PE * TOP_ACTS_LANE_WIDTH, TOP_ACTS_LANE_WIDTH,
                            code);
                    }
                }
    }
    return TOP_OK;
}
