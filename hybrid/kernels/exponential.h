// The exponential function. Written out, unlike a call, it keeps a vectorised loop in its registers.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

// e^x to 1e-7; beyond 87 it stays finite, as the fast division that follows must not meet infinity.
inline float exponential(float x) {
    x = fminf(fmaxf(x, -87.f), 87.f);
    const float n = rintf(x * 1.44269504f);
    const float r = fmaf(n, 1.43244005e-6f, fmaf(n, -0.693148613f, x));  // x - n ln 2, in two parts
    float p = 0.00138282415f;
    p = fmaf(p, r, 0.00837558974f);
    p = fmaf(p, r, 0.0416684262f);
    p = fmaf(p, r, 0.166664109f);
    p = fmaf(p, r, 0.499999911f);
    p = fmaf(p, r, 1.f);
    p = fmaf(p, r, 1.f);
    const int32_t power = (static_cast<int32_t>(n) + 127) << 23;
    float scale;
    std::memcpy(&scale, &power, sizeof scale);
    return p * scale;
}

// e^x in double precision, by the library; finite too.
inline double exponential(double x) { return std::exp(fmin(fmax(x, -700.), 700.)); }
