"""A fleet, worked out into plain arrays: all that an engine needs to know, the same for both.

Shapes: C cohorts, G contents (revisions of applications), S schedules of cuts,
T tables of quantiles, M manifests, L log entries.
Times in seconds from the start, sizes in bytes.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.fleet.layout import C_COLUMNS, K_COLUMNS, MAX_COMPONENTS, POINTS, RELEASE, SERVED, W_COLUMNS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Publication(NamedTuple):
    """One entry of the WFM's log: from `at` on, the devices it applies to are served another manifest.

    It applies to devices of the application whose number for the rollout lies in [low, high) and whose cohort's bit is
    set in `cohorts`. A RESTORE serves everybody what the first `manifest` entries said.
    """

    at: float
    kind: int
    rollout: int
    wave: int
    low: float
    high: float
    cohorts: int
    manifest: int


class Gate(NamedTuple):
    """When a rollout stops: checked before each wave and every `every` seconds; -1 as rollback: none follows."""

    threshold: float
    minimum: int
    every: float
    until: float
    rollback: int


MAX_COHORTS = 60
MAX_ROLLOUTS = 60
MAX_CONTENTS = 250
MAX_MANIFESTS = 200
MAX_TABLES = 900
MAX_SIZES = 32
MAX_BREAKS = 16
MAX_CUTS = 100_000
_C, _G, _M = (MAX_COHORTS,), (MAX_CONTENTS,), (MAX_MANIFESTS,)
_P = (MAX_CONTENTS, MAX_COMPONENTS)
MODEL = np.dtype(
    [
        ("seed", "u8"),
        ("end", "f8"),
        ("servers", "i8"),
        ("queue_limit", "i8"),
        ("downs", "i8"),
        ("sizes", "i8"),
        ("cohorts", "f8", (*_C, C_COLUMNS)),
        ("kinds", "i8", (*_C, K_COLUMNS)),
        ("breaks", "i8", (*_C, MAX_BREAKS)),
        ("tables", "f8", (MAX_TABLES, POINTS)),
        ("constant", "i8", (MAX_TABLES,)),
        ("components", "i8", _G),
        ("durations", "i8", _P),
        ("limits", "f8", _P),
        ("fails", "f8", _P),
        ("defects", "f8", _P),
        ("causes", "i8", _P),
        ("needs", "f8", _G),
        ("memories", "f8", (*_C, MAX_SIZES)),
        ("shares", "f8", (*_C, MAX_SIZES)),
        ("app_of", "i8", _G),
        ("versions", "i8", _M),
        ("contents", "i8", _M),
        ("rollouts", "i8", _M),
        ("gated", "i8", (MAX_ROLLOUTS,)),
        ("power_at", "i8", (MAX_COHORTS * (MAX_BREAKS + 1) + 1,)),
        ("power", "f8", (MAX_CUTS, 2)),
        ("net_at", "i8", (MAX_COHORTS * (MAX_BREAKS + 1) + 1,)),
        ("net", "f8", (MAX_CUTS, 2)),
        ("down", "f8", (1000, 2)),
        ("services", "i8", (SERVED,)),
        ("wfm", "f8", (W_COLUMNS,)),
    ]
)
"""The numbers as one record of a fixed layout: compiled code gets its address and serves all fleets."""


class Event(NamedTuple):
    """Something due at the WFM: `kind` is -1 for a check of a rollout."""

    at: float
    order: int
    low: float
    high: float
    kind: int
    rollout: int
    wave: int
    cohorts: int
    manifest: int


class Numbers(NamedTuple):
    """What engines read."""

    seed: np.uint64
    end: float
    cohorts: Floats  # (C, C_COLUMNS)
    kinds: Ints  # (C, K_COLUMNS)
    breaks: Ints  # (C, MAX_BREAKS) the site from which on the next schedule of cuts holds
    tables: Floats  # (T, POINTS)
    constant: Ints  # (T,) 1 where all quantiles are equal
    components: Ints  # (G,) how many components
    durations: Ints  # (G, MAX_COMPONENTS) tables
    limits: Floats  # (G, MAX_COMPONENTS) timeouts of installations
    fails: Floats  # (G, MAX_COMPONENTS) probability for each try
    defects: Floats  # (G, MAX_COMPONENTS) probability that a device never manages
    causes: Ints  # (G, MAX_COMPONENTS)
    needs: Floats  # (G,) memory in MiB
    memories: Floats  # (C, V) the sizes that devices of a cohort have
    shares: Floats  # (C, V) cumulated share of each size
    app_of: Ints  # (G,) the application of a content
    versions: Ints  # (M,) version of a manifest
    contents: Ints  # (M,) content of a manifest
    rollouts: Ints  # (M,) the rollout that publishes it, or -1
    gated: Ints  # (rollouts,) 1 where a failure rate stops it
    power_at: Ints  # (S + 1,) where a schedule's cuts stand in `power`
    power: Floats  # (n, 2) start and end
    net_at: Ints  # (S + 1,)
    net: Floats  # (n, 2)
    down: Floats  # (n, 2) when the WFM is not there
    services: Ints  # (SERVED,) tables of service times
    wfm: Floats  # (W_COLUMNS,)
    servers: int  # 0: as many as needed
    queue_limit: int


@dataclass(frozen=True)
class Plan:
    """The numbers, and what only the driver of an engine and the results need."""

    numbers: Numbers
    publications: tuple[Publication, ...]
    gates: tuple[Gate, ...]
    cohort_names: tuple[str, ...]
    rollout_names: tuple[str, ...]
    wave_counts: tuple[int, ...]
    component_names: tuple[tuple[str, ...], ...]
    sizes: tuple[tuple[float, float], ...]
    bin_s: float
    fleet: Any = None

    @property
    def devices(self) -> int:
        """How many devices there are."""
        return int(self.numbers.kinds[:, 1].sum())

    @property
    def coupled(self) -> bool:
        """Whether what one device does changes what another sees: a queue, a limit, or a rollout that may stop."""
        rate = float(self.numbers.wfm[2])
        return self.numbers.servers > 0 or rate > 0 or any(gate.threshold < 1.0 for gate in self.gates)

    @property
    def bins(self) -> int:
        """How many bins the tallies over time have."""
        return int(self.numbers.end / self.bin_s) + 1

    def record(self) -> Any:
        """The numbers as a record for compiled code; raises ValueError when there are more than fit."""
        record = np.zeros(1, MODEL)
        record["breaks"] = np.iinfo(np.int64).max
        for name, value in self.numbers._asdict().items():
            if np.ndim(value) == 0:
                record[name] = value
                continue
            room = record[name][0]
            if any(have > fits for have, fits in zip(value.shape, room.shape, strict=True)):
                raise ValueError(f"{name}: at most {room.shape[0]} are supported, found {value.shape[0]}")
            room[tuple(slice(0, n) for n in value.shape)] = value
        record["downs"] = len(self.numbers.down)
        record["sizes"] = self.numbers.shares.shape[1]
        return record[0]


def events_of(plan: Plan) -> list[Event]:
    """Publications, with the checks of the gates between them; a check comes before what is due at the same time."""
    events = [
        Event(item.at, 1 + n, item.low, item.high, item.kind, item.rollout, item.wave, item.cohorts, item.manifest)
        for n, item in enumerate(plan.publications)
    ]
    starts = {item.rollout: item.at for item in reversed(plan.publications) if item.kind == RELEASE}
    for rollout, gate in enumerate(plan.gates):
        count = int((gate.until - starts[rollout]) / gate.every) if gate.threshold < 1.0 else 0
        times = [starts[rollout] + n * gate.every for n in range(1, count + 1)]
        events += [Event(at, 0, 0.0, 0.0, -1, rollout, 0, 0, 0) for at in times]
    return sorted(events, key=lambda event: event[:2])
