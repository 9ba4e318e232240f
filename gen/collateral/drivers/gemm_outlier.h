
/* Sets product->rounds to the least that W takes, whose sizes the product has. */
int top_choose_rounds(top_product *product, const top_matrix *w);
