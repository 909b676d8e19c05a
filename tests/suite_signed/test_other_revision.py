"""A device that speaks another revision than the one asked for: the run ends at once, and says which one it is."""

import json
import ssl
import threading
import time
from pathlib import Path

import httpx
import pytest

from conformance.bench.device_binding import spoken
from conformance.bench.device_external import Arrangement
from conformance.bench.device_seat import external_seat
from conformance.bench.device_world import Endpoint
from conformance.bench.errors import OtherRevision
from conformance.bench.ics import Ics
from conformance.bench.run import RunPlan, run
from conformance.bench.scenarios import Selection
from conformance.cli.problems import explain
from simulator.protocol.operations import capabilities_path
from simulator.protocol.signed import CERTIFICATE_PATH
from tests.cli.commands import assert_refused, call
from tests.suite_signed.requests import REVISION

NEWEST = "1.0.0-rc.3"


class Caller:
    """Somebody who shows no certificate and makes one request again and again, as the connection sheet says where."""

    def __init__(self, folder: Path, method: str, path: str) -> None:
        self._sheet = folder / "device" / "connection.json"
        self._request = method, path
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._call, daemon=True)
        self._thread.start()

    def _call(self) -> None:
        end = time.monotonic() + 30.0
        while not self._sheet.is_file() and time.monotonic() < end and not self._leaving.wait(0.02):
            pass
        said = json.loads(self._sheet.read_text(encoding="utf-8"))
        context = ssl.create_default_context(
            cafile=said.get("Root CA") or str(self._sheet.with_name("trust-anchors.pem"))
        )
        context.check_hostname = "Root CA" in said  # the other revision's servers are known by their SPIFFE ID
        with httpx.Client(verify=context) as client:
            while not self._leaving.wait(0.05):
                try:
                    client.request(self._request[0], said["WFM URL"] + self._request[1], json={})
                except httpx.TransportError:
                    continue

    def leave(self) -> None:
        self._leaving.set()
        self._thread.join(timeout=20.0)


@pytest.mark.parametrize(
    ("asked", "method", "path", "spoken_there", "words"),
    [
        (REVISION, "PUT", capabilities_path("press-1"), NEWEST, "PUT /api/v1/capabilities/press-1"),
        (NEWEST, "GET", CERTIFICATE_PATH, REVISION, "PEER_DID_NOT_RETURN_A_CERTIFICATE"),
    ],
)
def test_the_run_ends_and_names_the_revision(
    tmp_path: Path, asked: str, method: str, path: str, spoken_there: str, words: str
) -> None:
    caller = Caller(tmp_path, method, path)
    ics = Ics.of_reference("device", asked).model_copy(update={"limits": {"connect": 4.0}})
    seat = external_seat(ics, Arrangement(Endpoint(), tmp_path, revision=asked), wait_s=4.0)
    try:
        with pytest.raises(OtherRevision, match=words) as caught:
            run(RunPlan((seat,), tmp_path / "out", asked, Selection(texts=("An application is updated",))))
    finally:
        caller.leave()
    problem = explain(caught.value)
    assert problem is not None
    assert problem.code == "revision"
    assert f"--revision {spoken_there}" in problem.hint


def test_who_asks_for_nothing_known_is_of_no_revision() -> None:
    assert spoken((), REVISION) is None


@pytest.mark.parametrize(
    ("revision", "there", "wanted"), [(REVISION, "wfm.json", "root-ca.pem"), (NEWEST, "root-ca.pem", "wfm.json")]
)
def test_credentials_of_another_revision_are_told_apart(tmp_path: Path, revision: str, there: str, wanted: str) -> None:
    (tmp_path / there).write_text("{}")
    where = ("--url", "https://localhost:1", "--identity", tmp_path, "--revision", revision, "--out", tmp_path / "out")
    for verb in (("run", "wfm"), ("doctor",)):
        assert_refused(call(*verb, *where), "revision", wanted, f"serve wfm --revision {revision}")
