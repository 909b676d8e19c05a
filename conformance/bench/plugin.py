"""The pytest plugin: carries the scenarios of one role through the bench and says how each ended.

What pytest reports is evidence here, not the verdict: a skipped scenario, a missing step or a `pytest.fail` inside a
step is never green, whatever pytest-bdd makes of it.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from pytest_bdd.parser import Feature, Step
from pytest_bdd.parser import Scenario as BoundScenario
from pytest_bdd.scenario import scenario_wrapper_template_registry

from conformance.bench.bench import Bench
from conformance.bench.errors import Blocked, NotSeen, SubjectMissing
from conformance.bench.hooks.abilities import SIMULATED_ONLY
from conformance.bench.ics import Ics
from conformance.bench.order import Cost
from conformance.bench.pausing import Pause
from conformance.bench.recorder import Recorder
from conformance.bench.scenarios import FEATURE_TAG, HOOK_TAG, NOT_SELECTED, Scenario, Selection, scenario_of
from conformance.bench.workers import Part
from conformance.catalogue import Catalogue
from conformance.record.events import (
    Finding,
    Outcome,
    Role,
    ScenarioFinished,
    ScenarioOutcome,
    StepFinished,
    _Event,
)

Rig = Callable[[], Bench]


@dataclass(frozen=True, slots=True)
class Order:
    """Which scenarios are carried out, and how they are numbered."""

    selection: Selection = field(default_factory=Selection)
    first: int = 1
    part: Part | None = None
    effort: Cost | None = None
    pause: Pause | None = None
    done: frozenset[int] = frozenset()
    """Numbers of scenarios whose events an earlier run left."""
    given_up: Callable[[], str | None] = lambda: None
    """Why nothing more can be had of the subject; None while it can."""


@dataclass
class _Current:
    """What is known of the scenario that is under way."""

    scenario: Scenario
    number: int
    began: float
    steps: list[Step] = field(default_factory=list)
    done: int = 0
    step_began: float = 0.0
    error: BaseException | None = None
    skipped: str | None = None
    finished: bool = False
    findings: list[Finding] = field(default_factory=list)


class ScenarioPlugin:
    """Runs every collected scenario of one role; one instance for one `pytest.main`."""

    def __init__(
        self,
        role: Role,
        ics: Ics,
        catalogue: Catalogue,
        recorder: Recorder,
        rig: Rig,
        hooks: frozenset[str],
        order: Order,
    ) -> None:
        self.role = role
        self.next_number = order.first
        self.broken: list[str] = []
        """What went wrong outside of any scenario; such a run is an error of the suite."""
        self.missing: SubjectMissing | None = None
        """Set when the real subject never came; the run ends then."""
        self._ics = ics
        self._catalogue = catalogue
        self._claims = ics.claims(catalogue)
        self._recorder = recorder
        self._rig = rig
        self._hooks = hooks
        self._order = order
        self._numbers: dict[str, int] = {}
        self._current: _Current | None = None

    # --- before a scenario ---------------------------------------------------------------------------------------

    def pytest_configure(self, config: pytest.Config) -> None:
        """Have no tracebacks made: nobody sees them, and making them parses sources, which takes one thread alone.

        In Python 3.11 `ast.parse` fails with a SystemError when another thread, such as the bench's, parses too.
        """
        config.option.tbstyle = "value"

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Number the scenarios of the revision, and keep those of this worker's part."""
        known = [(item, self._scenario_of(item)) for item in items]
        held = [item for item, scenario in known if scenario]
        self._numbers = {item.nodeid: self._order.first + position for position, item in enumerate(held)}
        self.next_number = self._order.first + len(held)
        part = self._order.part
        items[:] = [item for position, item in enumerate(held) if part is None or part.takes(position)]
        items[:] = [item for item in items if self._numbers[item.nodeid] not in self._order.done]
        effort = self._order.effort
        if effort:
            by_item = {item.nodeid: scenario for item, scenario in known if scenario}
            items.sort(key=lambda item: effort(by_item[item.nodeid]))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Announce the scenario; one that does not apply, is filtered out or is blocked ends here."""
        scenario = self._scenario_of(item)
        if scenario is None:
            return (yield)
        current = self._current = _Current(scenario, self._numbers[item.nodeid], self._recorder.now())
        self._recorder.append(scenario.started(current.number))
        early = self._early_end(scenario)
        self._recorder.begin(current.number, self.role, self._evidence_claims())
        item.user_properties.append(("early", early))
        try:
            result = yield
        except KeyboardInterrupt:
            self._finish(current, _Early(ScenarioOutcome.NOT_RUN, "stopped by hand while it was under way"))
            raise
        self._finish(current, early)
        return result

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Keep a scenario that ended early from being carried out."""
        early = dict(item.user_properties).get("early")
        if early:
            pytest.skip(str(early))

    @pytest.fixture
    def bench(self) -> Generator[Bench, None, None]:
        """The rig, made anew for each scenario; monitors judge what was recorded before it is taken down."""
        bench = self._rig()
        if self._current:
            bench.needs = frozenset(self._current.scenario.tagged(HOOK_TAG))
        try:
            bench.open()
            yield bench
        finally:
            try:
                if self._current:  # stopped by hand, nothing more is judged
                    bench.watch()
            finally:
                bench.close()

    @pytest.hookimpl(tryfirst=True)
    def pytest_bdd_apply_tag(self) -> bool:
        """Tags are ours to read; pytest need not know them as marks."""
        return True

    # --- during a scenario ---------------------------------------------------------------------------------------

    def pytest_bdd_before_scenario(self, scenario: BoundScenario) -> None:
        """Remember the steps there are."""
        if self._current:
            self._current.steps = list(scenario.steps)

    def pytest_bdd_before_step_call(self) -> None:
        """Start the clock of a step."""
        if self._current:
            self._current.step_began = self._recorder.now()

    def pytest_bdd_after_step(self, step: Step) -> None:
        """Record a step that was carried out."""
        if self._current:
            self._current.done += 1
            self._recorder.append(self._step(self._current, step, "passed"))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Keep the first thing that went wrong, in whichever phase."""
        report = yield
        current = self._current
        if call.excinfo and isinstance(call.excinfo.value, SubjectMissing):
            self.missing = call.excinfo.value
            item.session.shouldstop = str(call.excinfo.value)
        if current and call.excinfo and not current.error and not current.skipped:
            if call.excinfo.errisinstance(pytest.skip.Exception):
                current.skipped = str(call.excinfo.value)
            else:
                current.error = call.excinfo.value
        return report

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be collected is an error of the suite."""
        if report.failed:
            self.broken.append(f"{report.nodeid}: {str(report.longrepr).strip().splitlines()[-1]}")

    def heard(self, event: _Event) -> None:
        """Listen to the recorder, so as to know the findings of the scenario."""
        if self._current and isinstance(event, Finding):
            self._current.findings.append(event)

    # --- after a scenario ----------------------------------------------------------------------------------------

    def _finish(self, current: _Current, early: "_Early | None") -> None:
        outcome, reason = (early.outcome, early.reason) if early else self._ended(current)
        if not early:
            self._record_open_steps(current)
            self._record_open_requirements(current, outcome)
        self._recorder.append(
            ScenarioFinished(
                scenario=current.number, outcome=outcome, reason=reason, duration=self._recorder.now() - current.began
            )
        )
        self._recorder.end()
        self._current = None

    def _ended(self, current: _Current) -> tuple[ScenarioOutcome, str | None]:
        failed = [finding for finding in current.findings if finding.outcome is Outcome.FAIL]
        if failed:
            first, then = failed[0], current.error if isinstance(current.error, NotSeen | Blocked) else None
            reason = f"{first.requirement}: expected {first.expected}, found {first.found}"
            return ScenarioOutcome.FAILED, f"{reason}; and then {then}" if then else reason
        match current.error:
            case None:
                return self._ended_well(current)
            case Blocked() | NotSeen() as known:
                early = ScenarioOutcome.BLOCKED if isinstance(known, Blocked) else ScenarioOutcome.INCONCLUSIVE
                return early, str(known)
            case error:
                return ScenarioOutcome.ERROR, f"{type(error).__name__}: {error}"

    def _ended_well(self, current: _Current) -> tuple[ScenarioOutcome, str | None]:
        if current.skipped is not None:
            return ScenarioOutcome.NOT_RUN, current.skipped
        if current.done < len(current.steps) or not current.steps:
            return ScenarioOutcome.ERROR, f"only {current.done} of {len(current.steps)} steps were carried out"
        named = {finding.requirement for finding in current.findings}
        silent = [name for name in current.scenario.requirements if name in self._catalogue and name not in named]
        silent += [name for name in current.scenario.requirements if name not in self._catalogue]
        if told := _departed(current):
            return ScenarioOutcome.INCONCLUSIVE, told
        if silent:
            return ScenarioOutcome.ERROR, f"tagged with {', '.join(silent)}, but no check of it names them"
        unseen = [finding for finding in current.findings if finding.outcome is Outcome.INCONCLUSIVE]
        if unseen:
            return ScenarioOutcome.INCONCLUSIVE, f"{unseen[0].requirement}: {unseen[0].found}"
        return ScenarioOutcome.PASSED, None

    def _record_open_steps(self, current: _Current) -> None:
        for index, step in enumerate(current.steps[current.done :]):
            failed = index == 0 and current.error is not None
            message = str(current.error) if failed else None
            self._recorder.append(self._step(current, step, "failed" if failed else "not-reached", message))

    def _record_open_requirements(self, current: _Current, outcome: ScenarioOutcome) -> None:
        """A statement whose check was not reached because the scenario ended before it could not be observed."""
        if outcome not in (ScenarioOutcome.FAILED, ScenarioOutcome.INCONCLUSIVE):
            return
        named = {finding.requirement for finding in current.findings}
        for name in current.scenario.requirements:
            if name not in named:
                self._recorder.append(
                    Finding(
                        scenario=current.number,
                        requirement=name,
                        check="(not reached)",
                        outcome=Outcome.INCONCLUSIVE,
                        message="The scenario ended before this could be judged.",
                        found=str(current.error or "the scenario ended early"),
                    )
                )

    def _step(self, current: _Current, step: Step, outcome: Any, message: str | None = None) -> StepFinished:
        took = self._recorder.now() - current.step_began if outcome != "not-reached" and current.step_began else 0.0
        return StepFinished(
            scenario=current.number,
            keyword=step.keyword.strip(),
            text=step.name,
            line=step.line_number,
            outcome=outcome,
            duration=took,
            message=message,
        )

    def _early_end(self, scenario: Scenario) -> "_Early | None":
        missing_claims = [name for name in scenario.tagged(FEATURE_TAG) if name not in self._claims]
        missing_hooks = [name for name in scenario.tagged(HOOK_TAG) if name not in self._hooks]
        selection = self._order.selection
        if not selection.takes(scenario):
            return _Early(ScenarioOutcome.NOT_RUN, f"{NOT_SELECTED}{selection}")
        if self._order.pause and self._order.pause.asked:
            return _Early(ScenarioOutcome.NOT_RUN, "the run was paused before it")
        if missing_claims:
            return _Early(ScenarioOutcome.NOT_APPLICABLE, f"the subject does not claim {', '.join(missing_claims)}")
        beyond = next((SIMULATED_ONLY[name] for name in missing_hooks if name in SIMULATED_ONLY), None)
        if beyond:
            return _Early(ScenarioOutcome.NOT_APPLICABLE, beyond)
        if missing_hooks:
            return _Early(ScenarioOutcome.BLOCKED, f"needs {', '.join(missing_hooks)}, which the bench has no hook for")
        given_up = self._order.given_up()
        return _Early(ScenarioOutcome.BLOCKED, given_up) if given_up else None

    def _evidence_claims(self) -> Mapping[str, Any]:
        return {
            "revision": self._catalogue.revision,
            "features": self._claims,
            "policies": dict(self._ics.policies),
            "deadlines": self._ics.deadlines.as_dict(),
        }

    def _scenario_of(self, item: pytest.Item) -> Scenario | None:
        """Give the scenario behind an item as the revision has it; None when it has none of it."""
        found = _scenario_of(self.role, item)
        return found.within(self._catalogue.revision) if found else None


def _departed(current: _Current) -> str | None:
    """Say that what a scenario is there to show was read past a known departure, which is never green."""
    names: dict[str, list[str]] = {}
    for finding in current.findings:
        if finding.departures and finding.requirement in current.scenario.requirements:
            names.setdefault(finding.requirement, []).extend(finding.departures)
    told = [f"{requirement} ({', '.join(dict.fromkeys(of))})" for requirement, of in names.items()]
    return f"got past a known departure from {', '.join(told)}" if told else None


@dataclass(frozen=True, slots=True)
class _Early:
    """Why a scenario is not carried out."""

    outcome: ScenarioOutcome
    reason: str

    def __str__(self) -> str:
        return self.reason


def _scenario_of(role: Role, item: pytest.Item) -> Scenario | None:
    template = scenario_wrapper_template_registry.get(item.obj) if isinstance(item, pytest.Function) else None
    if template is None:
        return None
    feature: Feature = template.feature
    row = getattr(item, "callspec", None)
    example = row.params.get("_pytest_bdd_example", {}) if row else {}
    return scenario_of(role, feature, template, example)
