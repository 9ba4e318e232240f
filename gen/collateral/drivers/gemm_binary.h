/* The sizes of a product, and the widths and signs of its operands. One bit with a sign stands for
   -1 and 1: a matrix has -1 or 0 for the one and 1 for the other. */
struct top_product {
    uint32_t m, k, n;
    uint8_t a_bits, w_bits;     /* 1 to 8 */
    uint8_t a_signed, w_signed; /* 0 or 1 */
};
