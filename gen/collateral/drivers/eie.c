/* Networks */

static uint32_t get_position(const uint8_t *positions, uint32_t index)
{
    return (uint32_t)get(positions + (size_t)4 * index, 0, 32, 0);
}

/* TOP_E_ARGUMENT unless all positions are within the words of a vector. */
static int check_positions(const uint8_t *positions, uint32_t count, uint32_t words)
{
    uint32_t index;

    if (!positions || !count || !words)
        return TOP_E_ARGUMENT;
    for (index = 0; index < count; ++index)
        if (get_position(positions, index) / TOP_PES >= words)
            return TOP_E_ARGUMENT;
    return TOP_OK;
}

int top_count(const top_network *network, uint32_t vectors, int fill, uint32_t words[TOP_STREAMS])
{
    uint32_t jobs, acts, results;

    if (!words)
        return TOP_E_ARGUMENT;
    for (jobs = 0; jobs < TOP_STREAMS; ++jobs)
        words[jobs] = 0;
    if (!network || !network->load || !network->jobs || !network->load_words ||
        !network->fill_jobs || !network->vector_jobs || (!fill && !vectors))
        return TOP_E_ARGUMENT;
    if (check_positions(network->inputs, network->input_count, network->acts_words) ||
        check_positions(network->outputs, network->output_count, network->result_words))
        return TOP_E_ARGUMENT;
    jobs = network->vector_jobs;
    acts = network->acts_words;
    results = network->result_words;
    if (times(&jobs, vectors) || times(&acts, vectors) || times(&results, vectors))
        return TOP_E_WORDS;
    if (fill && jobs > UINT32_MAX - network->fill_jobs)
        return TOP_E_WORDS;
    words[TOP_LOAD_INDEX] = fill ? network->load_words : 0;
    words[TOP_JOBS_INDEX] = jobs + (fill ? network->fill_jobs : 0);
    words[TOP_ACTS_INDEX] = acts;
    words[TOP_RESULTS_INDEX] = results;
    return TOP_OK;
}

static int begin(const top_network *network, uint32_t vectors, int fill, unsigned stream,
                 const top_buffer *buffer)
{
    uint32_t words[TOP_STREAMS];
    int status = top_count(network, vectors, fill, words);

    return status ? status : check_size(buffer, stream, words[stream]);
}

static uint8_t *copy(uint8_t *to, const uint8_t *from, uint64_t bytes)
{
    while (bytes--)
        *to++ = *from++;
    return to;
}

int top_pack_load(const top_network *network, const top_buffer *load)
{
    int status = begin(network, 0, 1, TOP_LOAD_INDEX, load);

    if (!status)
        copy((uint8_t *)load->data, network->load, top_bytes(TOP_LOAD_INDEX, network->load_words));
    return status;
}

int top_pack_jobs(const top_network *network, uint32_t vectors, int fill, const top_buffer *jobs)
{
    const uint8_t *from;
    uint64_t filling;
    uint8_t *to;
    int status = begin(network, vectors, fill, TOP_JOBS_INDEX, jobs);

    if (status)
        return status;
    from = network->jobs;
    to = (uint8_t *)jobs->data;
    filling = top_bytes(TOP_JOBS_INDEX, network->fill_jobs);
    if (fill)
        to = copy(to, from, filling);
    while (vectors--)
        to = copy(to, from + filling, top_bytes(TOP_JOBS_INDEX, network->vector_jobs));
    return TOP_OK;
}

int top_pack_acts(const top_network *network, uint32_t vectors, const top_matrix *a,
                  const top_buffer *acts)
{
    const int64_t highest = (int64_t)(((uint64_t)1 << (TOP_ACTS_LANE_WIDTH - 1)) - 1);
    const uint64_t vector_bytes = network ? top_bytes(TOP_ACTS_INDEX, network->acts_words) : 0;
    uint32_t vector, input;
    uint8_t *words;
    int status = begin(network, vectors, 0, TOP_ACTS_INDEX, acts);

    if (!status)
        status = check_matrix(a, network->input_count);
    if (status)
        return status;
    words = (uint8_t *)acts->data;
    for (vector = 0; vector < vectors; ++vector, words += vector_bytes) {
        clear(words, vector_bytes);
        for (input = 0; input < network->input_count; ++input) {
            const uint32_t position = get_position(network->inputs, input);
            const int64_t value = get_entry(a, vector, input);

            if (value > highest || value < -highest - 1)
                return TOP_E_VALUE;
            put(words + top_bytes(TOP_ACTS_INDEX, position / TOP_PES),
                position % TOP_PES * TOP_ACTS_LANE_WIDTH, TOP_ACTS_LANE_WIDTH, (uint64_t)value);
        }
    }
    return TOP_OK;
}

int top_unpack(const top_network *network, uint32_t vectors, const top_buffer *results,
               const top_matrix *y)
{
    uint32_t vector, output;
    const uint8_t *words;
    int status = begin(network, vectors, 0, TOP_RESULTS_INDEX, results);

    if (!status)
        status = check_results(y, network->output_count);
    if (status)
        return status;
    words = (const uint8_t *)results->data;
    for (vector = 0; vector < vectors; ++vector) {
        for (output = 0; output < network->output_count; ++output) {
            const uint32_t position = get_position(network->outputs, output);

            set_entry(y, vector, output,
                      get(words + top_bytes(TOP_RESULTS_INDEX, position / TOP_PES),
                          position % TOP_PES * TOP_RESULTS_LANE_WIDTH, TOP_RESULTS_LANE_WIDTH,
                          TOP_RESULTS_LANE_SIGNED));
        }
        words += top_bytes(TOP_RESULTS_INDEX, network->result_words);
    }
    return TOP_OK;
}
