// The nearest neighbours of each atom under periodic boundaries, to the last bit as pymatgen finds them.
//
// pymatgen wraps the atoms into the cell, repeats the cell, puts the points into cubes as wide as the cut-off
// and sorts an atom's points by distance; points at the same distance stay in the order in which the cubes
// are visited, of a cube's points the last one first. Here the search begins within a small radius, which
// grows until each atom has enough neighbours; distances and order are computed as pymatgen computes them.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace {

constexpr double TOLERANCE = 1e-8;  // pymatgen's, Å
constexpr double MARGIN = 1e-3;     // Å, against rounding where points are chosen
constexpr double SPARE = 2.0;       // expected neighbours in the first search, over those that are asked for
constexpr double GROWTH = 1.25;     // of the radius from one search to the next
constexpr int64_t FEW = 24;         // atoms; fewer are searched without cubes

struct Vector {
    double x[3];
};

struct Point {
    Vector at;
    int32_t atom;
};

struct Found {
    double distance;
    int32_t point;
};

Vector product(const double *row, const double *matrix) {
    Vector out;
    for (int c = 0; c < 3; c++) out.x[c] = row[0] * matrix[c] + row[1] * matrix[3 + c] + row[2] * matrix[6 + c];
    return out;
}

// The inverse of a 3 x 3 matrix by its adjugate, in pymatgen's order of operations.
void invert(const double *m, double *inverse) {
    const double factor = 1.0 / (m[0] * (m[4] * m[8] - m[5] * m[7]) + m[1] * (m[5] * m[6] - m[3] * m[8]) +
                                 m[2] * (m[3] * m[7] - m[4] * m[6]));
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            const int a = (j + 1) % 3, b = (j + 2) % 3, c = (i + 1) % 3, d = (i + 2) % 3;
            inverse[3 * i + j] = (m[3 * a + c] * m[3 * b + d] - m[3 * a + d] * m[3 * b + c]) * factor;
        }
}

class Crystal {
public:
    Crystal(int64_t n_atoms, const double *positions, const double *lattice, const int64_t *periodic)
        : n(n_atoms), lattice(lattice), periodic(periodic), positions(n_atoms), wrapped(n_atoms) {
        double inverse[9];
        invert(lattice, inverse);
        for (int64_t i = 0; i < n; i++) {
            const Vector fractional = product(positions + 3 * i, inverse);
            Vector inside = fractional;
            for (int c = 0; c < 3; c++) {
                this->positions[i].x[c] = positions[3 * i + c];
                if (periodic[c]) inside.x[c] -= std::floor(inside.x[c]);
                low.x[c] = i ? std::min(low.x[c], positions[3 * i + c]) : positions[c];
                high.x[c] = i ? std::max(high.x[c], positions[3 * i + c]) : positions[c];
                first.x[c] = i ? std::min(first.x[c], fractional.x[c]) : fractional.x[c];
                last.x[c] = i ? std::max(last.x[c], fractional.x[c]) : fractional.x[c];
            }
            wrapped[i] = product(inside.x, lattice);
        }
        for (int c = 0; c < 3; c++)  // one over the distance between lattice planes
            plane[c] = std::sqrt(inverse[c] * inverse[c] + inverse[3 + c] * inverse[3 + c] +
                                 inverse[6 + c] * inverse[6 + c]);
    }

    double volume() const {
        const double *m = lattice;
        return std::fabs(m[0] * (m[4] * m[8] - m[5] * m[7]) + m[1] * (m[5] * m[6] - m[3] * m[8]) +
                         m[2] * (m[3] * m[7] - m[4] * m[6]));
    }

    // All images of the atoms within `radius` of some atom, in pymatgen's order, and some more.
    std::vector<Point> points(double radius) const {
        const double reach = radius + MARGIN;
        int64_t from[3], to[3];
        for (int c = 0; c < 3; c++) {
            from[c] = periodic[c] ? static_cast<int64_t>(std::floor(first.x[c] - reach * plane[c] - 1e-6)) : 0;
            to[c] = periodic[c] ? static_cast<int64_t>(std::floor(last.x[c] + reach * plane[c] + 1e-6)) : 0;
        }
        std::vector<Point> found;
        for (int64_t i = from[0]; i <= to[0]; i++)
            for (int64_t j = from[1]; j <= to[1]; j++)
                for (int64_t k = from[2]; k <= to[2]; k++)
                    for (int64_t atom = 0; atom < n; atom++) {
                        Point point{{}, static_cast<int32_t>(atom)};
                        bool near = true;
                        for (int c = 0; c < 3; c++) {
                            const double x = static_cast<double>(i) * lattice[c] +
                                             static_cast<double>(j) * lattice[3 + c] +
                                             static_cast<double>(k) * lattice[6 + c] + wrapped[atom].x[c];
                            near &= x > low.x[c] - reach && x < high.x[c] + reach;
                            point.at.x[c] = x;
                        }
                        if (near) found.push_back(point);
                    }
        return found;
    }

    const int64_t n;
    const double *lattice;
    const int64_t *periodic;
    std::vector<Vector> positions, wrapped;
    Vector low, high, first, last;  // smallest and largest coordinates, Cartesian and fractional
    double plane[3];
};

// Points in cubes at least as wide as the reach of a search: an atom's neighbours are in 27 of them.
class Cubes {
public:
    Cubes(const Crystal &crystal, const std::vector<Point> &points, double width) : width(width) {
        for (int c = 0; c < 3; c++) {
            low[c] = crystal.low.x[c] - width;
            shape[c] = static_cast<int64_t>((crystal.high.x[c] + width - low[c]) / width) + 1;
        }
        inside.resize(shape[0] * shape[1] * shape[2]);
        for (size_t i = 0; i < points.size(); i++) {
            int64_t at[3];
            place(points[i].at, at);
            inside[(at[0] * shape[1] + at[1]) * shape[2] + at[2]].push_back(static_cast<int32_t>(i));
        }
    }

    template <typename See>
    void around(const Vector &centre, See see) const {
        int64_t at[3], from[3], to[3];
        place(centre, at);
        for (int c = 0; c < 3; c++) {
            from[c] = std::max<int64_t>(0, at[c] - 1);
            to[c] = std::min(shape[c] - 1, at[c] + 1);
        }
        for (int64_t i = from[0]; i <= to[0]; i++)
            for (int64_t j = from[1]; j <= to[1]; j++)
                for (int64_t k = from[2]; k <= to[2]; k++)
                    for (int32_t point : inside[(i * shape[1] + j) * shape[2] + k]) see(point);
    }

private:
    void place(const Vector &point, int64_t *at) const {
        for (int c = 0; c < 3; c++) at[c] = static_cast<int64_t>((point.x[c] - low[c]) / width);
    }

    double width, low[3];
    int64_t shape[3];
    std::vector<std::vector<int32_t>> inside;
};

}  // namespace

extern "C" void nearest(int64_t n_atoms, const double *positions, const double *lattice, const int64_t *periodic,
                        int64_t n_neighbours, double cutoff, int64_t *neighbours, double *distances) {
    const Crystal crystal(n_atoms, positions, lattice, periodic);
    const double sphere = 3 * SPARE * n_neighbours * crystal.volume() / n_atoms / (4 * M_PI);
    const double spacing = std::cbrt(crystal.volume() / n_atoms);  // smaller cubes would be empty
    double radius = std::min(cutoff, std::cbrt(sphere));
    std::vector<int64_t> waiting(n_atoms);
    for (int64_t i = 0; i < n_atoms; i++) waiting[i] = i;
    std::vector<Found> found;
    while (!waiting.empty()) {
        const bool whole = radius >= cutoff;
        if (whole) radius = cutoff;
        const std::vector<Point> points = crystal.points(radius);
        const bool many = n_atoms > FEW;
        const Cubes cubes(crystal, many ? points : std::vector<Point>(), std::max(radius + MARGIN, spacing));
        const double limit = radius * radius + (whole ? TOLERANCE : 0.0);
        const auto cube = [&](const Point &point, int c) {  // of pymatgen's, as wide as the cut-off
            return static_cast<int64_t>(
                std::floor((point.at.x[c] - (crystal.low.x[c] - cutoff - TOLERANCE) + TOLERANCE) / cutoff));
        };
        const auto before = [&](const Found &one, const Found &other) {
            if (one.distance != other.distance) return one.distance < other.distance;
            for (int c = 0; c < 3; c++) {
                const int64_t a = cube(points[one.point], c), b = cube(points[other.point], c);
                if (a != b) return a < b;
            }
            return one.point > other.point;
        };
        std::vector<int64_t> still;
        for (const int64_t atom : waiting) {
            found.clear();
            const Vector &centre = crystal.positions[atom];
            const auto see = [&](int32_t point) {
                double square = 0;
                for (int c = 0; c < 3; c++) {
                    const double step = points[point].at.x[c] - centre.x[c];
                    square += step * step;
                }
                if (square >= limit) return;
                const double distance = std::sqrt(square);
                if (points[point].atom != atom || distance > TOLERANCE) found.push_back({distance, point});
            };
            if (many)
                cubes.around(centre, see);
            else
                for (size_t i = 0; i < points.size(); i++) see(static_cast<int32_t>(i));
            const int64_t n_found = static_cast<int64_t>(found.size());
            if (n_found < n_neighbours && !whole) {
                still.push_back(atom);
                continue;
            }
            const int64_t n_kept = std::min(n_neighbours, n_found);
            std::partial_sort(found.begin(), found.begin() + n_kept, found.end(), before);
            for (int64_t i = 0; i < n_kept; i++) {
                neighbours[atom * n_neighbours + i] = points[found[i].point].atom;
                distances[atom * n_neighbours + i] = found[i].distance;
            }
        }
        waiting.swap(still);
        radius *= GROWTH;
    }
}
