"""Log-linear histograms of durations: fixed buckets, so that merging is exact and in any order the same.

Durations are counted in whole nanoseconds. Every power of two is cut into 2^`sub_bits` buckets of equal width: with 7
bits a quantile is at most 0.8 % too large, with 4 bits 6.3 %, and never too small; the maximum is exact.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Self

FINE = 7
COARSE = 4
QUANTILES = (0.5, 0.9, 0.99, 0.999)
_NS = 1_000_000_000
_NONE = 1 << 63
"""The least of no durations."""


class Histogram:
    """Counts durations; everything told is in seconds."""

    __slots__ = ("counts", "maximum_ns", "minimum_ns", "sub_bits", "total_ns")

    def __init__(self, sub_bits: int = FINE) -> None:
        self.sub_bits = sub_bits
        self.counts: defaultdict[int, int] = defaultdict(int)
        self.total_ns = 0
        self.maximum_ns = 0
        self.minimum_ns = _NONE

    @property
    def count(self) -> int:
        """How many durations were counted."""
        return sum(self.counts.values())

    def record(self, seconds: float) -> None:
        """Count a duration; a negative one counts as none at all."""
        value = int(seconds * _NS)
        if value <= 0:
            value = bucket = 0
        else:
            shift = value.bit_length() - 1 - self.sub_bits
            bucket = value if shift <= 0 else (shift << self.sub_bits) + (value >> shift)
        self.counts[bucket] += 1
        self.total_ns += value
        self.maximum_ns = max(self.maximum_ns, value)
        self.minimum_ns = min(self.minimum_ns, value)

    def merge(self, other: "Histogram") -> None:
        """Add the counts of another histogram. Raises ValueError when its buckets are others."""
        if other.sub_bits != self.sub_bits:
            raise ValueError(f"sub_bits: expected {self.sub_bits}, found {other.sub_bits}")
        for bucket, count in other.counts.items():
            self.counts[bucket] += count
        self.minimum_ns = min(self.minimum_ns, other.minimum_ns)
        self.maximum_ns = max(self.maximum_ns, other.maximum_ns)
        self.total_ns += other.total_ns

    @classmethod
    def merged(cls, parts: Iterable["Histogram"], sub_bits: int = FINE) -> Self:
        """All parts as one."""
        whole = cls(sub_bits)
        for part in parts:
            whole.merge(part)
        return whole

    def quantile(self, share: float) -> float | None:
        """The duration that this share of the durations does not exceed (upper edge of its bucket); None without any.

        Raises ValueError unless 0 <= share <= 1.
        """
        if not 0.0 <= share <= 1.0:
            raise ValueError(f"share: expected 0..1, found {share}")
        whole = self.count
        if not whole:
            return None
        rank = max(1, math.ceil(share * whole))
        seen = 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= rank:
                return min(self._upper_ns(bucket), self.maximum_ns) / _NS
        raise AssertionError("the buckets hold fewer than were counted")

    def distribution(self) -> tuple[list[float], list[float]]:
        """The upper edges of the buckets in seconds, and the share of the durations that each does not fall below."""
        edges: list[float] = []
        shares: list[float] = []
        seen = 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            edges.append(min(self._upper_ns(bucket), self.maximum_ns) / _NS)
            shares.append(seen / self.count)
        return edges, shares

    @property
    def mean(self) -> float | None:
        """The exact mean; None without any duration."""
        whole = self.count
        return self.total_ns / whole / _NS if whole else None

    def summary(self) -> dict[str, float | int | None]:
        """Count, mean, quantiles and extremes, in seconds."""
        return {
            "count": self.count,
            "mean": self.mean,
            "min": self.minimum_ns / _NS if self.count else None,
            **{quantile_name(share): self.quantile(share) for share in QUANTILES},
            "max": self.maximum_ns / _NS if self.count else None,
        }

    def buckets(self) -> list[tuple[float, int]]:
        """The buckets that hold any: upper edge in seconds, and how many."""
        return [(self._upper_ns(bucket) / _NS, self.counts[bucket]) for bucket in sorted(self.counts)]

    def to_plain(self) -> dict[str, Any]:
        """Everything as JSON values; `from_plain` takes it back without loss."""
        return {
            "sub_bits": self.sub_bits,
            "total_ns": self.total_ns,
            "min_ns": self.minimum_ns if self.counts else 0,
            "max_ns": self.maximum_ns,
            "buckets": [[bucket, self.counts[bucket]] for bucket in sorted(self.counts)],
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Take back what `to_plain` gave."""
        whole = cls(plain["sub_bits"])
        whole.counts.update({int(bucket): int(count) for bucket, count in plain["buckets"]})
        whole.total_ns, whole.maximum_ns = plain["total_ns"], plain["max_ns"]
        whole.minimum_ns = plain["min_ns"] if whole.counts else _NONE
        return whole

    def _upper_ns(self, bucket: int) -> int:
        shift = (bucket >> self.sub_bits) - 1
        if shift <= 0:
            return bucket
        below = bucket - (shift << self.sub_bits)
        return ((below + 1) << shift) - 1


def quantile_name(share: float) -> str:
    """How a quantile is called: 0.999 is `p99.9`."""
    return f"p{share * 100:g}"
