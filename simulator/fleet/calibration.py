"""Parameters of a description from what a live run measured: service times, round trip and bytes of each kind.

What a device sees of a request is the network's round trip and the WFM's work together; the round trip alone is seen
when TCP connects, which the WFM's machine answers without the WFM. So the work is what is left: its distribution is
chosen such that round trip and work, added up by chance, give what was measured. How well they do is told as the
largest distance between the two distribution functions (Kolmogorov-Smirnov): 0 is perfect, 0.05 is hard to see.

A run with waiting in it (a WFM at its limit) gives times that hold for that load only: calibrate at a light load.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simulator.fleet.description import Fleet, Services
from simulator.fleet.live.histogram import Histogram
from simulator.fleet.quantities import MICROSECOND_S, Distribution, Sampled, quantile

OPERATIONS = {
    "unchanged": ("fetch-manifest", (304,)),
    "manifest": ("fetch-manifest", (200,)),
    "bundle": ("fetch-bundle", (200,)),
    "status": ("report-status", range(200, 300)),
    "capabilities": ("report-capabilities", range(200, 300)),
}
"""The kinds of the description as operations and statuses on the wire."""
ENOUGH = 20
"""Fewer requests of a kind say too little."""
CLOSE = 0.05
"""A fit that is as near as this is near enough for the simplest form."""
_GRID = (np.arange(256) + 0.5) / 256
_POINTS = (0.0, 1.0, 5.0, 10.0, 25.0, 50.0, 60.0, 70.0, 80.0, 85.0, 90.0, 95.0, 99.0, 99.9, 100.0)


class CannotCalibrate(ValueError):
    """The measurements do not allow it: says what is missing, and what to do."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a live run measured of one kind of request; bytes are means."""

    times: Histogram
    bytes: float
    body: float


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted time: its distribution, how far it is from what was measured (0..1), and of how many requests."""

    of: Sampled
    distance: float
    count: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """Everything fitted. `handshake`: seconds of a connection by quantile, which the model leaves out."""

    rtt: Fitted
    service: Mapping[str, Fitted]
    sizes: Mapping[str, int]
    bundle_bytes: int | None
    handshake: Mapping[str, float | int | None]
    left_out: tuple[str, ...]

    def fragment(self) -> dict[str, Any]:
        """The part of a description: `wfm` and `network`, as YAML has it."""
        return {
            "wfm": {
                "service": {kind: written(fitted.of) for kind, fitted in self.service.items()},
                "sizes": dict(self.sizes),
            },
            "network": {"rtt": written(self.rtt.of)},
        }

    def applied(self, fleet: Fleet) -> Fleet:
        """The fleet with what was fitted: service times, sizes, the round trip of every cohort, and bundles."""
        told = fleet.model_dump()
        told["wfm"]["service"] |= {kind: written(fitted.of) for kind, fitted in self.service.items()}
        told["wfm"]["sizes"] |= self.sizes
        for cohort in told["cohorts"]:
            cohort["network"]["rtt"] = written(self.rtt.of)
        for application, number in self.fetched(fleet):
            told["applications"][application]["revisions"][number]["bytes"] = self.bundle_bytes
        return Fleet.model_validate(told)

    def fetched(self, fleet: Fleet) -> Iterator[tuple[int, int]]:
        """The one revision that was rolled out, as its application's number and its own; none if there are several."""
        wanted = {(rollout.application, rollout.revision) for rollout in fleet.rollouts}
        if self.bundle_bytes is None or len(wanted) != 1:
            return
        for number, application in enumerate(fleet.applications):
            for place, revision in enumerate(application.revisions):
                if (application.name, revision.name) in wanted:
                    yield number, place

    def to_plain(self) -> dict[str, Any]:
        """Everything as JSON values."""
        fits = {"rtt": self.rtt, **self.service}
        return {
            **self.fragment(),
            "fit": {name: {"distance": round(one.distance, 4), "count": one.count} for name, one in fits.items()},
            "bundle_bytes": self.bundle_bytes,
            "handshake_s": dict(self.handshake),
            "left_out": list(self.left_out),
        }


def written(of: Sampled) -> Any:
    """A time as a description has it, to the microsecond."""
    if not isinstance(of, Distribution):
        return round(float(of), 6)
    if of.lognormal is not None:
        return {"lognormal": [round(value, 6) for value in of.lognormal]}
    return {"percentiles": {_plain(point): round(value, 6) for point, value in (of.percentiles or {}).items()}}


def _plain(point: float) -> float | int:
    return int(point) if point == int(point) else point


def read_results(place: Path) -> dict[str, Any]:
    """What a live run left in a folder, or in a file. Raises CannotCalibrate, OSError."""
    files = [place] if place.is_file() else sorted(place.glob("*.json"))
    for file in files:
        try:
            found = json.loads(file.read_bytes())
        except ValueError as error:
            raise CannotCalibrate(f"{file}: expected JSON, found {error}") from None
        if isinstance(found, dict) and "exchanges" in found and "histograms" in found:
            return found
    expected = "the results of a live run, with the service times of its exchanges"
    raise CannotCalibrate(f"{place}: expected {expected}; found {', '.join(f.name for f in files) or 'no JSON file'}")


def calibrate(results: Mapping[str, Any]) -> Calibration:
    """Fit everything to the plain results of a live run. Raises CannotCalibrate."""
    measured = dict(_measured(results))
    left_out = tuple(
        f"{kind}: {measured[kind].times.count if kind in measured else 0} requests, at least {ENOUGH} are needed"
        for kind in Services.model_fields
        if kind not in measured or measured[kind].times.count < ENOUGH
    )
    usable = {kind: measured[kind] for kind in Services.model_fields if kind in measured}
    usable = {kind: one for kind, one in usable.items() if one.times.count >= ENOUGH}
    if not usable:
        raise CannotCalibrate(f"too little was measured: {'; '.join(left_out)}; run longer, or with more devices")
    tcp = Histogram.from_plain(results["histograms"]["tcp"])
    if tcp.count < ENOUGH:
        raise CannotCalibrate(f"expected at least {ENOUGH} connections to take the round trip from, found {tcp.count}")
    rtt = _best(_forms(tcp, None), tcp, None)
    sizes = {kind: round(one.bytes - (one.body if kind == "bundle" else 0)) for kind, one in usable.items()}
    return Calibration(
        rtt,
        {kind: _best(_forms(one.times, tcp), one.times, rtt.of) for kind, one in usable.items()},
        sizes,
        round(usable["bundle"].body) if "bundle" in usable else None,
        Histogram.from_plain(results["histograms"]["handshake"]).summary(),
        left_out,
    )


def _measured(results: Mapping[str, Any]) -> Iterator[tuple[str, Measured]]:
    for kind, (operation, statuses) in OPERATIONS.items():
        found = [e for e in results["exchanges"] if e["operation"] == operation and e["status"] in statuses]
        times = Histogram.merged(Histogram.from_plain(exchange["service_time"]) for exchange in found)
        if times.count:
            wire = sum(exchange["bytes"]["sent"] + exchange["bytes"]["received"] for exchange in found)
            body = sum(exchange["bytes"]["body"] for exchange in found)
            yield kind, Measured(times, wire / times.count, body / times.count)


def _forms(seen: Histogram, rtt: Histogram | None) -> Iterator[Sampled]:
    """What a time may be like, the simplest form first; the round trip is taken away from what was seen."""
    away = rtt.quantile(0.5) or 0.0 if rtt is not None else 0.0
    mean, variance = _moments(seen)
    away_mean, away_variance = _moments(rtt) if rtt is not None else (0.0, 0.0)
    yield max(mean - away_mean, 0.0)
    middle, high = ((seen.quantile(share) or 0.0) - away for share in (0.5, 0.95))
    if MICROSECOND_S <= middle <= high:
        yield Distribution(lognormal=(middle, high))
    rest, spread = mean - away_mean, max(variance - away_variance, 0.0)
    if rest > 0:
        sigma = math.sqrt(math.log1p(spread / rest**2))
        middle = rest * math.exp(-(sigma**2) / 2)
        if middle >= MICROSECOND_S:
            yield Distribution(lognormal=(middle, middle * math.exp(1.6448536269514722 * sigma)))
    yield Distribution(percentiles={p: max((seen.quantile(p / 100) or 0.0) - away, 0.0) for p in _POINTS})
    if rtt is not None:
        less = [max((seen.quantile(p / 100) or 0.0) - (rtt.quantile(p / 100) or 0.0), 0.0) for p in _POINTS]
        yield Distribution(percentiles=dict(zip(_POINTS, np.maximum.accumulate(less).tolist(), strict=True)))


def _best(forms: Iterator[Sampled], seen: Histogram, rtt: Sampled | None) -> Fitted:
    """The first form that is close, or else the closest."""
    fits = []
    for form in forms:
        fits.append(Fitted(form, distance(seen, form, rtt), seen.count))
        if fits[-1].distance <= CLOSE:
            return fits[-1]
    return min(fits, key=lambda fit: fit.distance)


def distance(seen: Histogram, work: Sampled, rtt: Sampled | None = None) -> float:
    """How far round trip and work together are from what was seen, between 0 and 1."""
    total = np.array([quantile(work, float(p)) for p in _GRID])
    if rtt is not None:
        total = (total[:, None] + np.array([quantile(rtt, float(p)) for p in _GRID])[None, :]).ravel()
    total.sort()
    ends, below = (np.array(values) for values in seen.distribution())
    # where a bucket ends both are known exactly, and where it begins: from the one before to there nothing was seen;
    # within a bucket only that it is crossed, so its two ends are what is compared
    begins = np.maximum(ends * (1 - 2.0**-seen.sub_bits), np.append(0.0, ends[:-1]))
    apart = [
        np.abs(np.searchsorted(total, edges, side="right") / len(total) - shares).max()
        for edges, shares in ((ends, below), (begins, np.append(0.0, below[:-1])))
    ]
    return float(max(apart))


def _moments(seen: Histogram) -> tuple[float, float]:
    """Mean and variance."""
    ends, below = (np.array(values) for values in seen.distribution())
    weights = np.diff(below, prepend=0.0)
    mean = float((ends * weights).sum())
    return mean, float((weights * (ends - mean) ** 2).sum())
