/* The sizes of a product, and the widths and signs of its operands. */
struct top_product {
    uint32_t m, k, n;
    uint8_t a_bits, w_bits;     /* 2, 4, 8 or 16 */
    uint8_t a_signed, w_signed; /* 0 or 1 */
};
