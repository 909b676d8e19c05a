"""Trying an adapter of the operator's side on a WFM: each operation once, the way scenarios use it."""

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from conformance.bench.adapters.opening import open_northbound
from conformance.bench.applications import applications
from conformance.bench.bench import Bench
from conformance.bench.errors import Blocked, NotSeen
from conformance.bench.ics import Ics
from conformance.bench.loop import BackgroundLoop
from conformance.bench.northbound import OPERATIONS, Northbound, NorthboundError
from conformance.bench.recorder import Recorder
from conformance.bench.wfm_bench import WfmBench
from conformance.bench.wfm_seat import Sharing, external_seat
from conformance.catalogue import load
from conformance.cli.diagnosis import Diagnosis
from conformance.record.file import EVENT_FILE, EventWriter

_HINT = "`margo-conformance explain adapters` tells what each operation is given and gives"
Step = tuple[str, str, Callable[[], object]]


def try_operator(given: str, url: str | None, identity: Path | None, client_id: str | None) -> Iterator[Diagnosis]:
    """Try an adapter; without a WFM only the file is looked at. Raises UsageError for what cannot be used."""
    northbound = open_northbound(given)
    try:
        yield from _described(northbound)
        if url is None or identity is None:
            hint = "give --url and --identity, so that a device is there to deploy to"
            yield Diagnosis("operations", False, "not tried: no WFM was given", hint)
            return
        yield from _tried(northbound, url, identity, client_id)
    finally:
        northbound.close()


def _described(northbound: Northbound) -> Iterator[Diagnosis]:
    adapter = northbound.adapter
    good = "northbound" in northbound.hooks
    yield Diagnosis("adapter", good, f"{adapter.kind}, {adapter.where}", "it has not all operations that are required")
    absent = [name for name in OPERATIONS if not northbound.can(name)]
    if absent:
        yield Diagnosis("without", True, f"{', '.join(absent)}: what needs them will be blocked, or stays behind")


def _tried(northbound: Northbound, url: str, identity: Path, client_id: str | None) -> Iterator[Diagnosis]:
    ics, sharing = Ics.of_reference("wfm"), Sharing((client_id,) if client_id else ())
    seat = external_seat(ics, url, northbound, identity, applications(), sharing=sharing)
    loop = BackgroundLoop()
    try:
        with tempfile.TemporaryDirectory(prefix="margo-doctor-") as folder, _writer(folder) as writer:
            recorder = Recorder(writer)
            bench = seat.make_bench(ics, recorder, load(), loop)
            recorder.begin(1, "wfm", {})
            try:
                bench.open()
                yield from _carried_out(bench, northbound)
            finally:
                bench.close()
    finally:
        loop.close()


def _carried_out(bench: Bench, northbound: Northbound) -> Iterator[Diagnosis]:
    """Carry out each operation there is; the first that fails ends it, for the others build on it."""
    assert isinstance(bench, WfmBench)  # noqa: S101 - made by the seat of a WFM
    steps: list[Step] = [
        ("device", "the WFM takes a device to deploy to", partial(bench.known_device, "A")),
        ("deploy", "uploaded, deployed, and seen in the manifest", partial(bench.deploy, "A", "primary")),
        ("update", "the next release is in the manifest", partial(bench.update, "A", "primary", 2)),
        ("devices", "the operator sees the device", partial(_devices, bench)),
        ("withdraw", "gone from the manifest", partial(bench.withdraw, "A", "primary")),
    ]
    for name, what, work in steps:
        if name in OPERATIONS and not northbound.can(name):
            continue
        try:
            work()
        except (NotSeen, Blocked, NorthboundError) as error:
            yield Diagnosis(name, False, str(error), _HINT)
            return
        yield Diagnosis(name, True, what)


def _devices(bench: WfmBench) -> None:
    client = bench.client("A")
    found = [item.device_id for item in bench.subject.operator().devices(client.wfm_client_id)]
    if client.device not in found:
        raise NotSeen(f"expected {client.device} among the devices of {client.wfm_client_id}, found {found}")


def _writer(folder: str) -> EventWriter:
    return EventWriter(Path(folder) / EVENT_FILE)
