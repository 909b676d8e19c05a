"""Everything a run can be asked that it cannot do: refused before anything is written."""

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from pathlib import Path

import pytest

from conformance.cli.identity_folder import IdentityFolder
from conformance.record.events import ScenarioOutcome
from conformance.record.file import EVENT_FILE
from tests.cli.commands import Ended, assert_refused, call, run_process
from tests.cli.processes import served_wfm
from tests.cli.records import write_record

GOOD_ICS = "role: device\nsubject: {name: pump}\nprofile: standalone\n"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "report"


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.fixture
def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def _refused(out: Path, ended: Ended, code: str, *words: str) -> None:
    assert_refused(ended, code, *words)
    assert not out.exists(), "nothing is half-written"


@pytest.mark.parametrize("role", ["device", "wfm"])
@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("--req", "DS-69"), "usage", "DS-069"),
        (("--tag", "securty"), "usage", "securty"),
        (("--text", "no scenario is called this"), "usage", "no scenario is selected"),
        (("--revision", "1.0.0-rc3"), "unknown-revision", "1.0.0-rc.3"),
        (("--revision", "2024-10"), "revision", "2024-10"),
        (("--target", "real"), "unknown-target", "simulated:MUTANT"),
        (("--target", "simulated:"), "unknown-mutant", "''"),
        (("--target", "simulated:no-such"), "unknown-mutant", "no-such"),
        (("--app", "/no/such/package"), "usage", "/no/such/package"),
        (("--ics", "/no/such/ics.yaml"), "usage", "/no/such/ics.yaml"),
        (("--failed",), "missing-file", EVENT_FILE),
    ],
    ids=lambda item: " ".join(item) if isinstance(item, tuple) else None,
)
def test_options_of_both_roles(out: Path, role: str, arguments: tuple[str, ...], code: str, word: str) -> None:
    _refused(out, call("run", role, "--out", out, *arguments), code, word)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("role: [", "not valid YAML"),
        ("- a list", "expected a mapping"),
        ("role: device\nsubject: {name: pump}\n", "profile"),
        (GOOD_ICS + "shoe-size: 42\n", "shoe-size"),
        (GOOD_ICS.replace("device", "wfm").replace("standalone", "full"), "role: expected device, found wfm"),
        (GOOD_ICS.replace("standalone", "standalon"), "standalone"),
        (GOOD_ICS + "features: [hosting, hlem]\n", "helm"),
        (GOOD_ICS + "policies: {retry: never}\n", "policies.retry"),
        (GOOD_ICS + "policies: {rety: backoff}\n", "retry"),
        (GOOD_ICS + "limits: {pol: 3}\n", "poll"),
        (GOOD_ICS + "poll-interval: -1\n", "poll-interval"),
        (GOOD_ICS + "revision: 1.0.0-rc.9\n", "1.0.0-rc.3"),
    ],
)
def test_statements_that_cannot_be_used(tmp_path: Path, out: Path, text: str, word: str) -> None:
    file = tmp_path / "ics.yaml"
    file.write_text(text)
    _refused(out, call("run", "device", "--ics", file, "--out", out), "usage", str(file), word)


def test_a_statement_for_a_revision_that_cannot_be_run(tmp_path: Path, out: Path) -> None:
    file = tmp_path / "ics.yaml"
    file.write_text(GOOD_ICS + "revision: 2024-10\n")
    _refused(out, call("run", "device", "--ics", file, "--out", out), "revision", "1.0.0-rc.3")


def test_a_statement_for_another_revision_than_asked_for(tmp_path: Path, out: Path) -> None:
    file = tmp_path / "ics.yaml"
    file.write_text(GOOD_ICS)
    _refused(out, call("run", "device", "--ics", file, "--revision", "2024-10", "--out", out), "usage", "2024-10")


@pytest.mark.parametrize("verb", [("demo",), ("run", "device"), ("run", "wfm")], ids=" ".join)
def test_packages_that_cannot_be_used(tmp_path: Path, out: Path, verb: tuple[str, ...]) -> None:
    package = tmp_path / "package"
    package.mkdir()
    _refused(out, call(*verb, "--app", package, "--out", out), "usage", "margo.yaml")
    (package / "margo.yaml").write_text("kind: [")
    _refused(out, call(*verb, "--app", package, "--out", out), "usage", "margo.yaml")
    (package / "margo.yaml").write_text("kind: ApplicationDescription\n")
    _refused(out, call(*verb, "--app", package, "--out", out), "usage", "margo.yaml", "expected")


@pytest.mark.parametrize("verb", [("demo",), ("run", "device")], ids=" ".join)
def test_an_out_folder_that_is_none(tmp_path: Path, verb: tuple[str, ...]) -> None:
    (tmp_path / "file").write_text("mine")
    assert_refused(call(*verb, "--out", tmp_path / "file"), "file-exists", "--out")
    assert_refused(call(*verb, "--out", tmp_path / "file" / "below"), "file-exists", "--out")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_out_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        assert_refused(call("run", "device", "--out", tmp_path / "report"), "permission", "--out")
    finally:
        tmp_path.chmod(0o700)


def test_a_device_is_waited_for_only_where_one_can_listen(out: Path, taken_port: int) -> None:
    listen = ("run", "device", "--out", out, "--listen")
    _refused(out, call(*listen, f"127.0.0.1:{taken_port}"), "port-in-use", str(taken_port))
    _refused(out, call(*listen, "8443"), "usage", "HOST:PORT")
    _refused(out, call(*listen, "localhost:http"), "usage", "HOST:PORT")
    _refused(out, call(*listen, "localhost:99999"), "usage", "HOST:PORT")
    _refused(out, call(*listen, "no-such-host.invalid:8443"), "address", "no-such-host.invalid")
    _refused(out, call(*listen, "127.0.0.1:0", "--target", "simulated"), "usage", "--target")


def test_an_address_of_another_machine_is_no_port_in_use(out: Path) -> None:
    ended = call("run", "device", "--out", out, "--listen", "192.0.2.1:8443")
    _refused(out, ended, "address", "--listen", "192.0.2.1", "not an address of this machine")


@pytest.mark.parametrize("option", ["--port", "--northbound-port", "--control-port"])
def test_a_wfm_whose_port_is_taken_touches_no_credentials(
    tmp_path: Path, free_port: int, taken_port: int, option: str
) -> None:
    ports = {"--port": 0, "--northbound-port": 0, "--control-port": 0, option: taken_port}
    serve = ("serve", "wfm", *(item for pair in ports.items() for item in pair), "--identity")
    assert_refused(call(*serve, tmp_path / "new"), "port-in-use", option, str(taken_port))
    assert not (tmp_path / "new").exists(), "nothing is left behind"

    folder = IdentityFolder(tmp_path / "kept")
    folder.issue_wfm(folder.authority(None), "reference", ())
    folder.issue_client(folder.authority(None), "reference", "device-1")
    before = {item: item.read_bytes() for item in folder.path.rglob("*") if item.is_file()}
    assert_refused(call(*serve, folder.path), "port-in-use", option)
    assert {item: item.read_bytes() for item in folder.path.rglob("*") if item.is_file()} == before

    twice = ("serve", "wfm", "--port", 0, "--northbound-port", free_port, "--control-port", free_port)
    assert_refused(call(*twice, "--identity", tmp_path / "new"), "port-in-use", "--control-port", str(free_port))


def test_a_wfm_is_not_served_at_an_address_of_another_machine(tmp_path: Path) -> None:
    serve = ("serve", "wfm", "--northbound-port", 0, "--identity", tmp_path / "new", "--host")
    assert_refused(call(*serve, "192.0.2.1"), "address", "--host", "192.0.2.1", "not an address of this machine")
    assert_refused(call(*serve, "no-such-host.invalid"), "address", "--host", "no-such-host.invalid")
    assert not (tmp_path / "new").exists(), "nothing is left behind"


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_a_database_driver_that_is_not_installed_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, driver: str
) -> None:
    class Missing(MetaPathFinder):
        """Has the driver not be there, whether it is or not."""

        def find_spec(self, name: str, *_: object) -> None:
            if name == driver:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.delitem(sys.modules, driver, raising=False)
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    store = ("--store", f"postgresql+{driver}://wfm@127.0.0.1:1/margo")
    ended = call("serve", "wfm", "--port", 0, "--northbound-port", 0, "--identity", tmp_path / "id", *store)
    assert_refused(ended, "store", driver, "pip install 'margo-conformance[postgres]'")


def test_a_real_wfm_needs_an_address_and_credentials(tmp_path: Path, out: Path, free_port: int) -> None:
    folder = IdentityFolder(tmp_path / "id")
    folder.issue_wfm(folder.authority(None), "reference", ())
    base = ("run", "wfm", "--out", out)
    good = ("--url", f"https://127.0.0.1:{free_port}", "--identity", folder.path)
    _refused(out, call(*base, *good), "unreachable", str(free_port))
    _refused(out, call(*base, "--url", "http://127.0.0.1:1", "--identity", folder.path), "usage", "https://")
    _refused(out, call(*base, "--url", "https://127.0.0.1:1"), "usage", "--identity")
    _refused(out, call(*base, "--identity", folder.path), "usage", "--url")
    _refused(out, call(*base, "--northbound", "http://127.0.0.1:1"), "usage", "--url")
    _refused(out, call(*base, *good, "--target", "simulated"), "usage", "--target")
    _refused(out, call(*base, *good, "--northbound", "ftp://x"), "usage", "ftp://x")
    _refused(out, call(*base, "--url", "https://127.0.0.1:1", "--identity", tmp_path / "none"), "usage", "none")


def test_a_northbound_api_that_is_not_there_is_named(
    tmp_path: Path, out: Path, free_port: int, taken_port: int
) -> None:
    folder = IdentityFolder(tmp_path / "id")
    folder.issue_wfm(folder.authority(None), "reference", ())
    url = ("--url", f"https://127.0.0.1:{taken_port}", "--identity", folder.path)
    ended = call("run", "wfm", "--out", out, *url, "--northbound", f"http://127.0.0.1:{free_port}")
    _refused(out, ended, "unreachable", "--northbound", str(free_port))


@contextmanager
def _says(greeting: bytes) -> Iterator[int]:
    """A server without TLS that gives the same answer to whoever comes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                with peer:
                    peer.recv(65536)
                    peer.sendall(greeting)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def test_a_wfm_that_speaks_no_tls_is_one_message(tmp_path: Path, out: Path, taken_port: int) -> None:
    folder = IdentityFolder(tmp_path / "id")
    folder.issue_wfm(folder.authority(None), "reference", ())
    run = ("run", "wfm", "--out", out, "--identity", folder.path, "--url")
    with _says(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n") as port:
        _refused(out, call(*run, f"https://127.0.0.1:{port}"), "tls", str(port), "--identity", "doctor")
    begun = time.monotonic()
    _refused(out, call(*run, f"https://127.0.0.1:{taken_port}"), "tls", "no answer within 5 s")
    assert time.monotonic() - begun < 15, "a server that says nothing is not waited for any longer"


def test_credentials_and_addresses_of_another_wfm_are_one_message(tmp_path: Path, out: Path) -> None:
    other = IdentityFolder(tmp_path / "other")
    other.issue_wfm(other.authority(None), "reference", ())
    with served_wfm(tmp_path) as wfm:
        run = ("run", "wfm", "--out", out, "--url", wfm.found["url"], "--identity")
        foreign = call(*run, other.path)
        _refused(out, foreign, "identity", str(other.path), "is not trusted", "--identity", "doctor")

        own = tmp_path / "identity"
        assert IdentityFolder(own).clients == ("device-1", "device-2"), "the first contact leaves nothing behind"

        _refused(out, call(*run, own, "--northbound", wfm.found["control"]), "northbound", "expected 200")
        with _says(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello") as port:
            _refused(out, call(*run, own, "--northbound", f"http://127.0.0.1:{port}"), "northbound", "expected JSON")


def test_a_broken_gateway_is_run_as_a_gateway(out: Path, tmp_path: Path) -> None:
    run = ("run", "device", "--target", "simulated:child-before-gateway", "--req", "DC-033", "--out", out)
    ended = run_process(*run)
    assert ended.code == 1, ended
    assert "DC-033" in ended.out

    # a statement of the user's is taken as it is
    (tmp_path / "ics.yaml").write_text(GOOD_ICS)
    assert run_process(*run, "--ics", tmp_path / "ics.yaml").code != 1


def test_failed_asks_for_something_that_failed(out: Path) -> None:
    file = write_record(out)
    before = file.read_bytes()
    assert_refused(call("run", "device", "--failed", "--out", out), "nothing-to-run", str(out))
    assert file.read_bytes() == before, "the last record is still there"


def test_failed_does_not_trust_a_broken_record(out: Path) -> None:
    file = write_record(out, ScenarioOutcome.FAILED)
    file.write_bytes(file.read_bytes()[:-5])
    assert_refused(call("run", "device", "--failed", "--out", out), "broken-record", str(file))
