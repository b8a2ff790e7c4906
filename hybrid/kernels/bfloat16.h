// Numbers with the range of a float and 8 significant bits: the upper half of a float.
#pragma once

#include <cstdint>
#include <cstring>

struct BFloat16 {
    uint16_t bits;

    // Rounds to nearest, ties to even.
    BFloat16 &operator=(float x) {
        uint32_t whole;
        std::memcpy(&whole, &x, sizeof whole);
        bits = static_cast<uint16_t>((whole + 0x7fff + (whole >> 16 & 1)) >> 16);
        return *this;
    }

    operator float() const {
        const uint32_t whole = static_cast<uint32_t>(bits) << 16;
        float x;
        std::memcpy(&x, &whole, sizeof x);
        return x;
    }
};
