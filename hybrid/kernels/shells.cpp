// Complete shells of nearest neighbours, as bonds that are listed once: the same as in hybrid/kernels/shells.py.
#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

struct Pairs {
    int64_t n_atoms, n_pairs;
    const int64_t *centres, *neighbours;  // (n_pairs,) atoms
    const double *images;                 // (n_pairs, 3) of the neighbour's cell, whole numbers
    const double *distances;              // (n_pairs,) Å
    double shortest, radius;              // Å
};

using Bond = std::array<int64_t, 5>;  // start, end and image of the end's cell

// Fills bonds, which have room for all pairs, sorted, and returns how many there are; 0 if an atom has fewer
// than max_neighbours within the radius.
extern "C" int64_t shells(const Pairs *pairs, int64_t max_neighbours, Bond *bonds) {
    std::vector<std::vector<double>> around(pairs->n_atoms);
    for (int64_t p = 0; p < pairs->n_pairs; p++)
        if (pairs->distances[p] > pairs->shortest) around[pairs->centres[p]].push_back(pairs->distances[p]);
    std::vector<double> furthest;
    for (std::vector<double> &distances : around) {
        if (int64_t(distances.size()) < max_neighbours) return 0;
        const auto last = distances.begin() + (max_neighbours - 1);
        std::nth_element(distances.begin(), last, distances.end());
        if (*last >= pairs->radius) return 0;
        furthest.push_back(*last);
    }
    Bond *end = bonds;
    for (int64_t p = 0; p < pairs->n_pairs; p++) {
        const int64_t centre = pairs->centres[p], neighbour = pairs->neighbours[p];
        const double distance = pairs->distances[p], *image = pairs->images + 3 * p;
        if (!(distance > pairs->shortest) || distance > furthest[centre]) continue;
        const int64_t x = image[0], y = image[1], z = image[2];
        *end++ = neighbour < centre ? Bond{neighbour, centre, -x, -y, -z} : Bond{centre, neighbour, x, y, z};
    }
    std::sort(bonds, end);
    return std::unique(bonds, end) - bonds;
}
