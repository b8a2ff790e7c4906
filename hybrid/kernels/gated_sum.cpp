// CGCNN's convolution after its linear layer, forward and backward, on graphs of kinds of atoms.
//
// With S = a W_self + b and T = a W_neighbour per kind of atom and g the Gaussian expansion of a distance, the
// pre-activation of the edge from kind i to its neighbour j is x = S_i + T_j + g W_edge: A gates, then A
// messages. With u = scale x + shift, the first batch normalisation, the gated sum is
// h_i = sum_j n_ij sigmoid(u_gate) softplus(u_message) over edges that an atom has n_ij times, and the new atom
// vector is softplus(a_i + scale h_i + shift), the second one. Both normalisations count what each kind stands
// for. The gradient of a kind's row is that of all its atoms together.
//
// The forward pass keeps x and the derivatives of sigmoid(u_gate) softplus(u_message) for the backward pass,
// and their sums per kind: with them the gradients of the first normalisation take no pass over edges.
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
constexpr int64_t FLUSH = 256;    // kinds summed in single precision before they join the double sum

}  // namespace

struct Graph {
    const int64_t *first_kind;   // (n_crystals + 1,)
    const int64_t *first_edge;   // (n_kinds + 1,)
    const int64_t *neighbours;   // (n_edges,) kinds
    const float *times;          // (n_edges,) how often an atom has this edge
    const float *atoms_of_kind;  // (n_kinds,)
    const int32_t *band_start;   // (n_edges,) index of the first kept Gaussian
    const float *gaussians;      // (n_edges, BAND)
    int64_t n_crystals, n_gaussians, n_threads;
};

struct Layer {
    const float *atoms;           // a (n_kinds, A)
    const float *self_part;       // S (n_kinds, C)
    const float *neighbour_part;  // T (n_kinds, C)
    const float *edge_weight;     // W_edge (n_gaussians, C)
};

struct Norm {
    const float *gamma, *beta;          // (n,)
    float *running_mean, *running_var;  // (n,)
    int64_t *n_batches;
    double *statistics;                 // (2, n) mean and 1 / standard deviation, of this batch or running
    double count;                       // of what is normalised
    double eps, momentum;
    int64_t training;
};

struct Kept {  // for the backward pass
    float *x;       // (n_edges, C)
    float *slopes;  // (n_edges, C) of sigmoid(u_gate) softplus(u_message) in u; null if there is no such pass
    float *sums;    // (n_kinds, 2C) over a kind's edges, of slopes and of slopes times x
    float *h;       // (n_kinds, A)
};

struct Gradients {
    const float *of_new_atoms;               // (n_kinds, A)
    float *of_atoms;                         // (n_kinds, A) past the linear layer
    float *of_self, *of_neighbour;           // (n_kinds, C), the second one zeros when it comes in
    float *of_edge_weight;                   // (n_gaussians, C)
    float *of_edge_gamma, *of_edge_beta;     // (C,)
    float *of_atom_gamma, *of_atom_beta;     // (A,)
};

namespace {

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

// Edges never leave a crystal, so the threads' shares touch different kinds.
template <typename Work>
void over_kinds(const Graph &graph, Work work) {
    over_crystals(graph.n_crystals, graph.first_kind, static_cast<int>(graph.n_threads), work);
}

// totals[0:n] = sum over kinds of values, totals[n:2n] = sum of products, where sums(kind, values, products) writes
// those of a kind.
template <int N, typename Sums>
std::vector<double> totals_of(const Graph &graph, Sums sums) {
    std::vector<double> partial(graph.n_threads * 2 * N, 0.0), totals(2 * N);
    over_kinds(graph, [&](int thread, int64_t begin, int64_t end) {
        float values[N], products[N];
        double *mine = partial.data() + static_cast<int64_t>(thread) * 2 * N;
        for (int64_t i = begin; i < end; i++) {
            sums(i, values, products);
            for (int c = 0; c < N; c++) {
                mine[c] += values[c];
                mine[N + c] += products[c];
            }
        }
    });
    add_up(partial, 2 * N, totals.data());
    return totals;
}

// A batch normalisation as scale x + shift.
template <int N>
struct Affine {
    float scale[N], shift[N];

    // Of the batch, with its sums of values and squares; the running statistics follow. Or of those alone.
    Affine(const Norm &norm, const std::vector<double> &totals) {
        *norm.n_batches += norm.training;
        for (int c = 0; c < N; c++) {
            double mean = norm.running_mean[c], variance = norm.running_var[c];
            if (norm.training) {
                mean = totals[c] / norm.count;
                variance = fmax(totals[N + c] / norm.count - mean * mean, 0.0);
                const double unbiased = variance * norm.count / fmax(norm.count - 1, 1.0);
                norm.running_mean[c] += norm.momentum * (mean - norm.running_mean[c]);
                norm.running_var[c] += norm.momentum * (unbiased - norm.running_var[c]);
            }
            norm.statistics[c] = mean;
            norm.statistics[N + c] = 1 / std::sqrt(variance + norm.eps);
        }
        fill(norm);
    }

    explicit Affine(const Norm &norm) { fill(norm); }

    void fill(const Norm &norm) {
        for (int c = 0; c < N; c++) {
            const double factor = norm.gamma[c] * norm.statistics[N + c];
            scale[c] = factor;
            shift[c] = norm.beta[c] - norm.statistics[c] * factor;
        }
    }
};

// What the gradient of a normalised row loses, as it moves mean and variance: constant + slope x.
template <int N>
struct Loss {
    float constant[N], slope[N];

    // With the sums of the gradients du and of du x, which give gamma's and beta's gradients too.
    Loss(const Norm &norm, const std::vector<double> &totals, float *d_gamma, float *d_beta) {
        for (int c = 0; c < N; c++) {
            const double mean = norm.statistics[c], inverse_std = norm.statistics[N + c];
            const double scale = norm.gamma[c] * inverse_std;
            const double of_gamma = (totals[N + c] - mean * totals[c]) * inverse_std;
            const double tilt = norm.training ? scale * inverse_std * of_gamma / norm.count : 0;
            d_gamma[c] = of_gamma;
            d_beta[c] = totals[c];
            slope[c] = tilt;
            constant[c] = norm.training ? scale * totals[c] / norm.count - tilt * mean : 0;
        }
    }
};

void preactivation(const Graph &graph, const Layer &layer, int64_t kind, int64_t edge, float *x) {
    const float *self_row = layer.self_part + kind * C;
    const float *neighbour_row = layer.neighbour_part + graph.neighbours[edge] * C;
    const float *gaussians = graph.gaussians + edge * BAND;
    const float *weight = layer.edge_weight + static_cast<int64_t>(graph.band_start[edge]) * C;
    for (int tile = 0; tile < C; tile += TILE) {
        float sum[TILE];
        for (int c = 0; c < TILE; c++) sum[c] = self_row[tile + c] + neighbour_row[tile + c];
        for (int b = 0; b < BAND; b++)
            for (int c = 0; c < TILE; c++) sum[c] += gaussians[b] * weight[b * C + tile + c];
        for (int c = 0; c < TILE; c++) x[tile + c] = sum[c];
    }
}

// Adds n times sigmoid(u_gate) softplus(u_message) to h.
void add_gated(const float *x, const Affine<C> &affine, float n, float *h) {
#pragma omp simd
    for (int c = 0; c < A; c++) {
        const float gate = x[c] * affine.scale[c] + affine.shift[c];
        const float message = x[A + c] * affine.scale[A + c] + affine.shift[A + c];
        const float softplus = fmaxf(message, 0.f) + logarithm_of_one_plus(exponential(-fabsf(message)));
        h[c] += n * softplus / (1.f + exponential(-gate));
    }
}

// The same, with its derivatives and their sums.
void add_gated(const float *x, const Affine<C> &affine, float n, float *h, float *slopes, float *sums) {
#pragma omp simd
    for (int c = 0; c < A; c++) {
        const float gate = x[c] * affine.scale[c] + affine.shift[c];
        const float message = x[A + c] * affine.scale[A + c] + affine.shift[A + c];
        const float sigmoid_gate = 1.f / (1.f + exponential(-gate));
        const float decay = exponential(-fabsf(message));
        const float softplus = fmaxf(message, 0.f) + logarithm_of_one_plus(decay);
        const float sigmoid_message = (message >= 0 ? 1.f : decay) / (1.f + decay);
        slopes[c] = softplus * sigmoid_gate * (1.f - sigmoid_gate);
        slopes[A + c] = sigmoid_gate * sigmoid_message;
        h[c] += n * softplus * sigmoid_gate;
    }
    for (int c = 0; c < C; c++) {
        sums[c] += n * slopes[c];
        sums[C + c] += n * slopes[c] * x[c];
    }
}

}  // namespace

extern "C" {

int band() { return BAND; }

void expand(int64_t n_edges, const float *distances, float step, int64_t n_gaussians, int32_t *band_start,
            float *gaussians) {
    const int last = static_cast<int>(n_gaussians) - BAND;
    for (int64_t edge = 0; edge < n_edges; edge++) {
        const float position = distances[edge] / step;
        int start = static_cast<int>(position) - (BAND / 2 - 1);
        start = start > last ? last : start;
        start = start < 0 ? 0 : start;
        band_start[edge] = start;
        for (int b = 0; b < BAND; b++) {
            const float t = position - static_cast<float>(start + b);
            gaussians[edge * BAND + b] = exponential(-t * t);
        }
    }
}

// new_atoms (n_kinds, A). In training both norms' running statistics are updated.
void forward(const Graph *graph, const Layer *layer, const Norm *edge_norm, const Norm *atom_norm, const Kept *kept,
             float *new_atoms) {
    const auto edge_totals = totals_of<C>(*graph, [&](int64_t i, float *values, float *squares) {
        for (int c = 0; c < C; c++) values[c] = squares[c] = 0;
        for (int64_t edge = graph->first_edge[i]; edge < graph->first_edge[i + 1]; edge++) {
            float *x = kept->x + edge * C;
            preactivation(*graph, *layer, i, edge, x);
            const float n = graph->times[edge] * graph->atoms_of_kind[i];
            for (int c = 0; c < C; c++) {
                values[c] += n * x[c];
                squares[c] += n * x[c] * x[c];
            }
        }
    });
    const Affine<C> of_edges(*edge_norm, edge_totals);
    const auto atom_totals = totals_of<A>(*graph, [&](int64_t i, float *values, float *squares) {
        float *h = kept->h + i * A, *sums = kept->sums + i * 2 * C;
        for (int c = 0; c < A; c++) h[c] = 0;
        if (kept->slopes)
            for (int c = 0; c < 2 * C; c++) sums[c] = 0;
        for (int64_t edge = graph->first_edge[i]; edge < graph->first_edge[i + 1]; edge++) {
            const float *x = kept->x + edge * C;
            if (kept->slopes)
                add_gated(x, of_edges, graph->times[edge], h, kept->slopes + edge * C, sums);
            else
                add_gated(x, of_edges, graph->times[edge], h);
        }
        for (int c = 0; c < A; c++) {
            values[c] = graph->atoms_of_kind[i] * h[c];
            squares[c] = graph->atoms_of_kind[i] * h[c] * h[c];
        }
    });
    const Affine<A> of_atoms(*atom_norm, atom_totals);
    over_kinds(*graph, [&](int, int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) {
            const float *h = kept->h + i * A, *atom = layer->atoms + i * A;
#pragma omp simd
            for (int c = 0; c < A; c++) {
                const float sum = atom[c] + h[c] * of_atoms.scale[c] + of_atoms.shift[c];
                new_atoms[i * A + c] = fmaxf(sum, 0.f) + logarithm_of_one_plus(exponential(-fabsf(sum)));
            }
        }
    });
}

void backward(const Graph *graph, const Layer *layer, const Norm *edge_norm, const Norm *atom_norm,
              const Kept *kept, const Gradients *gradients) {
    const Affine<C> of_edges(*edge_norm);
    const Affine<A> of_atoms(*atom_norm);
    const auto atom_totals = totals_of<A>(*graph, [&](int64_t i, float *values, float *products) {
        const float *h = kept->h + i * A, *atom = layer->atoms + i * A, *d_new = gradients->of_new_atoms + i * A;
        float *d_atom = gradients->of_atoms + i * A;
#pragma omp simd
        for (int c = 0; c < A; c++) {
            const float sum = atom[c] + h[c] * of_atoms.scale[c] + of_atoms.shift[c];
            d_atom[c] = values[c] = d_new[c] / (1.f + exponential(-sum));
            products[c] = values[c] * h[c];
        }
    });
    const Loss<A> atom_loss(*atom_norm, atom_totals, gradients->of_atom_gamma, gradients->of_atom_beta);
    const auto gradient_of_h = [&](int64_t i, float *dh) {
        const float *h = kept->h + i * A, *d_sum = gradients->of_atoms + i * A;
        for (int c = 0; c < A; c++)
            dh[c] = of_atoms.scale[c] * d_sum[c] -
                    graph->atoms_of_kind[i] * (atom_loss.constant[c] + atom_loss.slope[c] * h[c]);
    };
    const auto edge_totals = totals_of<C>(*graph, [&](int64_t i, float *values, float *products) {
        float dh[A];
        gradient_of_h(i, dh);
        const float *sums = kept->sums + i * 2 * C;
        for (int c = 0; c < C; c++) {
            values[c] = dh[c % A] * sums[c];
            products[c] = dh[c % A] * sums[C + c];
        }
    });
    const Loss<C> edge_loss(*edge_norm, edge_totals, gradients->of_edge_gamma, gradients->of_edge_beta);
    const int64_t size = graph->n_gaussians * C;
    std::vector<double> partial(graph->n_threads * size, 0.0);
    over_kinds(*graph, [&](int thread, int64_t begin, int64_t end) {
        float dh[A], factor[C], constant[C], slope[C], dx[C], sum[C];
        std::vector<float> recent(size, 0.f);
        double *mine = partial.data() + thread * size;
        for (int64_t i = begin; i < end; i++) {
            gradient_of_h(i, dh);
            for (int c = 0; c < C; c++) {
                factor[c] = of_edges.scale[c] * dh[c % A];
                constant[c] = graph->atoms_of_kind[i] * edge_loss.constant[c];
                slope[c] = graph->atoms_of_kind[i] * edge_loss.slope[c];
                sum[c] = 0;
            }
            for (int64_t edge = graph->first_edge[i]; edge < graph->first_edge[i + 1]; edge++) {
                const float *x = kept->x + edge * C, *slopes = kept->slopes + edge * C;
                const float n = graph->times[edge];
                float *neighbour_row = gradients->of_neighbour + graph->neighbours[edge] * C;
                for (int c = 0; c < C; c++) {
                    dx[c] = n * (factor[c] * slopes[c] - constant[c] - slope[c] * x[c]);
                    sum[c] += dx[c];
                    neighbour_row[c] += dx[c];
                }
                const float *gaussians = graph->gaussians + edge * BAND;
                float *weight = recent.data() + static_cast<int64_t>(graph->band_start[edge]) * C;
                for (int b = 0; b < BAND; b++)
                    for (int c = 0; c < C; c++) weight[b * C + c] += gaussians[b] * dx[c];
            }
            for (int c = 0; c < C; c++) gradients->of_self[i * C + c] = sum[c];
            if ((i - begin) % FLUSH == FLUSH - 1 || i == end - 1)
                for (int64_t k = 0; k < size; k++) {
                    mine[k] += recent[k];
                    recent[k] = 0.f;
                }
        }
    });
    add_up(partial, size, gradients->of_edge_weight);
}

}  // extern "C"
