"""The kill matrix: which mutant was caught by which checks, where a reference raised an alarm, what kills nothing."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.bench.scenarios import BEHAVIOUR_TAG, REQUIREMENT_TAG, scenarios
from conformance.bench.selftest import Alarm, Subject, Trial, catching
from conformance.catalogue import DEFAULT_REVISION, Catalogue, load
from conformance.checks.judging import covered
from conformance.checks.registry import checks
from conformance.record.events import Role


@dataclass(frozen=True, slots=True)
class Defect:
    """A mutant as the matrix needs it: its name, the statement (or behaviour) it breaks, how, and what shows it."""

    name: str
    requirement: str
    description: str
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Matrix:
    """What a self-test of one role came to."""

    role: Role
    catalogue: Catalogue
    defects: Sequence[Defect]
    mutants: Mapping[str, Trial]
    references: Sequence[Trial]
    seconds: float

    def by(self, defect: Defect) -> tuple[str, ...]:
        """Name the checks that caught a mutant: they found broken what it breaks, a SHOULD at least by a warning."""
        alarms, broken = self.mutants[defect.name].alarms, catching(defect.requirement, self.catalogue.revision)
        caught = [item for item in alarms if item.requirement == defect.requirement and item.outcome in broken]
        return tuple(sorted({item.check for item in caught}))

    @property
    def caught(self) -> int:
        """How many mutants were caught."""
        return sum(bool(self.by(defect)) for defect in self.defects)

    @property
    def false_alarms(self) -> tuple[tuple[Trial, Alarm], ...]:
        """Everything that a reference was blamed for."""
        return tuple((trial, alarm) for trial in self.references for alarm in trial.alarms)

    @property
    def troubles(self) -> tuple[Trial, ...]:
        """References on which the suite itself went wrong."""
        return tuple(trial for trial in self.references if trial.trouble)

    @property
    def kills(self) -> dict[str, tuple[str, ...]]:
        """Name for every check the mutants on which it found something broken, what they are named for or not."""
        killed: dict[str, set[str]] = defaultdict(set)
        for name, trial in self.mutants.items():
            for alarm in trial.alarms:
                killed[alarm.check].add(name)
        return {name: tuple(sorted(killed[name])) for name in checks(self.role)}

    @property
    def idle(self) -> tuple[str, ...]:
        """Name the checks of a MUST that kill no mutant."""
        return tuple(name for name, killed in self.kills.items() if not killed and self._judges_a_must(name))

    @property
    def unfinished(self) -> tuple[Subject, ...]:
        """Give for each check that killed nothing one mutant that it could yet kill, and that was left once caught."""
        left = [trial.subject for trial in self.mutants.values() if trial.subject.until_caught]
        found: dict[str | None, Subject] = {}
        for name in self.idle:
            could = [item for item in left if item.requirement in checks(self.role)[name].requirements]
            if could and not any(item.mutant in found for item in could):
                found[could[0].mutant] = could[0].to_the_end
        return tuple(found.values())

    @property
    def passed(self) -> bool:
        """Whether all are caught, nothing was blamed wrongly, and every check of a MUST kills."""
        clean = not self.false_alarms and not self.troubles
        return bool(self.defects) and self.caught == len(self.defects) and clean and not self.idle

    def as_dict(self) -> dict[str, Any]:
        """Give the matrix as a document."""
        kills = self.kills
        return {
            "role": self.role,
            "revision": self.catalogue.revision,
            "passed": self.passed,
            "total": len(self.defects),
            "caught": self.caught,
            "false_alarms": len(self.false_alarms),
            "seconds": round(self.seconds, 1),
            "mutants": [self._mutant(defect) for defect in self.defects],
            "references": [_reference(trial) for trial in self.references],
            "combinations": self.combinations,
            "checks": {
                "total": len(kills),
                "of_a_must": sum(self._judges_a_must(name) for name in kills),
                "only_observe": [name for name in kills if checks(self.role)[name].observes],
                "kill_nothing": list(self.idle),
                "kills": {name: list(killed) for name, killed in kills.items()},
            },
        }

    @property
    def combinations(self) -> str:
        """Say which combinations of policies the reference was tried under."""
        tried = [trial for trial in self.references if trial.subject.policies]
        if not tried:
            return "none: no policies"
        rows = "of each outline one row in turn, all rows where a policy is judged"
        which = "all scenarios" if tried[0].subject.turn is None else f"the scenarios of failure and recovery, {rows}"
        return f"{len(tried)} of them, in which every pair of values of two policies occurs; in each {which}"

    def _mutant(self, defect: Defect) -> dict[str, Any]:
        trial, by = self.mutants[defect.name], self.by(defect)
        return {
            "name": defect.name,
            "requirement": defect.requirement,
            "description": defect.description,
            "caught": bool(by),
            "by": list(by),
            "also_broken": sorted({item.requirement for item in trial.alarms} - {defect.requirement}),
            "scenarios": trial.scenarios,
            "seconds": round(trial.seconds, 1),
            "trouble": trial.trouble,
        }

    def _is_used(self, check: str) -> bool:
        """Whether it watches every scenario, or one of the revision is for what it judges."""
        found, tags = checks(self.role)[check], (REQUIREMENT_TAG, BEHAVIOUR_TAG)
        there = scenarios(self.role, self.catalogue.revision)
        shown = {name for item in there for tag in tags for name in item.tagged(tag)}
        return found.monitor or any(name in shown for name in (*found.requirements, *covered(found, self.catalogue)))

    def _judges_a_must(self, check: str) -> bool:
        """Whether it can fail a MUST of the revision; what only observes, or no scenario calls, can fail nothing.

        Of a WFM of a revision that is not the default one only what is peculiar to it counts: the broken variants of
        the default revision are what the checks that both share are tried on.
        """
        shared = (
            self.role == "wfm"
            and self.catalogue.revision != DEFAULT_REVISION
            and any(name in load() for name in checks(self.role)[check].requirements)
        )
        return (
            not checks(self.role)[check].observes
            and not shared
            and self._is_used(check)
            and any(
                name in self.catalogue
                and self.catalogue.requirement(name).severity == "must"
                and self.role in self.catalogue.requirement(name).binds
                for name in checks(self.role)[check].requirements
            )
        )


def _reference(trial: Trial) -> dict[str, Any]:
    return {
        "profile": trial.subject.ics.profile,
        "policies": dict(trial.subject.policies),
        "scenarios": dict(trial.outcomes),
        "alarms": [
            {
                "requirement": alarm.requirement,
                "check": alarm.check,
                "outcome": alarm.outcome.value,
                "scenario": alarm.scenario,
                "expected": alarm.expected,
                "found": alarm.found,
            }
            for alarm in trial.alarms
        ],
        "trouble": trial.trouble,
        "seconds": round(trial.seconds, 1),
    }


def markdown(matrix: Matrix) -> str:
    """Draw the matrix: the mutants by the statement that they break, and the checks that kill nothing."""
    by_requirement: dict[str, list[Defect]] = defaultdict(list)
    for defect in matrix.defects:
        by_requirement[defect.requirement].append(defect)
    rows = [
        f"| {requirement} | {'✔' if matrix.by(defect) else '✘'} | {defect.name} | {_listed(matrix.by(defect))} |"
        for requirement, defects in sorted(by_requirement.items())
        for defect in defects
    ]
    alarms = [f"- {alarm.requirement} ({alarm.check}): {alarm.scenario}" for _, alarm in matrix.false_alarms]
    return "\n".join(
        [
            f"# Kill matrix of the {matrix.role} suite, revision {matrix.catalogue.revision}",
            "",
            f"{headline(matrix)}, {len(matrix.idle)} checks of a MUST kill nothing.",
            "",
            "| requirement | caught | mutant | by |",
            "| --- | --- | --- | --- |",
            *rows,
            *(["", "## False alarms", "", *alarms] if alarms else []),
            *(["", "## Checks of a MUST that kill nothing", "", *(f"- {name}" for name in matrix.idle)]),
            "",
        ]
    )


def headline(matrix: Matrix) -> str:
    """Say how many were caught, and how often a reference was blamed."""
    alarms = f"{len(matrix.false_alarms)} false alarms in {len(matrix.references)} runs of the reference"
    return f"{matrix.caught} of {len(matrix.defects)} mutants caught, {alarms}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(name.partition(".")[2] for name in names) or "-"
