// ALIGNN's edge-gated convolution, forward and backward, in one pass over the edges each way.
//
// With s, t, v and o per node and u per edge, all linear in what came before, m_e = s_source + t_target + u_e
// and the node's new value is norm_n(o + sum_e k_e sigmoid(m_e) v_source / (sum_e k_e sigmoid(m_e) + 1e-6))
// through SiLU, over the edges into it, of which each stands for k_e; the edge's is silu(norm_e(m_e)).
// Sources' rows are read, and their gradients added to, in place: they are those of a crystal's few nodes.
// Gates are computed again on the way back, which costs less than keeping them.
// Rows may be kept in fewer bits than they are computed with.
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "bfloat16.h"
#include "exponential.h"
#include "shares.h"

#ifndef STORED
#define STORED REAL
#endif
using Real = REAL;      // given to the compiler
using Stored = STORED;  // how rows of edges and nodes, and their gradients, are kept

struct Links {
    int64_t n_crystals;
    const int64_t *first_node;  // (n_crystals + 1,)
    int64_t n_edges;
    const int64_t *first_edge;  // (n_nodes,) into each node
    const int64_t *source;      // (n_edges,)
    const Real *into_one;       // k (n_edges,)
    const Real *share;          // (n_edges,)
};

struct Rows {
    const Stored *values;  // (n_rows, n_features)
    const Real *share;     // (n_rows,)
    int64_t n_rows;
};

struct Norm {
    const Real *scale;     // (n_features,)
    const Real *shift;     // (n_features,)
    const Real *constant;  // (n_features,) with slope the batch statistics' own derivative
    const Real *slope;     // (n_features,)
};

struct Work {
    int64_t n_features;
    int n_threads;
};

namespace {

constexpr Real SMALL = 1e-6;
constexpr int TILE = 128 / sizeof(Real);  // channels at a time, whose sums stay in registers
constexpr int64_t BLOCK = 64;             // rows summed in Real before they join the double sum

// work(first channel, width) in tiles; the width is a constant for all but the last.
template <typename Work>
void over_tiles(int64_t n_features, Work work) {
    int64_t c = 0;
    for (; c + TILE <= n_features; c += TILE) work(c, std::integral_constant<int, TILE>());
    if (c < n_features) work(c, static_cast<int>(n_features - c));
}

inline Real sigmoid(Real x) { return Real(1) / (Real(1) + exponential(-x)); }

inline Real silu_gradient(Real x) {
    const Real s = sigmoid(x);
    return s * (Real(1) + x * (Real(1) - s));
}

// totals (2, n_features): sums over rows of what value(row, channel, &first, &second) gives.
template <typename Value>
void row_sums(const Work &work, int64_t n_rows, double *totals, Value value) {
    const int64_t n = work.n_features;
    std::vector<double> partial(static_cast<size_t>(work.n_threads) * 2 * n, 0.0);
    over_rows(n_rows, work.n_threads, [&](int thread, int64_t begin, int64_t end) {
        double *mine = partial.data() + static_cast<size_t>(thread) * 2 * n;
        for (int64_t block = begin; block < end; block += BLOCK)
            over_tiles(n, [&](int64_t first, auto width) {
                Real one[TILE] = {}, two[TILE] = {};
                for (int64_t row = block; row < end && row < block + BLOCK; row++)
#pragma omp simd
                    for (int c = 0; c < width; c++) value(row, first + c, one + c, two + c);
                for (int c = 0; c < width; c++) {
                    mine[first + c] += one[c];
                    mine[n + first + c] += two[c];
                }
            });
    });
    add_up(partial, 2 * n, totals);
}

}  // namespace

extern "C" {

// totals (2, n_features): weighted sums of row - pivot and of its square; the pivot is the first row.
void statistics(const Work *work, const Rows *rows, double *totals) {
    const int64_t n = work->n_features;
    row_sums(*work, rows->n_rows, totals, [=](int64_t row, int64_t c, Real *one, Real *two) {
        const Real off = rows->values[row * n + c] - rows->values[c];
        *one += rows->share[row] * off;
        *two += rows->share[row] * off * off;
    });
}

// activated = silu(scale row + shift), plus the residual if there is one.
void activate(const Work *work, const Rows *rows, const Norm *norm, const Stored *residual, Stored *activated) {
    const int64_t n = work->n_features;
    over_rows(rows->n_rows, work->n_threads, [&](int, int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; row++) {
            const Stored *from = rows->values + row * n;
            Stored *to = activated + row * n;
            if (residual)
#pragma omp simd
                for (int64_t c = 0; c < n; c++) {
                    const Real x = from[c] * norm->scale[c] + norm->shift[c];
                    to[c] = x * sigmoid(x) + residual[row * n + c];
                }
            else
#pragma omp simd
                for (int64_t c = 0; c < n; c++) {
                    const Real x = from[c] * norm->scale[c] + norm->shift[c];
                    to[c] = x * sigmoid(x);
                }
        }
    });
}

// totals (2, n_features): sums of the normalised rows' gradient and of its product with row - pivot.
void activate_backward_statistics(const Work *work, const Rows *rows, const Norm *norm, const Stored *gradient,
                                  double *totals) {
    const int64_t n = work->n_features;
    row_sums(*work, rows->n_rows, totals, [=](int64_t row, int64_t c, Real *one, Real *two) {
        const Real x = rows->values[row * n + c];
        const Real d = gradient[row * n + c] * silu_gradient(x * norm->scale[c] + norm->shift[c]);
        *one += d;
        *two += d * (x - rows->values[c]);
    });
}

void activate_backward(const Work *work, const Rows *rows, const Norm *norm, const Stored *gradient,
                       Stored *d_rows) {
    const int64_t n = work->n_features;
    over_rows(rows->n_rows, work->n_threads, [&](int, int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; row++) {
            const Real share = rows->share[row];
#pragma omp simd
            for (int64_t c = 0; c < n; c++) {
                const Real x = rows->values[row * n + c];
                const Real d = gradient[row * n + c] * silu_gradient(x * norm->scale[c] + norm->shift[c]);
                d_rows[row * n + c] = norm->scale[c] * (d - share * (norm->constant[c] + norm->slope[c] * x));
            }
        }
    });
}

// projected (n_nodes, 4, n_features) holds s, t, v and o; edges come in as u and leave as m. weights and
// means are the denominator and the quotient; combined is o + the mean. totals as in `statistics`, of m.
void gate(const Work *work, const Links *links, const Stored *projected, Stored *edges, Real *weights, Real *means,
          Stored *combined, double *totals) {
    const int64_t n = work->n_features, n_nodes = links->first_node[links->n_crystals];
    std::vector<Stored> pivot(n);
    std::vector<double> partial(static_cast<size_t>(work->n_threads) * 2 * n, 0.0);
    int64_t target = 0;  // of the first edge
    while (target + 1 < n_nodes && links->first_edge[target + 1] == 0) target++;
    if (links->n_edges)
        for (int64_t c = 0; c < n; c++)
            pivot[c] = projected[links->source[0] * 4 * n + c] + projected[(target * 4 + 1) * n + c] + edges[c];
    over_crystals(links->n_crystals, links->first_node, work->n_threads, [&](int thread, int64_t begin, int64_t end) {
        double *mine = partial.data() + static_cast<size_t>(thread) * 2 * n;
        for (int64_t node = begin; node < end; node++) {
            const int64_t last = node + 1 < n_nodes ? links->first_edge[node + 1] : links->n_edges;
            over_tiles(n, [&](int64_t first, auto width) {
                Real weight[TILE] = {}, sum[TILE] = {}, one[TILE] = {}, two[TILE] = {};
                const Stored *t = projected + (node * 4 + 1) * n + first, *o = t + 2 * n;
                const Stored *zero = pivot.data() + first;
                for (int64_t edge = links->first_edge[node]; edge < last; edge++) {
                    const Stored *s = projected + links->source[edge] * 4 * n + first, *v = s + 2 * n;
                    const Real k = links->into_one[edge], share = links->share[edge];
                    Stored *m = edges + edge * n + first;
#pragma omp simd
                    for (int c = 0; c < width; c++) {
                        m[c] = s[c] + t[c] + m[c];
                        const Real x = m[c];
                        const Real gate = k * sigmoid(x);
                        const Real off = x - zero[c];
                        weight[c] += gate;
                        sum[c] += gate * v[c];
                        one[c] += share * off;
                        two[c] += share * off * off;
                    }
                }
                const int64_t at = node * n + first;
                for (int c = 0; c < width; c++) {
                    weights[at + c] = weight[c] + SMALL;
                    means[at + c] = sum[c] / (weight[c] + SMALL);
                    combined[at + c] = o[c] + means[at + c];
                    mine[first + c] += one[c];
                    mine[n + first + c] += two[c];
                }
            });
        }
    });
    add_up(partial, 2 * n, totals);
}

// Gradients of projected, which come in as zeros, and of u, from those of combined and, if there is one, of
// silu(norm(m)).
void gate_backward(const Work *work, const Links *links, const Stored *projected, const Stored *edges,
                   const Real *weights, const Real *means, const Stored *d_combined, const Norm *norm,
                   const Stored *gradient, Real *d_projected, Stored *d_edges) {
    const int64_t n = work->n_features, n_nodes = links->first_node[links->n_crystals];
    over_crystals(links->n_crystals, links->first_node, work->n_threads, [&](int, int64_t begin, int64_t end) {
        for (int64_t node = begin; node < end; node++) {
            const int64_t last = node + 1 < n_nodes ? links->first_edge[node + 1] : links->n_edges;
            over_tiles(n, [&](int64_t first, auto width) {
                const int64_t at = node * n + first;
                Real d_sum[TILE], d_weight[TILE], d_target[TILE] = {};
                Real *d_own = d_projected + node * 4 * n + 3 * n + first;
                for (int c = 0; c < width; c++) {
                    d_own[c] = d_combined[at + c];
                    d_sum[c] = d_own[c] / weights[at + c];
                    d_weight[c] = -d_sum[c] * means[at + c];
                }
                for (int64_t edge = links->first_edge[node]; edge < last; edge++) {
                    const Real k = links->into_one[edge], share = links->share[edge];
                    const Stored *v = projected + (links->source[edge] * 4 + 2) * n + first;
                    const Stored *m = edges + edge * n + first;
                    Real *d_source = d_projected + links->source[edge] * 4 * n + first, *d_message = d_source + 2 * n;
                    Stored *d_edge = d_edges + edge * n + first;
                    Real d_m[TILE];
#pragma omp simd
                    for (int c = 0; c < width; c++) {
                        const Real s = sigmoid(m[c]);
                        d_message[c] += k * s * d_sum[c];
                        d_m[c] = k * s * (Real(1) - s) * (v[c] * d_sum[c] + d_weight[c]);
                    }
                    if (gradient) {
                        const Stored *d_activated = gradient + edge * n + first;
                        const Real *scale = norm->scale + first, *shift = norm->shift + first;
                        const Real *constant = norm->constant + first, *slope = norm->slope + first;
#pragma omp simd
                        for (int c = 0; c < width; c++) {
                            const Real x = m[c];
                            const Real d = d_activated[c] * silu_gradient(x * scale[c] + shift[c]);
                            d_m[c] += scale[c] * (d - share * (constant[c] + slope[c] * x));
                        }
                    }
#pragma omp simd
                    for (int c = 0; c < width; c++) {
                        d_edge[c] = d_m[c];
                        d_source[c] += d_m[c];
                        d_target[c] += d_m[c];
                    }
                }
                for (int c = 0; c < width; c++) d_projected[(node * 4 + 1) * n + first + c] = d_target[c];
            });
        }
    });
}

}  // extern "C"
