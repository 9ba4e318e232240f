/* The sizes of a product, and the formats of its operands. */
struct top_product {
    uint32_t m, k, n;
    uint8_t a_format, w_format; /* TOP_A_FORMAT_..., TOP_W_FORMAT_...; 0 is the first */
#if HAS_WEIGHTS_INDEX
    /* Terms of K of each group of PEs, in which no column of W has more non-zero codes than a group
       has rows, TOP_GROUP_ROWS to TOP_GROUP_LANES; see top_choose_span. 0 is TOP_GROUP_ROWS, which
       fits every W. */
    uint8_t span;
#endif
#if HAS_OUTLIER_ROWS
    /* How often each K tile comes: a column of a group of TOP_GROUP_LANES terms has at most
       TOP_OUTLIER_ROWS outliers each time; 1 to TOP_GROUP_LANES; see top_choose_rounds. 0 is 1. */
    uint8_t rounds;
#endif
#if HAS_W_SCALES
    /* Terms of K that share a scale, 1 to TOP_GROUP; the last group may have fewer. 0 is TOP_GROUP.
       A core that aligns activations takes up to TOP_ROWS, or a multiple of TOP_ROWS. */
    uint32_t group;
#endif
};
