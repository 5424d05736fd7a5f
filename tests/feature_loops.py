"""Absorption features in plain Python loops, straight from their definitions: an oracle for the metrics of features."""

from __future__ import annotations

import math


def hull_contacts(w, r):
    """Bands that no chord between two other bands passes above."""
    n, tolerance = len(r), 4 * 2.0**-52 * max(abs(value) for value in r)
    found = [0]
    while found[-1] < n - 1:
        a = found[-1]
        slopes = [(r[b] - r[a]) / (w[b] - w[a]) for b in range(a + 1, n)]
        steepest = max(slopes)
        # of bands on one line the last is taken
        on_it = [b for b in range(a + 1, n) if r[b] >= r[a] + steepest * (w[b] - w[a]) - tolerance]
        found.append(on_it[-1])
    return found


def hull(w, r):
    """The hull at every band."""
    at = hull_contacts(w, r)
    values = []
    for i in range(len(r)):
        a, b = next((a, b) for a, b in zip(at[:-1], at[1:]) if a <= i <= b)
        values.append(r[a] + (r[b] - r[a]) * (w[i] - w[a]) / (w[b] - w[a]))
    return values


def features(w, r):
    """(left contact, right contact, left shoulder, right shoulder) of each feature, as bands."""
    at, over, found = hull_contacts(w, r), hull(w, r), []
    for a, b in zip(at[:-1], at[1:]):
        if b - a < 2 or max(1 - r[i] / over[i] if over[i] > 0 else 0 for i in range(a, b)) < 0.02:
            continue
        reach = min((b - a) // 8, 3)
        sides = []
        for middle in (a, b):
            own = min(reach, middle, len(r) - 1 - middle)
            sides.append(range(middle - own, middle + own + 1))
        if over_line(w, r, (a, b, *sides)) is not None:
            found.append((a, b, *sides))
    return found


def over_line(w, x, feature):
    """`x` over the straight line between the means of its shoulders; None where one of them is not above zero."""
    a, b, left, right = feature
    wl, xl, wr, xr = [sum(v[i] for i in side) / len(side) for side in (left, right) for v in (w, x)]
    if xl <= 0 or xr <= 0:
        return None
    return [x[i] / (xl + (xr - xl) * (w[i] - wl) / (wr - wl)) for i in range(a, b + 1)]


def correlation(x, r):
    mx, mr = math.fsum(x) / len(x), math.fsum(r) / len(r)
    xx, rr, xr = (math.fsum((a - p) * (b - q) for a, b in zip(u, v))
                  for u, v, p, q in ((x, x, mx, mx), (r, r, mr, mr), (x, r, mx, mr)))
    return xr / math.sqrt(xx * rr) if xx > 0 else 0.0


def feature_fit(x, r, w=None):
    w = w or list(range(len(r)))
    weights, fits = [], []
    for feature in features(w, r):
        theirs, ours = over_line(w, r, feature), over_line(w, x, feature)
        weights.append(min(1 - min(theirs), 1.0))
        fits.append(max(correlation(ours, theirs), 0.0) ** 2 if ours else 0.0)
    return math.fsum(a * b for a, b in zip(weights, fits)) / math.fsum(weights) if weights else math.nan


def band_depth(x, r, w=None):
    w = w or list(range(len(r)))
    found = features(w, r)
    if not found:
        return math.nan
    ours = over_line(w, x, max(found, key=lambda feature: min(1 - min(over_line(w, r, feature)), 1.0)))
    return max(1 - value for value in ours[1:-1]) if ours else math.nan
