// How the kernels share work among threads: each gets a contiguous piece, and their sums join in order, so
// that a number of threads always gives the same bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

// work(thread, begin, end) over rows, in shares of whole crystals, even in rows; the rows of crystal k are
// first_row[k] to first_row[k + 1].
template <typename Work>
void over_crystals(int64_t n_crystals, const int64_t *first_row, int n_threads, Work work) {
    const int64_t n_rows = first_row[n_crystals];
    std::vector<int64_t> bounds(n_threads + 1, n_crystals);
    int64_t crystal = 0;
    for (int t = 0; t < n_threads; t++) {
        while (crystal < n_crystals && first_row[crystal] < n_rows * t / n_threads) crystal++;
        bounds[t] = crystal;
    }
#pragma omp parallel for num_threads(n_threads) schedule(static, 1)
    for (int t = 0; t < n_threads; t++) work(t, first_row[bounds[t]], first_row[bounds[t + 1]]);
}

// The same over rows that may be parted anywhere.
template <typename Work>
void over_rows(int64_t n_rows, int n_threads, Work work) {
#pragma omp parallel for num_threads(n_threads) schedule(static, 1)
    for (int t = 0; t < n_threads; t++) work(t, n_rows * t / n_threads, n_rows * (t + 1) / n_threads);
}

// Adds up the sums of the threads, which stand one after the other.
template <typename To>
void add_up(const std::vector<double> &partial, int64_t size, To *total) {
    for (int64_t k = 0; k < size; k++) {
        double sum = 0;
        for (size_t at = k; at < partial.size(); at += size) sum += partial[at];
        total[k] = static_cast<To>(sum);
    }
}
