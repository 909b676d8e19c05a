"""What a user writes about a fleet: cohorts, applications, rollouts, sites, the WFM, duration and seed.

Times in seconds, or with a unit ("90s", "5m", "12h", "7d"). Everything is checked when it is read; numbers that cannot
be are refused with the field's name.
"""

import math
import re
from itertools import pairwise
from statistics import NormalDist
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TIME = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*$")
MAX_DEVICES = 20_000_000
MAX_DURATION_S = 366 * 86400.0
MAX_COHORTS = 60


def _seconds(value: Any) -> Any:
    if isinstance(value, str):
        found = _TIME.match(value)
        if found is None:
            raise ValueError('a time such as 90, "90s", "5m", "12h" or "7d"')
        return float(found[1]) * _UNITS[found[2]]
    if isinstance(value, bool):
        raise ValueError("a time, not true or false")
    return value


_TIME_SCHEMA = WithJsonSchema(
    {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": _TIME.pattern}]}
)
Seconds = Annotated[float, BeforeValidator(_seconds), Field(ge=0, allow_inf_nan=False), _TIME_SCHEMA]
Positive = Annotated[float, BeforeValidator(_seconds), Field(gt=0, allow_inf_nan=False), _TIME_SCHEMA]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,60}[a-z0-9])?$")]


class Part(BaseModel):
    """The base of all parts: frozen, unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Distribution(Part):
    """Exactly one of: uniform [low, high], exponential (mean), lognormal (median and p95), percentiles.

    Sampled between the quantiles 0.0005 and 0.9995, so that no single value can be absurd.
    """

    uniform: tuple[Seconds, Seconds] | None = None
    exponential: Positive | None = None
    lognormal: tuple[Positive, Positive] | None = None
    percentiles: dict[Annotated[float, Field(ge=0, le=100)], Seconds] | None = None

    @model_validator(mode="after")
    def _can_be_sampled(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("exactly one of uniform, exponential, lognormal and percentiles")
        if self.uniform and self.uniform[0] > self.uniform[1]:
            raise ValueError("uniform: [low, high] with low not above high")
        if self.lognormal and self.lognormal[0] > self.lognormal[1]:
            raise ValueError("lognormal: [median, p95] with the median not above the 95th percentile")
        if self.percentiles is not None:
            values = [value for _, value in sorted(self.percentiles.items())]
            if len(values) < 2 or values != sorted(values):
                raise ValueError("percentiles: at least two, and their values never fall")
        return self

    def quantile(self, p: float) -> float:
        """The value below which the part `p` lies."""
        p = min(max(p, 0.0005), 0.9995)
        if self.uniform is not None:
            return self.uniform[0] + p * (self.uniform[1] - self.uniform[0])
        if self.exponential is not None:
            return -self.exponential * math.log1p(-p)
        if self.lognormal is not None:
            sigma = math.log(self.lognormal[1] / self.lognormal[0]) / NormalDist().inv_cdf(0.95)
            return self.lognormal[0] * math.exp(sigma * NormalDist().inv_cdf(p))
        return _between(sorted((self.percentiles or {}).items()), p * 100.0)


def _between(points: list[tuple[float, float]], x: float) -> float:
    for (x0, y0), (x1, y1) in pairwise(points):
        if x <= x1:
            return y0 + (y1 - y0) * min(max((x - x0) / (x1 - x0), 0.0), 1.0)
    return points[-1][1]


Sampled = Seconds | Distribution


class Hours(Part):
    """Hours of each day, as times of the day; may reach over midnight. The simulation starts at midnight."""

    start: Seconds
    end: Seconds


class Outage(Part):
    """From `at` for `lasts`, again `every` so often; hits `share` of the sites, always the first ones."""

    at: Seconds
    lasts: Positive
    kind: Literal["power", "network"] = "network"
    every: Positive | None = None
    share: Share = 1.0

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.every is not None and self.every <= self.lasts:
            raise ValueError("every: longer than lasts, so that outages do not overlap")
        return self


class Sites(Part):
    """Where a cohort's devices stand; devices are spread over them evenly."""

    count: Count = 1
    outages: tuple[Outage, ...] = ()


class Network(Part):
    """The way to the WFM; bytes/s; `unreachable_after`: how soon a request fails when the site is offline."""

    rtt: Sampled = 0.04
    loss: Share = 0.0
    bandwidth: Annotated[float, Field(gt=0)] | None = None
    timeout: Positive = 30.0
    unreachable_after: Positive = 5.0


class Polling(Part):
    """`jitter` is the part of the period by which polls are spread; `start_spread` the time in which devices begin."""

    period: Positive = 60.0
    jitter: Annotated[float, Field(ge=0, lt=2)] = 0.2
    start_spread: Seconds | None = None
    hours: Hours | None = None


class Retries(Part):
    """Exponential backoff of requests from `base` to `cap`, and of failed installations from `install` on."""

    base: Positive = 1.0
    cap: Positive = 300.0
    fetches: Count = 5
    install: Positive = 60.0
    install_cap: Positive = 3600.0


class Failures(Part):
    """What happens to single devices; rates per device and day."""

    reboots_per_day: Annotated[float, Field(ge=0, le=1000)] = 0.0
    drifts_per_day: Annotated[float, Field(ge=0, le=1000)] = 0.0
    boot: Sampled = Distribution(uniform=(20.0, 60.0))


class Profile(Part):
    """What the devices are. `memory_gib` maps sizes to weights. `vendors` are made up when none are given."""

    vendors: tuple[str, ...] = ()
    models: tuple[str, ...] = ("EX-100", "EX-200")
    runtimes: tuple[Literal["helm", "compose"], ...] = ("helm", "compose")
    memory_gib: dict[Annotated[int, Field(ge=1, le=4096)], Annotated[float, Field(gt=0)]] = {16: 1.0}


class Cohort(Part):
    """Devices of a kind."""

    name: Name
    count: Annotated[int, Field(ge=1, le=MAX_DEVICES)]
    application: Name
    starts: Literal["installed", "blank"] = "installed"
    profile: Profile = Profile()
    sites: Sites = Sites()
    network: Network = Network()
    polling: Polling = Polling()
    retries: Retries = Retries()
    failures: Failures = Failures()


class Component(Part):
    """One component of a revision: how long it takes to install, and how it fails.

    `fails`: probability for each try; `defective`: the part of the devices on which it never works.
    """

    name: Name
    takes: Sampled = Distribution(lognormal=(8.0, 30.0))
    timeout: Annotated[int, Field(ge=1, le=86400)] = 300
    fails: Share = 0.0
    defective: Share = 0.0
    cause: Literal["pull", "start", "health"] = "start"


class Revision(Part):
    """One revision of an application. All revisions of an application have the same components by name."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    components: Annotated[tuple[Component, ...], Field(min_length=1, max_length=4)]
    bundle_bytes: Annotated[int, Field(ge=1)] = 4096
    needs_memory_gib: Annotated[int, Field(ge=0)] = 0


class Application(Part):
    """An application; the first revision is what devices have, or get, at the start."""

    name: Name
    revisions: Annotated[tuple[Revision, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _same_components(self) -> Self:
        names = [tuple(component.name for component in revision.components) for revision in self.revisions]
        if len(set(names)) > 1:
            raise ValueError("revisions: the same component names in each")
        if len({revision.name for revision in self.revisions}) < len(self.revisions):
            raise ValueError("revisions: each name once")
        return self


class Wave(Part):
    """A part of the fleet: `share` of the devices beyond those of earlier waves, of these cohorts (all when none)."""

    at: Seconds
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    cohorts: tuple[str, ...] = ()


class Gate(Part):
    """A rollout stops when more than this part of the devices that reported failed; then it may be rolled back."""

    failure_rate: Annotated[float, Field(gt=0, lt=1)] = 0.05
    minimum: Count = 20
    check_every: Positive = 60.0
    rollback: bool = True


class Rollout(Part):
    """One revision for the devices of its application, wave by wave."""

    name: Name
    application: Name
    revision: str
    waves: Annotated[tuple[Wave, ...], Field(min_length=1)]
    pause: Gate | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        times = [wave.at for wave in self.waves]
        if times != sorted(times):
            raise ValueError("waves: in order of time")
        if sum(wave.share for wave in self.waves if not wave.cohorts) > 1.0 + 1e-9:
            raise ValueError("waves: shares add up to at most 1")
        return self


class Restore(Part):
    """The WFM is restored from a backup: it serves what it served at `backup`, and counts on from `skip` above that."""

    at: Seconds
    backup: Seconds
    skip: Annotated[int, Field(ge=0)] = 0


class Limit(Part):
    """At most `per_s` requests on average, `burst` at once; 429 beyond."""

    per_s: Annotated[float, Field(gt=0)]
    burst: Count
    retry_after: Annotated[int, Field(ge=0)] | None = None


class Downtime(Part):
    """The WFM is not there: connections are refused."""

    at: Seconds
    lasts: Positive


class Services(Part):
    """Seconds of work of one server for each kind of request."""

    unchanged: Sampled = 0.0001
    manifest: Sampled = 0.001
    bundle: Sampled = 0.003
    status: Sampled = 0.002
    capabilities: Sampled = 0.003


class Wfm(Part):
    """Without `servers` there are as many as needed: nothing ever waits, and devices do not influence each other."""

    servers: Annotated[int, Field(ge=1, le=4096)] | None = None
    queue_limit: Annotated[int, Field(ge=0, le=5_000_000)] = 10_000
    retry_after: Annotated[int, Field(ge=0)] | None = None
    service: Services = Services()
    limit: Limit | None = None
    down: tuple[Downtime, ...] = ()
    restored: tuple[Restore, ...] = ()


class Fleet(Part):
    """A whole fleet and what happens to it."""

    name: Annotated[str, Field(max_length=100)] = "fleet"
    question: str = ""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    duration: Annotated[float, BeforeValidator(_seconds), Field(gt=0, le=MAX_DURATION_S), _TIME_SCHEMA] = 86400.0
    cohorts: Annotated[tuple[Cohort, ...], Field(min_length=1, max_length=MAX_COHORTS)]
    applications: Annotated[tuple[Application, ...], Field(min_length=1)]
    rollouts: tuple[Rollout, ...] = ()
    wfm: Wfm = Wfm()

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        if sum(cohort.count for cohort in self.cohorts) > MAX_DEVICES:
            raise ValueError(f"cohorts: at most {MAX_DEVICES:,} devices together")
        for kind in ("cohorts", "applications", "rollouts"):
            names = [item.name for item in getattr(self, kind)]
            if len(set(names)) < len(names):
                raise ValueError(f"{kind}: each name once")
        applications = {item.name: item for item in self.applications}
        for n, cohort in enumerate(self.cohorts):
            _known(f"cohorts.{n}.application", cohort.application, applications)
        for n, rollout in enumerate(self.rollouts):
            _known(f"rollouts.{n}.application", rollout.application, applications)
            revisions = [item.name for item in applications[rollout.application].revisions]
            _known(f"rollouts.{n}.revision", rollout.revision, revisions)
            for wave in rollout.waves:
                for name in wave.cohorts:
                    _known(f"rollouts.{n}.waves", name, [cohort.name for cohort in self.cohorts])
        return self


def _known(field: str, name: str, names: Any) -> None:
    if name not in names:
        raise ValueError(f"{field}: {name!r} is not described; there are {', '.join(names)}")
