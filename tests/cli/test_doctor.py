import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conformance.cli.identity_folder import IdentityFolder
from simulator.identity.authority import Authority
from tests.cli.commands import Ended, assert_refused, call
from tests.cli.processes import served_wfm


def _lines(ended: Ended, mark: str) -> list[str]:
    return [line.split()[1] for line in ended.out.splitlines() if line.startswith(mark)]


@pytest.fixture
def nothing_listens() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


@contextmanager
def _speaks(greeting: bytes) -> Iterator[int]:
    """A server that is no TLS server: it says something and hangs up, to whoever comes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                with peer:
                    peer.sendall(greeting)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _folder(path: Path, trust_domain: str = "plant.example") -> Path:
    folder = IdentityFolder(path)
    authority = folder.authority(trust_domain)
    folder.issue_wfm(authority, "reference", ())
    folder.issue_client(authority, "reference", "device-1")
    return path


def test_the_environment_is_told_piece_by_piece(tmp_path: Path) -> None:
    ended = call("doctor", "--out", tmp_path / "report")
    assert {"python", "suite", "libraries", "openssl", "folder"} <= set(_lines(ended, "ok"))
    assert not (tmp_path / "report").exists(), "looking leaves nothing behind"


def test_a_folder_that_cannot_be_written_is_found(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("a file")
    ended = call("doctor", "--out", tmp_path / "report")
    assert ended.code == 2
    assert "folder" in _lines(ended, "FAIL")
    assert "hint: " in ended.out


def test_the_ports_are_looked_at_only_where_no_wfm_is_named(
    nothing_listens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = int(server.getsockname()[1])
        monkeypatch.setattr("conformance.cli.diagnosis.PORTS", (taken,))
        alone = call("doctor")
        assert alone.code == 2
        assert "port" in _lines(alone, "FAIL")
        assert f"127.0.0.1:{taken}" in alone.out
        assert f"127.0.0.1:{taken}" not in call("doctor", "--url", f"https://127.0.0.1:{nothing_listens}").out


def test_a_name_that_does_not_exist() -> None:
    ended = call("doctor", "--url", "https://no-such-host.invalid")
    assert ended.code == 2
    assert "dns" in _lines(ended, "FAIL")
    assert "tcp" not in ended.out


def test_a_port_where_nothing_listens(nothing_listens: int) -> None:
    ended = call("doctor", "--url", f"https://127.0.0.1:{nothing_listens}")
    assert ended.code == 2
    assert "tcp" in _lines(ended, "FAIL")
    assert "hint: nothing listens there" in ended.out


def test_a_server_that_speaks_no_tls(tmp_path: Path) -> None:
    with _speaks(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        ended = call("doctor", "--url", f"https://127.0.0.1:{port}", "--identity", _folder(tmp_path / "id"))
    assert ended.code == 2
    assert "tls" in _lines(ended, "FAIL")


def test_without_an_identity_it_says_what_it_needs(tmp_path: Path) -> None:
    with _speaks(b"") as port:
        ended = call("doctor", "--url", f"https://127.0.0.1:{port}")
    assert ended.code == 2
    assert "hint: give --identity" in ended.out


def test_a_wfm_and_every_way_to_be_turned_away(tmp_path: Path) -> None:
    with served_wfm(tmp_path, "--accept", "line-7") as wfm:
        base = ("doctor", "--url", wfm.found["url"], "--identity")
        good = call(*base, tmp_path / "identity")
        assert {"dns", "tcp", "own", "tls", "wfm", "first"} <= set(_lines(good, "ok")), good.out
        assert good.code == 0, good.out

        unknown = call(*base, tmp_path / "identity", "--client-id", "stranger")
        assert unknown.code == 2
        assert "403" in unknown.out or "refused" in unknown.out

        foreign = call(*base, _folder(tmp_path / "other"))
        assert foreign.code == 2
        assert "wfm" in _lines(foreign, "FAIL"), foreign.out

        # trusts the WFM, but its own SVID is of an authority the WFM does not know
        mixed = _folder(tmp_path / "mixed", Authority.load(tmp_path / "identity").trust_domain)
        (mixed / "trust-bundle.json").write_bytes((tmp_path / "identity/trust-bundle.json").read_bytes())
        stranger = call(*base, mixed)
        assert stranger.code == 2
        assert "own" in _lines(stranger, "FAIL"), stranger.out


def test_what_doctor_cannot_be_asked(tmp_path: Path) -> None:
    assert_refused(call("doctor", "--url", "wfm.example"), "usage", "wfm.example")
    url = "https://127.0.0.1:1"
    (tmp_path / "id").mkdir()
    missing = call("doctor", "--url", url, "--identity", tmp_path / "none")
    assert missing.code == 2
    assert "error[missing-file]" in missing.err
    empty = call("doctor", "--url", url, "--identity", tmp_path / "id")
    assert empty.code == 2
    assert "error[identity]" in empty.err
