/* uses: dense_lanes number_formats */
/* A lane is one number, the only term of a PE */

static uint32_t act_bit(const struct plan *plan, uint32_t term)
{
    (void)plan;
    (void)term;
    return 0;
}

static uint32_t weight_bit(const struct plan *plan, uint32_t term)
{
    (void)plan;
    (void)term;
    return 0;
}
