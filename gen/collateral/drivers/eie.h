/* A network of matrices in the core's memories, as `brickwork pack` writes it to a folder; job.json
   there holds the counts. All words are at their stride. */
typedef struct top_network {
    const uint8_t *load; /* load.bin: words that fill the memories */
    uint32_t load_words;
    const uint8_t *jobs; /* jobs.bin: jobs that fill the memories, then the jobs of a vector */
    uint32_t fill_jobs, vector_jobs;
    const uint8_t *inputs; /* inputs.bin: position of each input in the acts_words of a vector */
    uint32_t input_count, acts_words;
    const uint8_t *outputs; /* outputs.bin: position of each output in the result_words */
    uint32_t output_count, result_words;
} top_network;

/* Words of each stream that take `vectors` vectors through the network. With `fill` the memories
   are filled before; with `fill` and no vectors they are only filled. Without `fill` the network in
   the memories stays. TOP_E_ARGUMENT if there is nothing to do, TOP_E_WORDS. */
int top_count(const top_network *network, uint32_t vectors, int fill, uint32_t words[TOP_STREAMS]);

int top_pack_load(const top_network *network, const top_buffer *load);
int top_pack_jobs(const top_network *network, uint32_t vectors, int fill, const top_buffer *jobs);

/* A has a row of `input_count` numbers for each vector, Y a row of `output_count` numbers. */
int top_pack_acts(const top_network *network, uint32_t vectors, const top_matrix *a,
                  const top_buffer *acts);
int top_unpack(const top_network *network, uint32_t vectors, const top_buffer *results,
               const top_matrix *y);
