/* The sizes of a product, and the formats of its operands. */
struct top_product {
    uint32_t m, k, n;
    uint8_t a_format, w_format; /* TOP_A_FORMAT_..., TOP_W_FORMAT_...; 0 is the first */
};
