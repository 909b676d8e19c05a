"""The deliberately broken variants of the references, of either role, as the command line shows them."""

# ruff: noqa: PLC0415 - importing a simulator takes long, and only some verbs need it

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from conformance.catalogue import DEFAULT_REVISION, load
from conformance.record.events import Role


@dataclass(frozen=True, slots=True)
class MutantLine:
    """A mutant: its name, the requirement it breaks, and how; `needs` is what a run has to have for it to show."""

    name: str
    breaks: str
    description: str
    needs: str = ""


def mutants(role: Role, revision: str = DEFAULT_REVISION) -> tuple[MutantLine, ...]:
    """Give the mutants of a role by name: the broken variants that a revision is tried on."""
    return tuple(sorted(_REGISTERS.get((role, revision), tuple)(), key=lambda item: item.name))


def _of_device(revision: str) -> Iterator[MutantLine]:
    """Those that break something which the revision has: one device speaks all revisions."""
    from simulator.device.mutants import MUTANTS as OF_DEVICE

    catalogue = load(revision)
    for broken in OF_DEVICE.values():
        known = broken.breaks in catalogue or catalogue.behaviour(broken.breaks) is not None
        if known and broken.only in ("", revision):
            yield MutantLine(broken.name, broken.breaks, broken.description, broken.needs)


def _of_wfm() -> Iterator[MutantLine]:
    from simulator.wfm.mutants import WFM_MUTANTS as OF_WFM

    for broken in OF_WFM.values():
        yield MutantLine(broken.name, broken.breaks, broken.description)


def _of_signed_wfm() -> Iterator[MutantLine]:
    from simulator.wfm.mutants_signed import SIGNED_MUTANTS

    for broken in SIGNED_MUTANTS.values():
        yield MutantLine(broken.name, broken.breaks, broken.description)


_REGISTERS: Mapping[tuple[Role, str], Callable[[], Iterable[MutantLine]]] = {
    ("device", DEFAULT_REVISION): partial(_of_device, DEFAULT_REVISION),
    ("device", "1.0.0-rc.2-signed"): partial(_of_device, "1.0.0-rc.2-signed"),
    ("wfm", DEFAULT_REVISION): _of_wfm,
    ("wfm", "1.0.0-rc.2-signed"): _of_signed_wfm,
}
