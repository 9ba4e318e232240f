/* Operands in number formats, chosen by product->a_format and product->w_format */

#if HAS_WEIGHTS_INDEX
/* The design's section defines: sets plan->terms from product->span. */
static int choose_span(const top_product *product, struct plan *plan);

#endif
#if HAS_OUTLIER_ROWS
/* The design's section defines: sets plan->rounds from product->rounds. */
static int choose_rounds(const top_product *product, struct plan *plan);

#endif
#if HAS_W_SCALES
/* The design's section defines: sets groups and plan->rounds from product->group. */
static int choose_group(const top_product *product, struct plan *plan);

#endif
static int choose_formats(const top_product *product, struct plan *plan)
{
    static const struct format a_formats[] = {TOP_A_FORMAT_TABLE};
    static const struct format w_formats[] = {TOP_W_FORMAT_TABLE};

    if (product->a_format >= TOP_A_FORMATS || product->w_format >= TOP_W_FORMATS)
        return TOP_E_ARGUMENT;
    plan->a = a_formats[product->a_format];
    plan->w = w_formats[product->w_format];
    plan->terms = plan->acts_steps = plan->weights_steps = 1;
#if HAS_WEIGHTS_INDEX
    if (choose_span(product, plan))
        return TOP_E_ARGUMENT;
#endif
#if HAS_OUTLIER_ROWS
    if (choose_rounds(product, plan))
        return TOP_E_ARGUMENT;
#endif
#if HAS_W_SCALES
    if (choose_group(product, plan))
        return TOP_E_ARGUMENT;
#endif
    if (plan->k > TOP_MAX_K)
        return TOP_E_ARGUMENT;
    /* A number and its neighbour along K are an OVP pair. */
    if (TOP_A_PAIRS || TOP_W_PAIRS)
        plan->k += plan->k % 2;
    return TOP_OK;
}

static void put_formats(const struct plan *plan, const struct slice *a, const struct slice *w,
                        uint8_t *word)
{
    /* Whether the descriptors have a type for A or W depends on the core. */
    (void)plan;
    (void)a;
    (void)w;
    (void)word;
#if HAS_TILES_A_TYPE
    TOP_PUT_TILE(A_TYPE, a->type);
#endif
#if HAS_TILES_W_TYPE
    TOP_PUT_TILE(W_TYPE, w->type);
#endif
}
