"""Combinations of declared policies: every pair of values of two policies stands together in at least one of them."""

from collections.abc import Mapping, Sequence
from itertools import combinations

Pair = tuple[tuple[str, str], tuple[str, str]]


def all_pairs(values: Mapping[str, Sequence[str]]) -> tuple[dict[str, str], ...]:
    """Give combinations that cover all pairs, the first one with the first value of each; always the same.

    Greedy: each combination begins with a pair that is still missing, and takes for each further policy the value that
    completes most of the missing pairs. It need not be the shortest list.
    """
    names = list(values)
    missing = {
        ((one, first), (other, second))
        for one, other in combinations(names, 2)
        for first in values[one]
        for second in values[other]
    }
    rows: list[dict[str, str]] = []
    row = {name: values[name][0] for name in names}
    while True:
        rows.append(row)
        missing -= _pairs(row, names)
        if not missing:
            return tuple(rows)
        row = _next(values, names, missing)


def _next(values: Mapping[str, Sequence[str]], names: Sequence[str], missing: set[Pair]) -> dict[str, str]:
    row = dict(min(missing))
    for name in names:
        if name not in row:
            row[name] = max(values[name], key=lambda value: len(_pairs({**row, name: value}, names) & missing))
    return row


def _pairs(row: Mapping[str, str], names: Sequence[str]) -> set[Pair]:
    known = [(name, row[name]) for name in names if name in row]
    return set(combinations(known, 2))
