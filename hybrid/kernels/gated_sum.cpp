// CGCNN's gated sum over neighbours, forward and backward, without any edge-sized buffer.
//
// With S = a W_self + b and T = a W_neighbour per atom and g the Gaussian expansion of a distance, the
// pre-activation of the edge from atom i to its neighbour j is x = S_i + T_j + g W_edge: A gates, then
// A messages. The layer returns h_i = sum_j sigmoid(u_gate) softplus(u_message) with u = scale x + shift,
// the batch normalisation. Every pass recomputes x from S, T and g: a few dozen multiply-adds a channel
// cost less than writing x to memory and reading it back. Edges of an atom to the same neighbour at the
// same distance (periodic images, and the edges that fill up a short row) are one edge with a weight.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "exponential.h"
#include "shares.h"

namespace {

constexpr int A = ATOM_FEATURES;  // given to the compiler
constexpr int C = 2 * A;
constexpr int BAND = 8;           // Gaussians kept per edge; the others are below exp(-16)
constexpr int TILE = C % 64 == 0 ? 64 : C;
constexpr int64_t FLUSH = 256;    // atoms summed in single precision before they join the double sum

}  // namespace

struct Edges {
    int64_t n_crystals;
    const int64_t *first_atom;  // (n_crystals + 1,)
    const int64_t *first_edge;  // (n_atoms + 1,)
    const int64_t *neighbours;  // (n_edges,)
    const float *weights;       // (n_edges,)
    const int32_t *band_start;  // (n_edges,) index of the first kept Gaussian
    const float *gaussians;     // (n_edges, BAND)
    int64_t n_gaussians;
    int n_threads;
};

struct Layer {
    const float *self_part;       // S (n_atoms, C)
    const float *neighbour_part;  // T (n_atoms, C)
    const float *edge_weight;     // W_edge (n_gaussians, C)
};

struct Norm {
    const float *scale;  // (C,)
    const float *shift;  // (C,)
};

namespace {

void preactivation(const Edges &edges, const Layer &layer, int64_t atom, int64_t edge, float *x) {
    const float *self_row = layer.self_part + atom * C;
    const float *neighbour_row = layer.neighbour_part + edges.neighbours[edge] * C;
    const float *gaussians = edges.gaussians + edge * BAND;
    const float *weight = layer.edge_weight + static_cast<int64_t>(edges.band_start[edge]) * C;
    for (int tile = 0; tile < C; tile += TILE) {
        float sum[TILE];
        for (int c = 0; c < TILE; c++) sum[c] = self_row[tile + c] + neighbour_row[tile + c];
        for (int b = 0; b < BAND; b++)
            for (int c = 0; c < TILE; c++) sum[c] += gaussians[b] * weight[b * C + tile + c];
        for (int c = 0; c < TILE; c++) x[tile + c] = sum[c];
    }
}

// log(1 + d) for 0 <= d <= 1, to 1e-7.
inline float logarithm_of_one_plus(float d) {
    float p = 0.00525345793f;
    p = fmaf(p, d, -0.0295885075f);
    p = fmaf(p, d, 0.0783616677f);
    p = fmaf(p, d, -0.136747703f);
    p = fmaf(p, d, 0.191114306f);
    p = fmaf(p, d, -0.248443693f);
    p = fmaf(p, d, 0.333192706f);
    p = fmaf(p, d, -0.499995023f);
    p = fmaf(p, d, 1.f);
    return p * d;
}

// du = dh * derivative of sigmoid(u_gate) softplus(u_message).
void gate_gradient(const float *x, const Norm &norm, const float *dh, float *du) {
#pragma omp simd
    for (int c = 0; c < A; c++) {
        const float gate = x[c] * norm.scale[c] + norm.shift[c];
        const float message = x[A + c] * norm.scale[A + c] + norm.shift[A + c];
        const float sigmoid_gate = 1.f / (1.f + exponential(-gate));
        const float decay = exponential(-fabsf(message));
        const float softplus = fmaxf(message, 0.f) + logarithm_of_one_plus(decay);
        const float sigmoid_message = (message >= 0 ? 1.f : decay) / (1.f + decay);
        du[c] = dh[c] * softplus * sigmoid_gate * (1.f - sigmoid_gate);
        du[A + c] = dh[c] * sigmoid_gate * sigmoid_message;
    }
}

// Edges never leave a crystal, so the threads' shares touch different atoms.
template <typename Work>
void over_atoms(const Edges &edges, Work work) {
    over_crystals(edges.n_crystals, edges.first_atom, edges.n_threads, work);
}

// totals[0:C] = sum over edges of v, totals[C:2C] = sum of v * x, where value(atom, x, v) writes v.
template <typename Value>
void edge_sums(const Edges &edges, const Layer &layer, double *totals, Value value) {
    std::vector<double> partial(static_cast<size_t>(edges.n_threads) * 2 * C, 0.0);
    over_atoms(edges, [&](int thread, int64_t begin, int64_t end) {
        float x[C], v[C], plain[C], product[C];
        double *mine = partial.data() + static_cast<size_t>(thread) * 2 * C;
        for (int64_t i = begin; i < end; i++) {
            for (int c = 0; c < C; c++) plain[c] = product[c] = 0;
            for (int64_t edge = edges.first_edge[i]; edge < edges.first_edge[i + 1]; edge++) {
                preactivation(edges, layer, i, edge, x);
                value(i, x, v);
                const float weight = edges.weights[edge];
                for (int c = 0; c < C; c++) {
                    plain[c] += weight * v[c];
                    product[c] += weight * v[c] * x[c];
                }
            }
            for (int c = 0; c < C; c++) {
                mine[c] += plain[c];
                mine[C + c] += product[c];
            }
        }
    });
    add_up(partial, 2 * C, totals);
}

}  // namespace

extern "C" {

int band() { return BAND; }

// Expands distances (n_atoms, n_neighbours) and merges equal edges. The outputs have room for n_atoms * n_neighbours edges.
void expand_distances(int64_t n_atoms, int64_t n_neighbours, const int64_t *neighbours, const float *distances,
                         float step, int64_t n_gaussians, int64_t *first_edge, int64_t *merged_neighbours,
                         float *weights, int32_t *band_start, float *gaussians) {
    const int last = static_cast<int>(n_gaussians) - BAND;
    int64_t edge = 0;
    for (int64_t i = 0; i < n_atoms; i++) {
        first_edge[i] = edge;
        for (int64_t at = i * n_neighbours; at < (i + 1) * n_neighbours; at++) {
            if (at > i * n_neighbours && neighbours[at] == neighbours[at - 1] && distances[at] == distances[at - 1]) {
                weights[edge - 1] += 1.f;
                continue;
            }
            const float position = distances[at] / step;
            int start = static_cast<int>(position) - (BAND / 2 - 1);
            start = start > last ? last : start;
            start = start < 0 ? 0 : start;
            merged_neighbours[edge] = neighbours[at];
            weights[edge] = 1.f;
            band_start[edge] = start;
            for (int b = 0; b < BAND; b++) {
                const float t = position - static_cast<float>(start + b);
                gaussians[edge * BAND + b] = expf(-t * t);
            }
            edge++;
        }
    }
    first_edge[n_atoms] = edge;
}

// totals (2C,): sums over edges of x and of x squared.
void statistics(const Edges *edges, const Layer *layer, double *totals) {
    edge_sums(*edges, *layer, totals, [](int64_t, const float *x, float *v) {
        for (int c = 0; c < C; c++) v[c] = x[c];
    });
}

// h (n_atoms, A).
void forward(const Edges *edges, const Layer *layer, const Norm *norm, float *h) {
    over_atoms(*edges, [&](int, int64_t begin, int64_t end) {
        float x[C], sum[A];
        for (int64_t i = begin; i < end; i++) {
            for (int c = 0; c < A; c++) sum[c] = 0;
            for (int64_t edge = edges->first_edge[i]; edge < edges->first_edge[i + 1]; edge++) {
                preactivation(*edges, *layer, i, edge, x);
                const float weight = edges->weights[edge];
#pragma omp simd
                for (int c = 0; c < A; c++) {
                    const float gate = x[c] * norm->scale[c] + norm->shift[c];
                    const float message = x[A + c] * norm->scale[A + c] + norm->shift[A + c];
                    const float softplus = fmaxf(message, 0.f) + logarithm_of_one_plus(exponential(-fabsf(message)));
                    sum[c] += weight * softplus / (1.f + exponential(-gate));
                }
            }
            for (int c = 0; c < A; c++) h[i * A + c] = sum[c];
        }
    });
}

// totals (2C,): sums over edges of du and of du * x, for the gradient dh (n_atoms, A).
void backward_statistics(const Edges *edges, const Layer *layer, const Norm *norm, const float *dh,
                         double *totals) {
    edge_sums(*edges, *layer, totals, [&](int64_t i, const float *x, float *v) {
        gate_gradient(x, *norm, dh + i * A, v);
    });
}

// dx = scale du - constant - slope x, the last two being the batch statistics' own derivative.
// d_neighbour must come in as zeros.
void backward(const Edges *edges, const Layer *layer, const Norm *norm, const float *dh, const float *constant,
              const float *slope, float *d_self, float *d_neighbour, float *d_edge_weight) {
    const int64_t size = edges->n_gaussians * C;
    std::vector<double> partial(static_cast<size_t>(edges->n_threads) * size, 0.0);
    over_atoms(*edges, [&](int thread, int64_t begin, int64_t end) {
        float x[C], dx[C], sum[C];
        std::vector<float> recent(size, 0.f);
        double *mine = partial.data() + static_cast<size_t>(thread) * size;
        for (int64_t i = begin; i < end; i++) {
            for (int c = 0; c < C; c++) sum[c] = 0;
            for (int64_t edge = edges->first_edge[i]; edge < edges->first_edge[i + 1]; edge++) {
                preactivation(*edges, *layer, i, edge, x);
                gate_gradient(x, *norm, dh + i * A, dx);
                const float multiplicity = edges->weights[edge];
                float *neighbour_row = d_neighbour + edges->neighbours[edge] * C;
                for (int c = 0; c < C; c++) {
                    dx[c] = multiplicity * (norm->scale[c] * dx[c] - constant[c] - slope[c] * x[c]);
                    sum[c] += dx[c];
                    neighbour_row[c] += dx[c];
                }
                const float *gaussians = edges->gaussians + edge * BAND;
                float *weight = recent.data() + static_cast<int64_t>(edges->band_start[edge]) * C;
                for (int b = 0; b < BAND; b++)
                    for (int c = 0; c < C; c++) weight[b * C + c] += gaussians[b] * dx[c];
            }
            for (int c = 0; c < C; c++) d_self[i * C + c] = sum[c];
            if ((i - begin) % FLUSH == FLUSH - 1 || i == end - 1)
                for (int64_t k = 0; k < size; k++) {
                    mine[k] += recent[k];
                    recent[k] = 0.f;
                }
        }
    });
    add_up(partial, size, d_edge_weight);
}

}  // extern "C"
