/* Y = A * W, of an M x K matrix of activations and a K x N matrix of weights. */
typedef struct top_product top_product;
#if HAS_CHANNELS

/* Quantization parameters of a column of Y. */
typedef struct top_channel {
    int64_t bias; /* added to the sums */
#if HAS_CHANNELS_FLIP
    uint8_t flip; /* then y = sum >= 0, or with flip = 1 sum < 0 */
#endif
#if HAS_CHANNELS_SHIFT
    /* Then y = clamp(round(sum * multiplier / 2^shift) + zero_point), rounded to nearest with ties
       to even. A core without multipliers takes multiplier as 1. */
    uint32_t multiplier, shift;
    int32_t zero_point, low, high;
#endif
} top_channel;
#endif
#if HAS_CHANNELS_SHIFT

/* Sets multiplier and shift for a scale, exactly. TOP_E_VALUE unless 0 < scale < 2^24, or, for a
   core without multipliers, unless the scale is a power of two from 2^-63 to 1. */
int top_set_scale(top_channel *channel, float scale);
#endif

/* Words of each stream. TOP_E_ARGUMENT if a size is 0, K is larger than the accumulators allow, or
   a format does not exist; TOP_E_WORDS. */
int top_count(const top_product *product, uint32_t words[TOP_STREAMS]);

/* A is M x K, W is K x N. Both hold codes; the codes of integer formats are the integers.
   TOP_E_VALUE if a number is out of range, TOP_E_SIZE if a buffer is too small. */
int top_pack_tiles(const top_product *product, const top_buffer *tiles);
int top_pack_weights(const top_product *product, const top_matrix *w, const top_buffer *weights);
#if HAS_ACTS_SCALE

/* A_scales is M x groups, codes of scales of the groups of each row. */
int top_pack_acts(const top_product *product, const top_matrix *a, const top_matrix *a_scales,
                  const top_buffer *acts);
#else
int top_pack_acts(const top_product *product, const top_matrix *a, const top_buffer *acts);
#endif
#if HAS_W_SCALES

/* W_scales is groups x N, codes of scales of the groups of each column. TOP_E_VALUE if a code has
   more bits than the format. */
int top_pack_w_scales(const top_product *product, const top_matrix *w_scales,
                      const top_buffer *buffer);
#endif
#if HAS_CHANNELS

/* `channels` has N entries. */
int top_pack_channels(const top_product *product, const top_channel *channels,
                      const top_buffer *buffer);
#endif

#if HAS_RESULT_FORMAT
/* Y is M x N, of an unsigned type that holds the codes of TOP_RESULT_FORMAT, or of TOP_S64. */
#else
/* Y is M x N, of a type that holds every result. */
#endif
#if HAS_RESULTS_SPECIAL
/* `special` is null or has M x N bytes: 1 for results that may depend on NaN or infinity. */
int top_unpack(const top_product *product, const top_buffer *results, const top_matrix *y,
               uint8_t *special);
#else
int top_unpack(const top_product *product, const top_buffer *results, const top_matrix *y);
#endif
#if HAS_RESULT_FORMAT

/* The value of a result. */
float top_to_float(uint32_t code);
#endif
#if HAS_DMA

/* Y = A * W, with `memory` for the words of all streams: see top_count and top_split. */
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
                 const top_matrix *y, uint8_t *special);
#else
                 const top_matrix *y);
#endif
#endif
