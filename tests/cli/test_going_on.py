"""What an earlier run is taken up for: to go on with it (`--resume`), or to try again what failed (`--failed-of`)."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.bench.device_seat import simulated_seat
from conformance.bench.ics import load_ics
from conformance.bench.pausing import Pause
from conformance.bench.run import RunPlan, run
from conformance.bench.scenarios import Selection, scenarios
from conformance.record.events import Event, Header, ScenarioFinished, ScenarioOutcome, ScenarioStarted, _Event
from conformance.record.file import EVENT_FILE, read, write
from tests.cli.commands import Ended, assert_refused, call
from tests.cli.records import write_record

ICS = "role: device\nsubject: {name: pump, version: '1'}\nprofile: standalone\npoll-interval: 1\n"
TWO = tuple(item.key for item in scenarios("device") if "DS-069" in item.requirements)[:2]


@pytest.fixture
def ics(tmp_path: Path) -> Path:
    file = tmp_path / "ics.yaml"
    file.write_text(ICS)
    return file


def paused(folder: Path, ics: Path, selection: Selection, *, after: int = 1) -> Path:
    """Leave what a run on a real device leaves that was paused after some scenarios; gives its folder."""
    pause, ended = Pause(), 0

    def heard(event: _Event) -> None:
        nonlocal ended
        ended += isinstance(event, ScenarioFinished) and event.outcome is ScenarioOutcome.PASSED
        pause.asked = ended >= after

    seat = replace(simulated_seat(load_ics(ics, "device")), target="127.0.0.1:8443")
    run(RunPlan((seat,), folder, selection=selection, listeners=(heard,), pause=pause))
    (folder / "report.html").write_text("as it was")
    return folder


def going_on(ics: Path, record: Path, *more: object, out: Path | None = None) -> Ended:
    listen = ("--listen", "127.0.0.1:0", "--wait", 1, "--identity", ics.parent / "id")
    return call("run", "device", *listen, "--ics", ics, "--out", out or ics.parent / "out", "--resume", record, *more)


def edited(file: Path, **header: object) -> None:
    """Seal a record anew with another header: that of a run elsewhere, or by another suite."""
    events = read(file)
    assert isinstance(events[0], Header)
    file.unlink()
    write(file, [events[0].model_copy(update=header), *events[1:]])


def test_a_run_goes_on_only_with_the_same_of_everything(tmp_path: Path, ics: Path) -> None:
    out = paused(tmp_path / "out", ics, Selection(requirements=("DS-069",)))
    before = (out / EVENT_FILE).read_bytes()
    same = ("--req", "DS-069")
    for old, new, words in (
        ("name: pump", "name: fan", ("subject", "pump 1", "fan 1")),
        ("version: '1'", "version: '2'", ("subject", "pump 1", "pump 2")),
        ("standalone", "gateway", ("profile", "standalone", "gateway")),
        ("poll-interval: 1", "poll-interval: 9", ("deadlines", "poll=8 s", "poll=24 s")),
        ("poll-interval: 1", "policies: {retry: backoff}\npoll-interval: 1", ("policies", "none", "retry=backoff")),
    ):
        ics.write_text(ICS.replace(old, new))
        assert_refused(going_on(ics, out, *same), "other-run", "--resume", str(out), *words)
    ics.write_text(ICS)
    assert_refused(going_on(ics, out), "other-run", "selection", "--req DS-069", "all")
    assert_refused(going_on(ics, out, "--failed"), "other-run", "--failed")
    assert_refused(going_on(ics, out, "--req", "DS-69"), "usage", "DS-069")
    assert (out / EVENT_FILE).read_bytes() == before
    assert sorted(item.name for item in out.iterdir()) == [EVENT_FILE, "report.html"], "all is left as it was"
    assert not (tmp_path / "id").exists(), "no credentials were made"


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"revision": "2024-10"}, ("revision", "2024-10", "1.0.0-rc.3")),
        ({"suite": "0.0.1"}, ("suite", "0.0.1")),
        ({"digests": {"catalogue": "sha256:00"}}, ("statements of the catalogue", "sha256:00")),
    ],
)
def test_a_run_goes_on_only_with_the_suite_it_began_with(
    tmp_path: Path, ics: Path, header: dict[str, object], words: tuple[str, ...]
) -> None:
    out = paused(tmp_path / "out", ics, Selection(keys=TWO))
    edited(out / EVENT_FILE, **header)
    assert_refused(going_on(ics, out, "--failed"), "other-run", *words)


def test_what_a_simulated_device_did_is_no_part_of_a_real_ones_run(tmp_path: Path, ics: Path) -> None:
    call("run", "device", "--ics", ics, "--req", "DS-069", "--jobs", 1, "--out", tmp_path / "out")
    assert_refused(going_on(ics, tmp_path / "out", "--req", "DS-069"), "other-run", "target", "simulated", "real")


def test_records_that_cannot_be_gone_on_with(tmp_path: Path, ics: Path) -> None:
    assert_refused(going_on(ics, tmp_path / "nowhere"), "missing-file", "nowhere")
    assert_refused(going_on(ics, ics), "broken-record", str(ics), "not JSON")
    out = paused(tmp_path / "out", ics, Selection(keys=TWO), after=2)
    assert_refused(going_on(ics, out, "--failed"), "other-run", "nothing is left")
    file = out / EVENT_FILE
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"passed", b"failed", 1))
    assert_refused(going_on(ics, out), "broken-record", str(file), "edited")
    file.write_bytes(whole[:-200])
    assert_refused(going_on(ics, out), "broken-record", str(file), "broke off")
    (out / "events-1.ndjson").write_bytes(whole)
    assert_refused(going_on(ics, out), "broken-record", f"--resume {out / 'events-1.ndjson'}")
    assert_refused(call("run", "device", "--resume", out), "usage", "--listen")


def test_a_run_whose_device_stays_away_is_as_paused_as_before(tmp_path: Path, ics: Path) -> None:
    """The run was for what failed before: the same command means the same scenarios, whatever failed since."""
    out = paused(tmp_path / "out", ics, Selection(keys=TWO))
    before = (out / EVENT_FILE).read_bytes()
    for _ in range(2):
        assert_no_device(going_on(ics, out, "--failed", out=out))
        assert (out / EVENT_FILE).read_bytes() == before
        assert not (out / "events-1.ndjson").exists()
        assert json.loads((out / "report.json").read_text())
    assert (out / "report.html").read_text() != "as it was", "the reports are those of the record again"


def assert_no_device(ended: Ended) -> None:
    assert ended.code == 2, ended
    assert "error[no-device]" in ended.err, ended.err


def test_what_failed_is_told_from_a_record_of_the_same_kind(tmp_path: Path) -> None:
    def refused(code: str, words: Iterable[object], role: str = "device") -> None:
        ended = call("run", role, "--failed-of", tmp_path, "--out", tmp_path / "out")
        assert_refused(ended, code, "--failed-of", str(tmp_path / EVENT_FILE), *map(str, words))
        assert not (tmp_path / "out").exists()

    file = write_record(tmp_path, ScenarioOutcome.FAILED)
    refused("nothing-to-run", ["1 scenarios did not pass", "in the suite any more"])
    refused("other-run", ["role: expected wfm, found device"], role="wfm")
    edited(file, revision="2024-10")
    refused("other-run", ["revision: expected 1.0.0-rc.3, found 2024-10"])
    file.unlink()
    write_record(tmp_path, ScenarioOutcome.PASSED)
    refused("nothing-to-run", ["every scenario that was carried out passed"])


def test_what_failed_of_another_record_is_run_again_and_what_is_gone_is_named(tmp_path: Path) -> None:
    broken = ("run", "device", "--target", "simulated:accepts-equal-version", "--req", "DS-069", "--jobs", 1)
    assert call(*broken, "--out", tmp_path / "broken").code == 1
    renamed = tmp_path / "renamed.ndjson"
    events = read(tmp_path / "broken" / EVENT_FILE)
    write(renamed, [*events[:-1], *_one_more(events)])
    ended = call("run", "device", "--failed-of", renamed, "--json", "--out", tmp_path / "out")
    assert ended.code == 4, ended
    told = json.loads(ended.out)
    assert told["roles"][0]["scenarios"]["passed"] >= 1
    assert "in the suite any more" in ended.err
    named = read(tmp_path / "out" / EVENT_FILE)[0]
    assert isinstance(named, Header)
    assert len(named.named) == told["roles"][0]["scenarios"]["passed"]


def _one_more(events: Iterable[Event]) -> Iterator[Event]:
    """A scenario that failed and that the suite does not have."""
    started = next(item for item in events if isinstance(item, ScenarioStarted))
    yield started.model_copy(update={"scenario": 9999, "name": "A scenario of old"})
    yield ScenarioFinished(scenario=9999, outcome=ScenarioOutcome.FAILED)
