/* uses: weight_stationary */
/* Operands of one bit, TOP_PACK of them in a PE; wider ones a plane of bits in a pass. A plane is a
   slice of 1 bit whose weight is 2^left. */

/* The type of a slice: flags. */
enum { ALL_ONES = 1, NEGATIVE = 2 };

static void add_plane(struct format *format, uint8_t type, uint32_t right, uint32_t left)
{
    struct slice *slice = &format->slice[format->slices++];

    slice->type = type;
    slice->right = (uint8_t)right;
    slice->bits = 1;
    slice->left = (uint8_t)left;
}

/* Planes and range of an operand. Bits that stand for -1 and 1 make twice the operand. */
static int choose_planes(uint8_t bits, uint8_t is_signed, struct format *format)
{
    uint32_t bit;

    if (bits < 1 || bits > 8 || is_signed > 1)
        return TOP_E_ARGUMENT;
    format->slices = 0;
    format->highest = bits == 1 ? 1 : ((int32_t)1 << (bits - is_signed)) - 1;
    format->lowest = is_signed ? (bits == 1 ? -1 : -format->highest - 1) : 0;
    if (bits == 1 && is_signed) {
        add_plane(format, 0, 0, 1);
#if HAS_CODE_BIT
        add_plane(format, ALL_ONES | NEGATIVE, 0, 0);
#endif
    } else {
        for (bit = 0; bit < bits; ++bit)
            add_plane(format, is_signed && bit == bits - 1u ? NEGATIVE : 0, bit, bit);
#if HAS_CODE_BIN
        if (!is_signed && bits > 1)
            add_plane(format, ALL_ONES, 0, bits);
        add_plane(format, is_signed || bits > 1 ? ALL_ONES | NEGATIVE : ALL_ONES, 0, 0);
#endif
    }
    return TOP_OK;
}

static int choose_formats(const top_product *product, struct plan *plan)
{
    const uint64_t limit = (uint64_t)1 << (TOP_ACC_WIDTH - 1);
    int64_t lowest, highest;

#if !HAS_TILES_SHIFT
    const uint8_t with_sign =
#if HAS_CODE_BIN
        1;
#else
        0;
#endif

    if (product->a_bits != 1 || product->w_bits != 1 || product->a_signed != with_sign ||
        product->w_signed != with_sign)
        return TOP_E_ARGUMENT;
#endif
    if (choose_planes(product->a_bits, product->a_signed, &plan->a) ||
        choose_planes(product->w_bits, product->w_signed, &plan->w))
        return TOP_E_ARGUMENT;
    plan->terms = TOP_PACK;
    plan->acts_steps = plan->weights_steps = 1;
    lowest = (int64_t)plan->a.lowest * plan->w.highest;
    if (lowest > (int64_t)plan->a.highest * plan->w.lowest)
        lowest = (int64_t)plan->a.highest * plan->w.lowest;
    highest = (int64_t)plan->a.highest * plan->w.highest;
    if (highest < (int64_t)plan->a.lowest * plan->w.lowest)
        highest = (int64_t)plan->a.lowest * plan->w.lowest;
    if (plan->k > (limit - 1) / (uint64_t)highest ||
        (lowest < 0 && plan->k > limit / (uint64_t)-lowest))
        return TOP_E_ARGUMENT;
    return TOP_OK;
}

static void put_formats(const struct plan *plan, const struct slice *a, const struct slice *w,
                        uint8_t *word)
{
    (void)plan;
#if HAS_TILES_SHIFT
    TOP_PUT_TILE(SHIFT, a->left + w->left);
    TOP_PUT_TILE(NEGATIVE, ((a->type ^ w->type) & NEGATIVE) != 0);
#else
    (void)a;
    (void)w;
    (void)word;
#endif
}

static uint32_t tile_terms(const struct plan *plan)
{
    (void)plan;
    return TOP_ROWS * TOP_PACK;
}

#if HAS_TILES_TERMS
static uint32_t terms_of(const struct plan *plan, uint32_t k_tile)
{
    const uint64_t left = plan->k - (uint64_t)k_tile * tile_terms(plan);

    return left < tile_terms(plan) ? (uint32_t)left : tile_terms(plan);
}

#endif
/* A bit of an operand in a plane. TOP_E_VALUE if the operand is out of range. */
static int get_bit(const top_matrix *matrix, uint32_t row, uint32_t column,
                   const struct format *format, const struct slice *slice, uint64_t *bit)
{
    if (get_slice(matrix, row, column, format, slice, bit))
        return TOP_E_VALUE;
    if (slice->type & ALL_ONES)
        *bit = 1;
    else if (format->lowest == -1)
        *bit = get_entry(matrix, row, column) > 0;
    else
        *bit >>= slice->left;
    return TOP_OK;
}

static int put_weights(const struct plan *plan, const top_product *product, const top_matrix *w,
                       const struct slice *slice, uint32_t k_tile, uint32_t row, uint32_t across,
                       uint32_t bit, uint8_t *word)
{
    const uint32_t columns = columns_of(plan, across);
    const uint64_t k = ((uint64_t)k_tile * TOP_ROWS + row) * TOP_PACK;
    uint32_t lane, term;

    for (lane = 0; lane < columns; ++lane)
        for (term = 0; term < TOP_PACK; ++term) {
#if HAS_CODE_BIN
            uint64_t code = 1; /* beyond K a pair of different bits, which does not count */
#else
            uint64_t code = 0;
#endif

            if (k + term < product->k && get_bit(w, (uint32_t)k + term, across * TOP_COLS + lane,
                                                 &plan->w, slice, &code))
                return TOP_E_VALUE;
            put(word, lane * TOP_PACK + term + bit, 1, code);
        }
    return TOP_OK;
}

static int put_acts(const struct plan *plan, const top_product *product, const top_matrix *a,
                    const struct slice *slice, uint32_t row, uint32_t k_tile, uint32_t bit,
                    uint8_t *word)
{
    const uint64_t k = (uint64_t)k_tile * TOP_ROWS * TOP_PACK;
    uint32_t term;
    uint64_t code;

    for (term = 0; term < TOP_ROWS * TOP_PACK && k + term < product->k; ++term) {
        if (get_bit(a, row, (uint32_t)(k + term), &plan->a, slice, &code))
            return TOP_E_VALUE;
        put(word, term + bit, 1, code);
    }
    return TOP_OK;
}
