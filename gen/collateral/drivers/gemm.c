/* Products in tiles */

/* The bits of a code that a lane of a stream carries in one pass: the code is shifted to the right,
   cut, and shifted to the left. A number wider than a PE's operand takes two passes, its high bits
   first. */
struct slice {
    uint8_t type, right, bits, left;
};

struct format {
    int32_t lowest, highest;
    uint8_t slices;
#if HAS_TILES_NEGATIVE
    struct slice slice[10]; /* each a bit */
#else
    struct slice slice[2];
#endif
};

/* Schedule of a product. For the columns of an output tile, each pair of a slice of A and a slice
   of W is a pass, and a pass consists of the K tiles. */
struct plan {
    uint32_t m, k, n;
    uint32_t down, across; /* output tiles along M and along N */
    uint32_t terms;        /* products that a PE computes at once */
    uint32_t k_tiles;
    uint32_t rounds; /* how often the terms of a K tile come */
#if HAS_W_SCALES
    uint32_t group;  /* terms of K whose products are added up before they are scaled */
    uint32_t scaled; /* terms of K that share a scale */
#endif
    struct format a, w;
    uint32_t acts_steps, weights_steps; /* rows of A and of W in a word */
};

/* The sections below define these functions. */

/* Sets formats, terms and steps for a product whose k is in the plan. TOP_E_ARGUMENT if a format
   does not exist or the accumulators do not hold the sums. */
static int choose_formats(const top_product *product, struct plan *plan);

/* Adds the formats of a pass to a descriptor. */
static void put_formats(const struct plan *plan, const struct slice *a, const struct slice *w,
                        uint8_t *word);

#if HAS_TILES_TERMS
/* Terms of K of a K tile. */
static uint32_t terms_of(const struct plan *plan, uint32_t k_tile);

#endif
/* Sets down and k_tiles. */
static void set_tiles(struct plan *plan);

/* The first row of A of an output tile, by its number along M. */
static uint32_t first_row(const struct plan *plan, uint32_t down);

/* Words of weights and of acts for one pass of all output tiles with the same columns. */
static int count_operands(const struct plan *plan, uint32_t *weights, uint32_t *acts);

/* Adds the size of an output tile of so many rows to a descriptor. */
static void put_size(const struct plan *plan, uint32_t height, uint8_t *word);

#define TOP_PUT_TILE(NAME, value) \
    put(word, TOP_TILES_##NAME##_OFFSET, TOP_TILES_##NAME##_WIDTH, value)

static uint32_t ceiling(uint64_t a, uint32_t b)
{
    return (uint32_t)((a + b - 1) / b);
}

static int make_plan(const top_product *product, struct plan *plan)
{
    int status;

    if (!product || !product->m || !product->k || !product->n)
        return TOP_E_ARGUMENT;
    plan->m = product->m;
    plan->k = product->k;
    plan->n = product->n;
    plan->rounds = 1;
    if ((status = choose_formats(product, plan)))
        return status;
    plan->across = ceiling(plan->n, TOP_COLS);
    set_tiles(plan);
    return TOP_OK;
}

static uint32_t output_tiles(const struct plan *plan)
{
    return plan->down * plan->across;
}

static uint32_t passes_of(const struct plan *plan)
{
    return (uint32_t)plan->a.slices * plan->w.slices;
}

static const struct slice *slice_of_a(const struct plan *plan, uint32_t pass)
{
    return &plan->a.slice[pass / plan->w.slices];
}

static const struct slice *slice_of_w(const struct plan *plan, uint32_t pass)
{
    return &plan->w.slice[pass % plan->w.slices];
}

/* Columns of W of an output tile, by its number along N. */
static uint32_t columns_of(const struct plan *plan, uint32_t across)
{
    const uint32_t left = plan->n - across * TOP_COLS;

    return left < TOP_COLS ? left : TOP_COLS;
}

int top_count(const top_product *product, uint32_t words[TOP_STREAMS])
{
    struct plan plan;
    uint32_t stream, tiles, weights, acts, results;
    int status;

    if (!words)
        return TOP_E_ARGUMENT;
    for (stream = 0; stream < TOP_STREAMS; ++stream)
        words[stream] = 0;
    if ((status = make_plan(product, &plan)))
        return status;
    /* For output tiles with the same columns; then for all columns; then for all passes. */
    tiles = plan.k_tiles;
    results = plan.m;
    if (count_operands(&plan, &weights, &acts))
        return TOP_E_WORDS;
    if (times(&tiles, plan.down) || times(&tiles, plan.across) || times(&weights, plan.across) ||
        times(&acts, plan.across) || times(&results, plan.across))
        return TOP_E_WORDS;
    if (times(&tiles, passes_of(&plan)) || times(&weights, passes_of(&plan)) ||
        times(&acts, passes_of(&plan)))
        return TOP_E_WORDS;
    words[TOP_TILES_INDEX] = tiles;
    words[TOP_WEIGHTS_INDEX] = weights;
    words[TOP_ACTS_INDEX] = acts;
    words[TOP_RESULTS_INDEX] = results;
#if HAS_W_SCALES
    words[TOP_W_SCALES_INDEX] = tiles / plan.rounds;
#endif
#if HAS_CHANNELS
    words[TOP_CHANNELS_INDEX] = TOP_COLS;
    if (times(&words[TOP_CHANNELS_INDEX], plan.down) ||
        times(&words[TOP_CHANNELS_INDEX], plan.across))
        return TOP_E_WORDS;
#endif
    return TOP_OK;
}

/* The plan of a product, if its words of a stream fit a buffer. */
static int begin(const top_product *product, unsigned stream, const top_buffer *buffer,
                 struct plan *plan)
{
    uint32_t words[TOP_STREAMS];
    int status = top_count(product, words);

    if (!status)
        status = check_size(buffer, stream, words[stream]);
    return status ? status : make_plan(product, plan);
}

/* A slice of a code. TOP_E_VALUE if the format has no such code. */
static int get_slice(const top_matrix *matrix, uint32_t row, uint32_t column,
                     const struct format *format, const struct slice *slice, uint64_t *code)
{
    const int64_t value = get_entry(matrix, row, column);

    if (value < format->lowest || value > format->highest)
        return TOP_E_VALUE;
    *code = (uint64_t)value >> slice->right & (((uint64_t)1 << slice->bits) - 1);
    *code <<= slice->left;
    return TOP_OK;
}

int top_pack_tiles(const top_product *product, const top_buffer *tiles)
{
    struct plan plan;
    uint32_t tile, pass, k_tile;
    uint8_t *word;
    int status = begin(product, TOP_TILES_INDEX, tiles, &plan);

    if (status)
        return status;
    word = (uint8_t *)tiles->data;
    for (tile = 0; tile < output_tiles(&plan); ++tile) {
        const uint32_t down = tile / plan.across;
        const uint32_t height = first_row(&plan, down + 1) - first_row(&plan, down);

        for (pass = 0; pass < passes_of(&plan); ++pass)
            for (k_tile = 0; k_tile < plan.k_tiles; ++k_tile, word += TOP_TILES_STRIDE) {
                clear(word, TOP_TILES_STRIDE);
                put_size(&plan, height, word);
                put_formats(&plan, slice_of_a(&plan, pass), slice_of_w(&plan, pass), word);
#if HAS_TILES_TERMS
                TOP_PUT_TILE(TERMS, terms_of(&plan, k_tile));
#endif
#if HAS_TILES_FIRST
                TOP_PUT_TILE(FIRST, pass == 0 && k_tile == 0);
                TOP_PUT_TILE(LAST, pass == passes_of(&plan) - 1 && k_tile == plan.k_tiles - 1);
#endif
#if HAS_TILES_CLOSE
                TOP_PUT_TILE(CLOSE, k_tile % plan.rounds == plan.rounds - 1);
#endif
            }
    }
    return TOP_OK;
}
#if HAS_CHANNELS

/* Quantization parameters */

static int fits(int64_t value, uint32_t width, int is_signed)
{
    const int64_t highest = (int64_t)(((uint64_t)1 << (width - 1)) - 1);

    return is_signed ? value <= highest && value >= -highest - 1
                     : value >= 0 && value <= 2 * highest + 1;
}

#define TOP_FITS(NAME, value) \
    fits(value, TOP_CHANNELS_##NAME##_WIDTH, TOP_CHANNELS_##NAME##_SIGNED)

static int check_channel(const top_channel *channel)
{
    if (!TOP_FITS(BIAS, channel->bias))
        return TOP_E_VALUE;
#if HAS_CHANNELS_FLIP
    if (!TOP_FITS(FLIP, channel->flip))
        return TOP_E_VALUE;
#endif
#if HAS_CHANNELS_MULTIPLIER
    if (!TOP_FITS(MULTIPLIER, channel->multiplier))
        return TOP_E_VALUE;
#endif
#if HAS_CHANNELS_SHIFT
    if (!TOP_FITS(SHIFT, channel->shift) || !TOP_FITS(ZERO_POINT, channel->zero_point) ||
        !TOP_FITS(LOW, channel->low) || !TOP_FITS(HIGH, channel->high) ||
        channel->low > channel->high)
        return TOP_E_VALUE;
#endif
    return TOP_OK;
}

int top_pack_channels(const top_product *product, const top_channel *channels,
                      const top_buffer *buffer)
{
    struct plan plan;
    uint32_t tile, lane;
    uint8_t *word;
    int status = begin(product, TOP_CHANNELS_INDEX, buffer, &plan);

    if (status)
        return status;
    if (!channels)
        return TOP_E_ARGUMENT;
    for (lane = 0; lane < plan.n; ++lane)
        if (check_channel(&channels[lane]))
            return TOP_E_VALUE;
#define TOP_PUT_CHANNEL(NAME, value) \
    put(word, TOP_CHANNELS_##NAME##_OFFSET, TOP_CHANNELS_##NAME##_WIDTH, (uint64_t)(value))
    word = (uint8_t *)buffer->data;
    for (tile = 0; tile < output_tiles(&plan); ++tile) {
        const uint32_t across = tile % plan.across, columns = columns_of(&plan, across);

        /* The last column comes first. */
        for (lane = TOP_COLS; lane-- > 0; word += TOP_CHANNELS_STRIDE) {
            const top_channel *channel = &channels[across * TOP_COLS + lane];

            clear(word, TOP_CHANNELS_STRIDE);
            if (lane >= columns)
                continue;
            TOP_PUT_CHANNEL(BIAS, channel->bias);
#if HAS_CHANNELS_FLIP
            TOP_PUT_CHANNEL(FLIP, channel->flip);
#endif
#if HAS_CHANNELS_MULTIPLIER
            TOP_PUT_CHANNEL(MULTIPLIER, channel->multiplier);
#endif
#if HAS_CHANNELS_SHIFT
            TOP_PUT_CHANNEL(SHIFT, channel->shift);
            TOP_PUT_CHANNEL(ZERO_POINT, channel->zero_point);
            TOP_PUT_CHANNEL(LOW, channel->low);
            TOP_PUT_CHANNEL(HIGH, channel->high);
#endif
        }
    }
#undef TOP_PUT_CHANNEL
    return TOP_OK;
}
#endif
#if HAS_CHANNELS_SHIFT

#define HIGHEST_SHIFT (((uint32_t)1 << TOP_CHANNELS_SHIFT_WIDTH) - 1)

int top_set_scale(top_channel *channel, float scale)
{
    union {
        float value;
        uint32_t bits;
    } ieee;
    uint32_t significand, exponent, shift;

    if (!channel)
        return TOP_E_ARGUMENT;
    ieee.value = scale;
    exponent = ieee.bits >> 23; /* and the sign */
    significand = ieee.bits & 0x7FFFFFu;
    /* Infinities and NaN have a larger exponent, negative numbers the sign above it. */
    if (ieee.bits == 0 || exponent > 150)
        return TOP_E_VALUE;
    significand |= exponent ? 0x800000u : 0;
    shift = 150 - (exponent ? exponent : 1);
#if HAS_CHANNELS_MULTIPLIER
    if (shift > HIGHEST_SHIFT) {
        /* Rounded half to even; shifted by more than 31, every significand is 0. */
        const uint32_t drop = shift - HIGHEST_SHIFT < 31 ? shift - HIGHEST_SHIFT : 31;
        const uint32_t half = (uint32_t)1 << (drop - 1), rest = significand & (2 * half - 1);

        significand >>= drop;
        significand += rest > half || (rest == half && significand & 1);
        shift = HIGHEST_SHIFT;
    }
    channel->multiplier = significand;
    channel->shift = shift;
#else
    if (significand != 0x800000u || shift < 23 || shift > HIGHEST_SHIFT + 23)
        return TOP_E_VALUE;
    channel->multiplier = 1;
    channel->shift = shift - 23;
#endif
    return TOP_OK;
}
#endif

#if HAS_RESULT_FORMAT

/* Results as floats */

static float float_of(uint32_t bits)
{
    union {
        uint32_t bits;
        float value;
    } ieee;

    ieee.bits = bits;
    return ieee.value;
}

float top_to_float(uint32_t code)
{
#if HAS_RESULT_FORMAT_FP32
    return float_of(code);
#endif
#if HAS_RESULT_FORMAT_BF16
    return float_of(code << 16);
#endif
#if HAS_RESULT_FORMAT_FP16
    const uint32_t sign = (code & 0x8000u) << 16, exponent = code >> 10 & 0x1Fu;
    const uint32_t fraction = (code & 0x3FFu) << 13;

    if (exponent == 0) {
        /* The fraction of a number from 2^-14 on, whose one is taken off again, exactly. */
        const float value = float_of(0x38800000u | fraction) - float_of(0x38800000u);

        return sign ? -value : value;
    }
    return float_of(sign | (exponent == 0x1Fu ? 0xFFu : exponent + 112) << 23 | fraction);
#endif
}
#endif

#if HAS_RESULTS_SPECIAL
int top_unpack(const top_product *product, const top_buffer *results, const top_matrix *y,
               uint8_t *special)
#else
int top_unpack(const top_product *product, const top_buffer *results, const top_matrix *y)
#endif
{
    struct plan plan;
    uint32_t tile, row, lane;
    const uint8_t *word;
    int status = begin(product, TOP_RESULTS_INDEX, results, &plan);

    if (!status)
        status = check_results(y, plan.n);
    if (status)
        return status;
    word = (const uint8_t *)results->data;
    for (tile = 0; tile < output_tiles(&plan); ++tile) {
        const uint32_t down = tile / plan.across, across = tile % plan.across;
        const uint32_t columns = columns_of(&plan, across);

        for (row = first_row(&plan, down); row < first_row(&plan, down + 1); ++row) {
            for (lane = 0; lane < columns; ++lane) {
                const uint32_t column = across * TOP_COLS + lane;

                set_entry(y, row, column,
                          get(word, TOP_RESULTS_LANE_OFFSET + lane * TOP_RESULTS_LANE_WIDTH,
                              TOP_RESULTS_LANE_WIDTH, TOP_RESULTS_LANE_SIGNED));
#if HAS_RESULTS_SPECIAL
                if (special)
                    special[(size_t)row * plan.n + column] =
                        (uint8_t)get(word, TOP_RESULTS_SPECIAL_OFFSET + lane, 1, 0);
#endif
            }
            word += TOP_RESULTS_STRIDE;
        }
    }
    return TOP_OK;
}
#if HAS_DMA

int top_multiply(const top_device *device, const top_buffer *memory, const top_product *product,
                 const top_matrix *a, const top_matrix *w,
#if HAS_ACTS_SCALE
                 const top_matrix *a_scales,
#endif
#if HAS_W_SCALES
                 const top_matrix *w_scales,
#endif
#if HAS_CHANNELS
                 const top_channel *channels,
#endif
#if HAS_RESULTS_SPECIAL
                 const top_matrix *y, uint8_t *special)
#else
                 const top_matrix *y)
#endif
{
    top_buffer buffers[TOP_STREAMS];
    uint32_t words[TOP_STREAMS];
    int status = top_count(product, words);

    if (!status)
        status = check_results(y, product->n);
    if (!status)
        status = top_split(memory, words, buffers);
    if (!status)
        status = top_pack_tiles(product, &buffers[TOP_TILES_INDEX]);
    if (!status)
        status = top_pack_weights(product, w, &buffers[TOP_WEIGHTS_INDEX]);
    if (!status)
#if HAS_ACTS_SCALE
        status = top_pack_acts(product, a, a_scales, &buffers[TOP_ACTS_INDEX]);
#else
        status = top_pack_acts(product, a, &buffers[TOP_ACTS_INDEX]);
#endif
#if HAS_W_SCALES
    if (!status)
        status = top_pack_w_scales(product, w_scales, &buffers[TOP_W_SCALES_INDEX]);
#endif
#if HAS_CHANNELS
    if (!status)
        status = top_pack_channels(product, channels, &buffers[TOP_CHANNELS_INDEX]);
#endif
    if (!status)
        status = top_run(device, buffers, words);
    if (!status)
#if HAS_RESULTS_SPECIAL
        status = top_unpack(product, &buffers[TOP_RESULTS_INDEX], y, special);
#else
        status = top_unpack(product, &buffers[TOP_RESULTS_INDEX], y);
#endif
    return status;
}
#endif
