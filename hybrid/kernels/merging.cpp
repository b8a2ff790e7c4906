// A crystal's bond angles and its graph with one of each kind of atom, bond and angle, in one call.
//
// The result is exactly that of angles_of in hybrid/graphs/bonds.py and of hybrid/graphs/equivalence.py, where it
// is explained: sums run in the same order, and kinds are numbered in the ascending order of the same hashes.
// It is compiled without -ffast-math, which would change the order of sums.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

using Numbers = std::vector<int64_t>;
using Keys = std::vector<uint64_t>;
using Values = std::vector<double>;

struct Crystal {
    int64_t n_atoms, n_bonds;
    const int64_t *species, *source, *target;  // (n_atoms,), (n_bonds,) and (n_bonds,)
    const double *vectors;                     // (n_bonds, 3)
    double tolerance;
};

struct Merged {  // arrays lie one behind the other, in buffers with room for all atoms, bonds and angles
    int64_t n_atoms, n_bonds, n_angles;
    int64_t *integers;  // species, atoms_of_kind; source, target, bonds_of_kind; first, second, angles_of_kind
    double *reals;      // lengths, cosines

    int64_t *next_integers(int64_t n) { return (integers += n) - n; }
    double *next_reals(int64_t n) { return (reals += n) - n; }
};

namespace {

// splitmix64 of a row
inline uint64_t hash(std::initializer_list<uint64_t> row) {
    uint64_t hashed = 0;
    for (const uint64_t column : row) {
        hashed = hashed * 3 + column + 0x9E3779B97F4A7C15;
        hashed = (hashed ^ (hashed >> 30)) * 0xBF58476D1CE4E5B9;
        hashed = (hashed ^ (hashed >> 27)) * 0x94D049BB133111EB;
        hashed ^= hashed >> 31;
    }
    return hashed;
}

// Numbers keys in ascending order, equal ones equally, and returns how many numbers there are. A hash table
// finds the distinct keys, of which symmetry leaves few to be sorted.
int64_t number(const Keys &keys, Numbers &numbers) {
    using Distinct = std::pair<uint64_t, int32_t>;  // a key, and in which order it is met
    int bits = 4;
    while (size_t(1) << bits < 2 * keys.size()) bits++;
    std::vector<int32_t> table(size_t(1) << bits, -1);
    std::vector<Distinct> distinct;
    numbers.resize(keys.size());
    for (size_t i = 0; i < keys.size(); i++) {
        size_t at = (keys[i] * 0x9E3779B97F4A7C15) >> (64 - bits);
        while (table[at] >= 0 && distinct[table[at]].first != keys[i]) at = (at + 1) % table.size();
        if (table[at] < 0) {
            table[at] = int32_t(distinct.size());
            distinct.emplace_back(keys[i], table[at]);
        }
        numbers[i] = table[at];
    }
    std::sort(distinct.begin(), distinct.end(), [](auto &a, auto &b) { return a.first < b.first; });
    Numbers rank(distinct.size());
    for (size_t k = 0; k < distinct.size(); k++) rank[distinct[k].second] = k;
    for (int64_t &met : numbers) met = rank[met];
    return distinct.size();
}

// Numbers values by bins, which begin after a gap. Gaps are looked for between boxes that are too small to
// hold one, or to reach into more than two bins.
int64_t bin(const Values &values, double tolerance, Numbers &bins) {
    const double lowest = *std::min_element(values.begin(), values.end());
    Keys keys(values.size());
    for (size_t i = 0; i < values.size(); i++) keys[i] = uint64_t((values[i] - lowest) * (2 / tolerance));
    const int64_t n_boxes = number(keys, bins);
    Values from(n_boxes, INFINITY), to(n_boxes, -INFINITY), begin(n_boxes), width(n_boxes);
    for (size_t i = 0; i < values.size(); i++) {
        from[bins[i]] = std::min(from[bins[i]], values[i]);
        to[bins[i]] = std::max(to[bins[i]], values[i]);
    }
    Numbers first(n_boxes);  // bin in which each box begins, `width` bins after what follows a gap, `begin`
    int64_t last = -1;
    double reached = 0;  // width at the end of the box before
    for (int64_t b = 0; b < n_boxes; b++) {
        const bool gap = b == 0 || from[b] - to[b - 1] > tolerance;
        begin[b] = gap ? from[b] : begin[b - 1];
        width[b] = std::floor((from[b] - begin[b]) / tolerance);
        first[b] = last += gap || width[b] != reached;
        reached = std::floor((to[b] - begin[b]) / tolerance);
        last += reached != width[b];
    }
    for (size_t i = 0; i < values.size(); i++) {
        const int64_t b = bins[i];
        bins[i] = first[b] + (std::floor((values[i] - begin[b]) / tolerance) != width[b]);
    }
    return last + 1;
}

struct Angles {
    Numbers first, second;  // bonds
    Values cosines;
};

Angles angles_of(const Crystal &crystal, const Values &lengths) {
    std::vector<Numbers> into(crystal.n_atoms);
    for (int64_t b = 0; b < crystal.n_bonds; b++) into[crystal.target[b]].push_back(b);
    Values directions(3 * crystal.n_bonds);
    for (size_t i = 0; i < directions.size(); i++) directions[i] = crystal.vectors[i] / lengths[i / 3];
    Angles angles;
    for (int64_t second = 0; second < crystal.n_bonds; second++)
        for (const int64_t first : into[crystal.source[second]]) {
            if (first == second) continue;
            const double *a = &directions[3 * first], *b = &directions[3 * second];
            angles.first.push_back(first);
            angles.second.push_back(second);
            angles.cosines.push_back(std::min(std::max(-(a[0] * b[0] + a[1] * b[1] + a[2] * b[2]), -1.0), 1.0));
        }
    return angles;
}

void count(const Numbers &kinds, int64_t n_kinds, int64_t *of_kind) {
    std::fill_n(of_kind, n_kinds, 0);
    for (const int64_t kind : kinds) of_kind[kind]++;
}

// How many there are of each kind, and the mean of their values.
void average(const Numbers &kinds, const Values &values, int64_t n_kinds, int64_t *of_kind, double *means) {
    count(kinds, n_kinds, of_kind);
    std::fill_n(means, n_kinds, 0.0);
    for (size_t i = 0; i < kinds.size(); i++) means[kinds[i]] += values[i];
    for (int64_t k = 0; k < n_kinds; k++) means[k] /= of_kind[k];
}

}  // namespace

extern "C" void merge(const Crystal *of, Merged *merged) {
    const Crystal &all = *of;
    Values lengths(all.n_bonds);
    for (int64_t b = 0; b < all.n_bonds; b++) {
        const double *v = all.vectors + 3 * b;
        lengths[b] = std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
    }
    const Angles angles = angles_of(all, lengths);
    const size_t all_angles = angles.first.size();
    Numbers by_atom, by_bond, by_angle, bins;
    int64_t n_atoms = number(Keys(all.species, all.species + all.n_atoms), by_atom);
    int64_t n_bonds = bin(lengths, all.tolerance, by_bond), before;
    const int64_t n_bins = bin(angles.cosines, all.tolerance, bins);
    Keys by_cosine(n_bins), of_atom(all.n_atoms), of_bond(all.n_bonds), of_angle(all_angles);
    for (int64_t c = 0; c < n_bins; c++) by_cosine[c] = hash({hash({uint64_t(c)})});
    do {
        before = n_atoms + n_bonds;
        Keys met(all.n_bonds, 0), shared(all.n_atoms, 0);
        for (int64_t b = 0; b < all.n_bonds; b++) of_bond[b] = hash({uint64_t(by_bond[b])});
        for (size_t i = 0; i < all_angles; i++) met[angles.second[i]] += by_cosine[bins[i]] * of_bond[angles.first[i]];
        for (int64_t b = 0; b < all.n_bonds; b++) {
            const uint64_t source = by_atom[all.source[b]], target = by_atom[all.target[b]];
            of_bond[b] = hash({uint64_t(by_bond[b]), source, target, met[b]});
        }
        n_bonds = number(of_bond, by_bond);
        for (int64_t b = 0; b < all.n_bonds; b++) shared[all.target[b]] += hash({uint64_t(by_bond[b])});
        for (int64_t a = 0; a < all.n_atoms; a++) of_atom[a] = hash({uint64_t(by_atom[a]), shared[a]});
        n_atoms = number(of_atom, by_atom);
    } while (n_atoms + n_bonds != before);

    const Numbers refined = by_bond;  // before bonds are sorted by target
    for (int64_t b = 0; b < all.n_bonds; b++) of_bond[b] = by_atom[all.target[b]] * n_bonds + refined[b];
    number(of_bond, by_bond);
    for (size_t i = 0; i < all_angles; i++)
        of_angle[i] = (by_bond[angles.second[i]] * n_bonds + refined[angles.first[i]]) * n_bins + bins[i];
    const int64_t n_angles = number(of_angle, by_angle);

    merged->n_atoms = n_atoms, merged->n_bonds = n_bonds, merged->n_angles = n_angles;
    int64_t *species = merged->next_integers(n_atoms);
    for (int64_t a = 0; a < all.n_atoms; a++) species[by_atom[a]] = all.species[a];
    count(by_atom, n_atoms, merged->next_integers(n_atoms));
    int64_t *source = merged->next_integers(n_bonds), *target = merged->next_integers(n_bonds);
    for (int64_t b = 0; b < all.n_bonds; b++) {
        source[by_bond[b]] = by_atom[all.source[b]];
        target[by_bond[b]] = by_atom[all.target[b]];
    }
    average(by_bond, lengths, n_bonds, merged->next_integers(n_bonds), merged->next_reals(n_bonds));
    int64_t *first = merged->next_integers(n_angles), *second = merged->next_integers(n_angles);
    for (size_t i = 0; i < all_angles; i++) {
        first[by_angle[i]] = by_bond[angles.first[i]];
        second[by_angle[i]] = by_bond[angles.second[i]];
    }
    average(by_angle, angles.cosines, n_angles, merged->next_integers(n_angles), merged->next_reals(n_angles));
}
