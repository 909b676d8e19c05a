"""Whoever waits for evidence is woken by it, and never sees that of another scenario."""

import threading
from pathlib import Path

from conformance.bench.recorder import Recorder
from conformance.record.events import Header, ScenarioStarted, Subject
from conformance.record.file import EventWriter, read


def recorder_in(folder: Path) -> tuple[Recorder, EventWriter]:
    writer = EventWriter(folder / "events.ndjson")
    recorder = Recorder(writer)
    subject = Subject(role="device", name="x", target="simulated", profile="standalone")
    recorder.append(Header(run="r", started="now", suite="1", revision="1.0.0-rc.3", subjects=(subject,)))
    return recorder, writer


def begin(recorder: Recorder, number: int) -> None:
    recorder.append(ScenarioStarted(scenario=number, role="device", feature="f", name="n", uri="u", line=1))
    recorder.begin(number, "device", {})


def test_waiting_ends_when_the_evidence_arrives(tmp_path: Path) -> None:
    recorder, writer = recorder_in(tmp_path)
    begin(recorder, 1)
    waiting = threading.Event()

    def seen(record: object) -> bool:
        waiting.set()
        return bool(recorder.record().facts_of("rebooted"))

    def reboot() -> None:
        waiting.wait(5)
        recorder.note("rebooted")

    thread = threading.Thread(target=reboot)
    thread.start()
    assert recorder.until(seen, within=30)
    thread.join()
    writer.close()


def test_waiting_in_vain_ends_at_the_deadline(tmp_path: Path) -> None:
    recorder, writer = recorder_in(tmp_path)
    begin(recorder, 1)
    assert not recorder.until(lambda record: record.facts, within=0.01)
    writer.close()


def test_evidence_of_one_scenario_is_not_that_of_the_next(tmp_path: Path) -> None:
    recorder, writer = recorder_in(tmp_path)
    begin(recorder, 1)
    recorder.note("rebooted")
    recorder.end()
    begin(recorder, 2)
    assert not recorder.record().facts
    recorder.note("cut")
    assert [fact.kind for fact in recorder.record().facts] == ["cut"]
    writer.close()
    kinds = [event.type for event in read(tmp_path / "events.ndjson")]
    assert kinds.count("fact") == 2, "the file keeps both"
