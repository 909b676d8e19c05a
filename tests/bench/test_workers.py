"""A run that is spread over processes leaves the same record as one that is not."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.bench.recorder import Recorder
from conformance.bench.workers import Part, WorkerFailed, follow
from conformance.record.events import Fact, Finding, Header, ScenarioStarted, Subject
from conformance.record.file import EventWriter, read

WORKER = """
import sys
from pathlib import Path
from conformance.bench.recorder import Recorder
from conformance.record.events import *
from conformance.record.file import EventWriter

scenario, good = int(sys.argv[1]), sys.argv[2] == "good"
writer = EventWriter(Path(sys.argv[sys.argv.index("--out") + 1]) / "events.ndjson")
recorder = Recorder(writer)
subject = Subject(role="device", name="x", target="simulated", profile="standalone")
recorder.append(Header(run="worker", started="now", suite="1", revision="1.0.0-rc.3", subjects=(subject,)))
recorder.append(ScenarioStarted(scenario=scenario, role="device", feature="f", name="n", uri="u", line=1))
recorder.begin(scenario, "device", {})
fact = recorder.note("seen", by=scenario)
shown = {"shown_by": (fact.n,), "check": "c", "message": "m"}
recorder.append(Finding(scenario=scenario, requirement="DS-069", outcome="pass", **shown))
if not good:
    sys.exit("the worker fell over")
recorder.append(ScenarioFinished(scenario=scenario, outcome="passed"))
writer.close()
"""


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    recorder = Recorder(EventWriter(tmp_path / "events.ndjson"))
    subject = Subject(role="device", name="x", target="simulated", profile="standalone")
    recorder.append(Header(run="main", started="now", suite="1", revision="1.0.0-rc.3", subjects=(subject,)))
    return recorder


def test_findings_still_point_at_what_shows_them(tmp_path: Path, recorder: Recorder) -> None:
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    follow([(sys.executable, str(script), str(number), "good") for number in (1, 2, 3)], tmp_path / "work", recorder)
    recorder.close()
    events = read(tmp_path / "events.ndjson")
    assert [event.run for event in events if isinstance(event, Header)] == ["main"]
    assert {event.scenario for event in events if isinstance(event, ScenarioStarted)} == {1, 2, 3}
    for finding in (event for event in events if isinstance(event, Finding)):
        shown = events[finding.shown_by[0]]
        assert isinstance(shown, Fact)
        assert shown.data["by"] == finding.scenario


def test_a_worker_that_falls_over_is_an_error_that_says_why(tmp_path: Path, recorder: Recorder) -> None:
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    with pytest.raises(WorkerFailed, match="the worker fell over"):
        follow([(sys.executable, str(script), "1", "bad")], tmp_path / "work", recorder)
    recorder.close()


@given(st.integers(1, 9), st.integers(0, 1000))
def test_every_scenario_belongs_to_exactly_one_part(of: int, position: int) -> None:
    parts = [Part(index, of, 1, 0.0) for index in range(of)]
    assert sum(part.takes(position) for part in parts) == 1
    assert all(Part.parse(str(part)) == part for part in parts)
