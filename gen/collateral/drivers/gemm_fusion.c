/* uses: dense_lanes */
/* Operands of 2, 4, 8 or 16 bits; numbers of 16 bits take two passes of 8 bits */

/* Slices and range of an operand. */
static int choose_width(uint8_t bits, uint8_t is_signed, struct format *format)
{
    const uint8_t narrow = bits < 8 ? bits : 8;
    const struct slice low = {0, 0, narrow, 0}, high = {0, 8, 8, 0};

    if ((bits != 2 && bits != 4 && bits != 8 && bits != 16) || is_signed > 1)
        return TOP_E_ARGUMENT;
    format->highest = ((int32_t)1 << (bits - is_signed)) - 1;
    format->lowest = is_signed ? -format->highest - 1 : 0;
    format->slices = bits == 16 ? 2 : 1;
    format->slice[0] = bits == 16 ? high : low;
    format->slice[1] = low;
    return TOP_OK;
}

static int choose_formats(const top_product *product, struct plan *plan)
{
#if HAS_OVERFLOW_WRAP
    uint64_t largest;
#endif

    if (choose_width(product->a_bits, product->a_signed, &plan->a) ||
        choose_width(product->w_bits, product->w_signed, &plan->w))
        return TOP_E_ARGUMENT;
    plan->terms = 64u / (plan->a.slice[0].bits * plan->w.slice[0].bits);
    plan->acts_steps = plan->w.slice[0].bits / 2u;
    plan->weights_steps = plan->a.slice[0].bits / 2u;
#if HAS_OVERFLOW_WRAP
    /* The largest magnitude of a product against that of the accumulators with the same sign. */
    largest = (uint64_t)(product->a_signed ? plan->a.highest + 1 : plan->a.highest) *
              (uint64_t)(product->w_signed ? plan->w.highest + 1 : plan->w.highest);
    if (plan->k >
        (((uint64_t)1 << (TOP_ACC_WIDTH - 1)) - (product->a_signed == product->w_signed)) / largest)
        return TOP_E_ARGUMENT;
#endif
    return TOP_OK;
}

static void put_formats(const struct plan *plan, const struct slice *a, const struct slice *w,
                        uint8_t *word)
{
    /* 0, 1 and 2 stand for 2, 4 and 8 bits. Only the high byte of 16 bits has a sign. */
    TOP_PUT_TILE(A_BITS, a->bits / 4u);
    TOP_PUT_TILE(W_BITS, w->bits / 4u);
    TOP_PUT_TILE(A_SIGNED, plan->a.lowest < 0 && a == &plan->a.slice[0]);
    TOP_PUT_TILE(W_SIGNED, plan->w.lowest < 0 && w == &plan->w.slice[0]);
    /* Of the products, in bytes. */
    TOP_PUT_TILE(SHIFT, (a->right + w->right) / 8u);
}

/* The terms of a PE are the pairs of `count` bytes of A and `count` slices of each byte of W. */
static uint32_t act_bit(const struct plan *plan, uint32_t term)
{
    const uint32_t count = 8u / plan->w.slice[0].bits;

    return 8 * (term % count) + term / count * plan->a.slice[0].bits;
}

static uint32_t weight_bit(const struct plan *plan, uint32_t term)
{
    const uint32_t count = 8u / plan->w.slice[0].bits;

    return 8 * (term / count) + term % count * plan->w.slice[0].bits;
}
