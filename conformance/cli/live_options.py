"""What the options of a live run mean: times, shapes, revisions. Whatever is wrong is told by option."""

from collections.abc import Callable
from typing import TypeVar, get_args

from pydantic import TypeAdapter, ValidationError

from conformance.catalogue import UnknownName
from conformance.cli.problems import Misuse
from simulator.fleet.live.plan import PlanInvalid, RebootStorm, Revision, Spike
from simulator.fleet.quantities import Seconds

T = TypeVar("T")
HELP = "`simulate live --help` shows what each option takes"
STORM_SPREAD_S = 10.0


def planned(make: Callable[[], T]) -> T:
    """Make something; a plan that cannot be is the user's mistake. Raises Misuse."""
    try:
        return make()
    except PlanInvalid as error:
        raise Misuse("plan", str(error), HELP) from None


def time_of(option: str, text: str) -> float:
    """Read a time in seconds or with a unit. Raises Misuse."""
    try:
        given: object = float(text) if text.replace(".", "", 1).isdecimal() else text
        return float(TypeAdapter(Seconds).validate_python(given))
    except ValidationError:
        raise Misuse("usage", f"{option}: expected a time, found {text!r}", 'write 90, "90s", "5m" or "12h"') from None


def spike_of(text: str) -> Spike:
    """Read `AT,LASTS,FACTOR`. Raises Misuse, PlanInvalid."""
    at, lasts, factor = _parts("--spike", text, "AT,LASTS,FACTOR", 3, 3)
    return Spike(time_of("--spike", at), time_of("--spike", lasts), _number("--spike", factor))


def storm_of(text: str) -> RebootStorm:
    """Read `AT,SHARE[,SPREAD]`. Raises Misuse, PlanInvalid."""
    at, share, *spread = _parts("--storm", text, "AT,SHARE[,SPREAD]", 2, 3)
    spread_s = time_of("--storm", spread[0]) if spread else STORM_SPREAD_S
    return RebootStorm(time_of("--storm", at), _number("--storm", share), spread_s=spread_s)


def revision_of(name: str | None) -> Revision:
    """Give the revision of a name, or the usual one. Raises UnknownName."""
    known: tuple[Revision, ...] = get_args(Revision)
    for revision in known:
        if name in (None, revision):
            return revision
    raise UnknownName(str(name), known, "revision")


def _number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Misuse("usage", f"{option}: expected a number, found {text!r}", HELP) from None


def _parts(option: str, text: str, form: str, least: int, most: int) -> list[str]:
    parts = [part.strip() for part in text.split(",")]
    if not least <= len(parts) <= most or not all(parts):
        raise Misuse("usage", f"{option}: expected {form}, found {text!r}", HELP)
    return parts
