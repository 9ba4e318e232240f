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
};
