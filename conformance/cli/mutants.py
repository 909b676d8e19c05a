"""The deliberately broken variants of the references, of either role, as the command line shows them."""

# ruff: noqa: PLC0415 - importing a simulator takes long, and only some verbs need it

from collections.abc import Iterator
from dataclasses import dataclass

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
    """Give the mutants of a role by name: those that break something which a revision has."""
    return tuple(sorted(_of(role, revision), key=lambda item: item.name))


def _of(role: Role, revision: str) -> Iterator[MutantLine]:
    if role == "device":
        from simulator.device.mutants import MUTANTS as OF_DEVICE

        for broken_device in OF_DEVICE.values():
            if broken_device.only in ("", revision) and _has(revision, broken_device.breaks):
                yield MutantLine(
                    broken_device.name, broken_device.breaks, broken_device.description, broken_device.needs
                )
    elif revision != DEFAULT_REVISION:
        from simulator.wfm.mutants_signed import SIGNED_MUTANTS

        for broken in SIGNED_MUTANTS.values():
            if _has(revision, broken.breaks):
                yield MutantLine(broken.name, broken.breaks, broken.description)
    else:
        from simulator.wfm.mutants import WFM_MUTANTS as OF_WFM

        for broken_wfm in OF_WFM.values():
            if _has(revision, broken_wfm.breaks):
                yield MutantLine(broken_wfm.name, broken_wfm.breaks, broken_wfm.description)


def _has(revision: str, name: str) -> bool:
    """Whether a revision has a statement, or a behaviour, of a name."""
    catalogue = load(revision)
    return name in catalogue or catalogue.behaviour(name) is not None
