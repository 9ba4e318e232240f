
/* Sets product->span to the most terms that fit W, whose sizes the product has. */
int top_choose_span(top_product *product, const top_matrix *w);
