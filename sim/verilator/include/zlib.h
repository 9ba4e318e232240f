// The part of zlib that Verilator's FST writer calls, for machines without the library.
// SPDX-License-Identifier: BSD-2-Clause
//
// Writes zlib streams (RFC 1950) whose deflate blocks (RFC 1951) are stored, not compressed.

#ifndef BRICKWORK_ZLIB_H
#define BRICKWORK_ZLIB_H

#include <cstring>
#include <initializer_list>

using Byte = unsigned char;
using Bytef = Byte;
using uInt = unsigned int;
using uLong = unsigned long;
using uLongf = uLong;

#define Z_OK 0
#define Z_BUF_ERROR (-5)

namespace brickwork_zlib {

constexpr uLong most_stored = 65535;  // bytes of one stored block

inline uLong adler32(const Bytef* from, uLong size) {
    uInt a = 1;
    uInt b = 0;
    while (size) {
        // The most steps after which neither sum exceeds 32 bits.
        uLong steps = size < 5552 ? size : 5552;
        size -= steps;
        for (; steps; --steps) b += a += *from++;
        a %= 65521;
        b %= 65521;
    }
    return uLong{b} << 16 | a;
}

}  // namespace brickwork_zlib

/// The bytes that a stream of `size` bytes takes: header, stored blocks, check value.
inline uLong compressBound(uLong size) {
    using brickwork_zlib::most_stored;
    const uLong blocks = size ? (size - 1) / most_stored + 1 : 1;
    return 2 + 5 * blocks + size + 4;
}

/// Makes a stream of `size` bytes. `room` is the space at `to`, then what was used of it.
inline int compress2(Bytef* to, uLongf* room, const Bytef* from, uLong size, int /*level*/) {
    using brickwork_zlib::most_stored;
    if (*room < compressBound(size)) return Z_BUF_ERROR;
    *room = compressBound(size);
    const uLong check = brickwork_zlib::adler32(from, size);
    *to++ = 0x78;  // deflate, window of 32 KiB
    *to++ = 0x01;  // fastest; makes the header a multiple of 31
    bool last;
    do {
        const uLong count = size < most_stored ? size : most_stored;
        last = count == size;
        *to++ = last;
        for (const uLong field : {count, ~count}) {
            *to++ = static_cast<Byte>(field);
            *to++ = static_cast<Byte>(field >> 8);
        }
        if (count) std::memcpy(to, from, count);
        to += count;
        from += count;
        size -= count;
    } while (!last);
    for (int shift = 24; shift >= 0; shift -= 8) *to++ = static_cast<Byte>(check >> shift);
    return Z_OK;
}

#endif
