// The part of LZ4 that Verilator's FST writer calls, for machines without the library.
// SPDX-License-Identifier: BSD-2-Clause
//
// Writes LZ4 blocks as the LZ4 block format description defines them. It looks for repetition in
// one place only, so its blocks are mostly larger than the library's; every decoder reads them.

#ifndef BRICKWORK_LZ4_H
#define BRICKWORK_LZ4_H

#include <cstdint>
#include <cstring>

#define LZ4_MAX_INPUT_SIZE 0x7E000000

/// The most bytes that a block of `size` bytes can take, or 0 if it is too large for one.
inline int LZ4_compressBound(int size) {
    return size < 0 || size > LZ4_MAX_INPUT_SIZE ? 0 : size + size / 255 + 16;
}

namespace brickwork_lz4 {

/// What a length has beyond the 15 that its half of the token can hold.
inline uint8_t* put_length(uint8_t* out, int rest) {
    for (; rest >= 255; rest -= 255) *out++ = 255;
    *out++ = static_cast<uint8_t>(rest);
    return out;
}

/// Literals, then a copy of `match` bytes from `distance` back; the last sequence has no copy.
inline uint8_t* put_sequence(uint8_t* out, const uint8_t* literals, int count, int distance,
                             int match) {
    const int copy = match ? match - 4 : 0;
    *out++ = static_cast<uint8_t>((count < 15 ? count : 15) << 4 | (copy < 15 ? copy : 15));
    if (count >= 15) out = put_length(out, count - 15);
    if (count) std::memcpy(out, literals, count);
    out += count;
    if (!match) return out;
    *out++ = static_cast<uint8_t>(distance);
    *out++ = static_cast<uint8_t>(distance >> 8);
    return copy >= 15 ? put_length(out, copy - 15) : out;
}

inline uint32_t four_bytes(const uint8_t* from) {
    uint32_t word;
    std::memcpy(&word, from, sizeof word);
    return word;
}

}  // namespace brickwork_lz4

/// Compresses `size` bytes and gives the size of the block, or 0 if it cannot.
///
/// Unlike the library's, it always wants room for LZ4_compressBound(size) bytes.
inline int LZ4_compress_default(const char* from, char* to, int size, int room) {
    using namespace brickwork_lz4;
    if (LZ4_compressBound(size) == 0 || room < LZ4_compressBound(size)) return 0;
    const uint8_t* const in = reinterpret_cast<const uint8_t*>(from);
    uint8_t* out = reinterpret_cast<uint8_t*>(to);
    // Where four bytes with this hash were seen last. Whether they were is checked, so that a
    // place that was never entered does no harm.
    int seen[4096] = {};
    int done = 0;
    // The format wants the last match to begin 12 bytes before the end or earlier, and the last 5
    // bytes to be literals.
    for (int at = 1; at <= size - 12;) {
        int& place = seen[four_bytes(in + at) * 2654435761u >> 20];
        const int back = place;
        place = at;
        if (at - back > 0xFFFF || four_bytes(in + back) != four_bytes(in + at)) {
            ++at;
            continue;
        }
        int match = 4;
        while (at + match < size - 5 && in[back + match] == in[at + match]) ++match;
        out = put_sequence(out, in + done, at - done, at - back, match);
        done = at += match;
    }
    out = put_sequence(out, in + done, size - done, 0, 0);
    return static_cast<int>(out - reinterpret_cast<uint8_t*>(to));
}

#endif
