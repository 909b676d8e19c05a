"""What a user writes about a fleet: cohorts, applications, rollouts, the WFM, duration and seed.

Times in seconds, or with a unit ("90s", "5m", "12h", "7d"); sizes in bytes. Everything is checked when it is read.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from simulator.fleet.hardware import Capabilities
from simulator.fleet.quantities import (
    MAX_DURATION_S,
    TIME_SCHEMA,
    WHOLE_SCHEMA,
    Bytes,
    Count,
    Distribution,
    Hours,
    Name,
    Part,
    PerDay,
    Positive,
    Sampled,
    Seconds,
    Share,
    Tries,
    seconds,
    several,
    whole_seconds,
)

MAX_DEVICES = 20_000_000
MAX_OUTAGES = 400
MAX_WINDOWS = 4


class Outage(Part):
    """From `at` for `lasts`, again `every` so often, at `share` of the sites: `network` or `power`."""

    at: Seconds
    lasts: Positive
    kind: Literal["network", "power"] = "network"
    every: Positive | None = None
    share: Share = 1.0

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.every is not None and self.every <= self.lasts:
            raise ValueError(f"every: expected longer than lasts ({self.lasts:g} s), found {self.every:g} s")
        return self


class Sites(Part):
    """Where a cohort's devices stand; chance spreads them evenly."""

    count: Count = 1
    outages: tuple[Outage, ...] = ()


class Network(Part):
    """The way to the WFM: answers take `rtt` and a byte 1/`bandwidth` s; a device gives up after `timeout`."""

    rtt: Sampled = 0.04
    loss: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = 0.0
    bandwidth: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    timeout: Positive = 30.0


class Polling(Part):
    """How often a device asks, counted from the last answer.

    `jitter`: the part of the period over which polls are spread; `start_spread`: the time in which devices are switched
    on; `boot_spread`: the time in which a device begins after each start, so that a site that had no power does not
    come back at once; `hours`: when it may poll, and so begin what it is told; always, without any.
    """

    period: Annotated[float, BeforeValidator(seconds), Field(ge=1, le=MAX_DURATION_S), TIME_SCHEMA] = 60.0
    jitter: Annotated[float, Field(ge=0, le=1.9, allow_inf_nan=False)] = 0.2
    start_spread: Seconds | None = None
    boot_spread: Seconds = 0.0
    hours: Annotated[tuple[Hours, ...], BeforeValidator(several), Field(max_length=MAX_WINDOWS)] = ()


class Retries(Part):
    """After a failed request: `base` seconds, doubled up to `limit`; `jitter` makes a wait longer, up to its part.

    After so many tries of an `artefact` the device waits for its next poll.
    """

    base: Positive = 2.0
    limit: Positive = 300.0
    jitter: Share = 0.1
    artefact: Tries = 5


class Installs(Part):
    """After a failed installation: `wait` seconds, doubled up to `limit`; without `tries` it is tried without end."""

    tries: Tries | None = None
    wait: Positive = 60.0
    limit: Positive = 3600.0


class Failures(Part):
    """What happens to single devices at any time; rates for a device and a day.

    `boot`: from power to the agent's start. Drift stops a component that runs as wanted; the agent installs it again.
    """

    reboots_per_day: PerDay = 0.0
    drifts_per_day: PerDay = 0.0
    boot: Sampled = Distribution(uniform=(20.0, 60.0))


class Profile(Part):
    """What the devices are. What is not named is varied by the seed: vendors, models and what they have.

    Live devices report it to the WFM; simulations have it in their results.
    """

    vendor: str = "unnamed"
    model: str = "unnamed"
    runtimes: tuple[Literal["helm", "compose"], ...] = ("helm",)
    capabilities: Capabilities = Capabilities()


class Cohort(Part):
    """Devices of one kind."""

    name: Name
    count: Annotated[int, Field(ge=1, le=MAX_DEVICES)]
    application: Name
    profile: Profile = Profile()
    sites: Sites = Sites()
    network: Network = Network()
    polling: Polling = Polling()
    retries: Retries = Retries()
    installs: Installs = Installs()
    failures: Failures = Failures()


class Revision(Part):
    """A revision of the component: `bytes` to fetch, seconds it `installs`, the chance that this `fails`.

    What takes longer than `timeout` has failed, too.
    """

    name: Name
    bytes: Bytes = 4096
    installs: Sampled = Distribution(lognormal=(8.0, 30.0))
    fails: Share = 0.0
    timeout: Annotated[int, BeforeValidator(whole_seconds), Field(ge=1, le=86400), WHOLE_SCHEMA] = 300


class Application(Part):
    """An application; devices begin with its first revision."""

    name: Name
    revisions: Annotated[tuple[Revision, ...], Field(min_length=1, max_length=50)]


class Wave(Part):
    """From `at` on, `share` of the devices beyond those of earlier waves."""

    at: Seconds
    share: Annotated[float, Field(gt=0, le=1)] = 1.0


class Gate(Part):
    """The rollout stops when more than `failure_rate` of at least `minimum` devices report that it failed there."""

    failure_rate: Annotated[float, Field(gt=0, lt=1)] = 0.05
    minimum: Count = 20
    rollback: bool = True


class Rollout(Part):
    """One revision for the devices of its application, wave by wave."""

    application: Name
    revision: Name
    waves: Annotated[tuple[Wave, ...], Field(min_length=1, max_length=50)]
    pause: Gate | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        times = [wave.at for wave in self.waves]
        if times != sorted(times):
            raise ValueError("waves: expected in order of time")
        if sum(wave.share for wave in self.waves) > 1.0 + 1e-9:
            raise ValueError("waves: expected shares that add up to at most 1")
        return self


class Downtime(Part):
    """The WFM refuses connections."""

    at: Seconds
    lasts: Positive


class Restored(Part):
    """From `at` for `lasts`, until someone notices, the WFM serves what it served at `backup`; devices refuse it."""

    at: Seconds
    lasts: Positive
    backup: Seconds

    @model_validator(mode="after")
    def _from_the_past(self) -> Self:
        if self.backup > self.at:
            raise ValueError(f"backup: expected a time not after at ({self.at:g} s), found {self.backup:g} s")
        return self


class Services(Part):
    """Seconds of one server's work for each kind of request."""

    unchanged: Sampled = 0.0001
    manifest: Sampled = 0.001
    bundle: Sampled = 0.003
    status: Sampled = 0.002
    capabilities: Sampled = 0.002

    def by_kind(self) -> tuple[Sampled, ...]:
        """In the order of the model's kinds: unchanged, changed, older, bundle, status, capabilities."""
        return (self.unchanged, self.manifest, self.manifest, self.bundle, self.status, self.capabilities)


class Sizes(Part):
    """Bytes on the wire, request and answer together, beside the bundle itself."""

    unchanged: Bytes = 700
    manifest: Bytes = 1600
    bundle: Bytes = 900
    status: Bytes = 1400
    capabilities: Bytes = 1900

    def by_kind(self) -> tuple[int, ...]:
        """In the order of the model's kinds: unchanged, changed, older, bundle, status, capabilities."""
        return (self.unchanged, self.manifest, self.manifest, self.bundle, self.status, self.capabilities)


class Wfm(Part):
    """Without `servers` there are as many as needed, and devices do not influence each other.

    When `queue_limit` requests wait, others are answered `refuses_with` and Retry-After `retry_after`, which is
    in whole seconds (RFC 9110, 10.2.3); 0 is none.
    """

    servers: Annotated[int, Field(ge=1, le=65_536)] | None = None
    queue_limit: Annotated[int, Field(ge=0, le=20_000_000)] = 10_000
    refuses_with: Literal[429, 503] = 503
    retry_after: Annotated[int, BeforeValidator(whole_seconds), Field(ge=0, le=MAX_DURATION_S), WHOLE_SCHEMA] = 0
    service: Services = Services()
    sizes: Sizes = Sizes()
    down: Annotated[tuple[Downtime, ...], Field(max_length=100)] = ()
    restored: Annotated[tuple[Restored, ...], Field(max_length=20)] = ()


class Fleet(Part):
    """A whole fleet and what happens to it.

    `variants`: the same with other settings by their paths (`simulator.fleet.variants`), to compare with.
    """

    name: Name = "fleet"
    question: str = ""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    duration: Annotated[float, BeforeValidator(seconds), Field(ge=1, le=MAX_DURATION_S), TIME_SCHEMA] = 86400.0
    cohorts: Annotated[tuple[Cohort, ...], Field(min_length=1, max_length=100)]
    applications: Annotated[tuple[Application, ...], Field(min_length=1, max_length=100)]
    rollouts: Annotated[tuple[Rollout, ...], Field(max_length=100)] = ()
    wfm: Wfm = Wfm()
    variants: Annotated[dict[Name, dict[str, Any]], Field(max_length=4)] = Field(default_factory=dict)

    @property
    def devices(self) -> int:
        """How many devices there are in all cohorts."""
        return sum(cohort.count for cohort in self.cohorts)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.devices > MAX_DEVICES:
            raise ValueError(f"cohorts: expected at most {MAX_DEVICES:,} devices together, found {self.devices:,}")
        _once("cohorts", [cohort.name for cohort in self.cohorts])
        _once("applications", [application.name for application in self.applications])
        revisions = {a.name: [revision.name for revision in a.revisions] for a in self.applications}
        for name, names in revisions.items():
            _once(f"revisions of {name}", names)
        for cohort in self.cohorts:
            _known("cohorts: application", cohort.application, list(revisions))
            if sum(1 + int(self.duration / o.every) if o.every else 1 for o in cohort.sites.outages) > MAX_OUTAGES:
                raise ValueError(f"cohorts: expected at most {MAX_OUTAGES} outages of {cohort.name}")
        for rollout in self.rollouts:
            _known("rollouts: application", rollout.application, list(revisions))
            _known("rollouts: revision", rollout.revision, revisions[rollout.application])
        return self


def _once(what: str, names: list[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{what}: expected each name once, found {twice} again")


def _known(what: str, name: str, names: list[str]) -> None:
    if name not in names:
        raise ValueError(f"{what}: expected one of {', '.join(names)}, found {name}")
