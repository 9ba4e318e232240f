// The least that a simulation of gemm_ws takes: its four streams, and nothing between two clock
// edges but random operands. What drives the same Verilog from files or Python can only be slower.
//
// Compiled with -DROWS= and -DCOLS=, the shape of an array of 8-bit operands.
// Arguments: RUNS, the number of tiles; LENGTH, rows of activations of each; WORD, of `tiles`.
// Prints cycles from the first accepted word to the last result, and a sum over the results.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "Vtop.h"
#include "verilated.h"

namespace {

struct Random {
    uint64_t state = 88172645463325252ull;

    uint64_t next() {
        state ^= state << 13;
        state ^= state >> 7;
        return state ^= state << 17;
    }
};

// The first bytes of a payload; the rest of its words stays zero, as Verilator wants it.
template <size_t bytes, typename Payload>
void fill(Payload& payload, Random& random) {
    for (size_t at = 0; at < bytes; at += 8) {
        const uint64_t word = random.next();
        std::memcpy(reinterpret_cast<char*>(&payload) + at, &word, bytes - at < 8 ? bytes - at : 8);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    const uint64_t runs = std::strtoull(argv[1], nullptr, 10);
    const uint64_t length = std::strtoull(argv[2], nullptr, 10);
    const uint64_t word = std::strtoull(argv[3], nullptr, 10);
    VerilatedContext context;
    Vtop top{&context};
    Random random;

    top.tiles_payload = word;
    top.tiles_valid = top.weights_valid = top.acts_valid = top.results_ready = 0;
    top.rst = 1;
    for (int edge = 0; edge < 8; ++edge) {
        if (edge == 6) top.rst = 0;
        top.clk = edge & 1;
        top.eval();
    }

    uint64_t tiles = runs, weights = runs * ROWS, acts = runs * length, results = runs * length;
    const uint64_t limit = 8 * (runs * (length + ROWS) + ROWS + COLS) + 10000;
    uint64_t first = 0, last = 0, sum = 0;
    for (uint64_t cycle = 1; results && cycle < limit; ++cycle) {
        top.clk = 0;
        top.eval();
        const bool tile = top.tiles_valid & top.tiles_ready;
        const bool weight = top.weights_valid & top.weights_ready;
        const bool act = top.acts_valid & top.acts_ready;
        if (!first && (tile | weight | act)) first = cycle;
        if (top.results_valid & top.results_ready) {
            uint32_t part = 0;
            std::memcpy(&part, &top.results_payload, sizeof part);
            sum += part;
            --results;
            last = cycle;
        }
        top.clk = 1;
        top.eval();
        tiles -= tile;
        top.tiles_valid = tiles != 0;
        weights -= weight;
        if (weight || !top.weights_valid) fill<COLS>(top.weights_payload, random);
        top.weights_valid = weights != 0;
        acts -= act;
        if (act || !top.acts_valid) fill<ROWS>(top.acts_payload, random);
        top.acts_valid = acts != 0;
        top.results_ready = 1;
    }
    top.final();
    std::printf("%llu %llu\n", static_cast<unsigned long long>(last - first + 1),
                static_cast<unsigned long long>(sum));
    return results ? 3 : 0;
}
