import signal
import stat
from pathlib import Path

import httpx
import pytest

from tests.cli.commands import assert_refused, call, run_process
from tests.cli.processes import eventually, served, served_wfm

SAMPLES = Path(__file__).resolve().parents[2] / "features" / "applications"


def _devices(northbound: str) -> list[str]:
    answer = httpx.get(f"{northbound}/northbound/v1/devices", trust_env=False)
    return [item["deviceId"] for item in answer.raise_for_status().json()["devices"]]


def test_a_served_device_shows_up_at_a_served_wfm_and_both_end_cleanly(tmp_path: Path) -> None:
    with served_wfm(tmp_path) as wfm:
        device = ("serve", "device", "--wfm", wfm.found["url"], "--identity", tmp_path / "identity")
        with served(tmp_path / "device.log", *device, "--device-id", "press-7", "--poll-interval", 0.2) as press:
            press.wait_for(r"GET /api/v1/deployments -> 304")
            eventually(lambda: "press-7" in _devices(wfm.found["northbound"]), 10, lambda: press.text)
            assert "PUT /api/v1/capabilities/press-7 -> 201" in press.text
            assert press.stop(signal.SIGTERM) == 0
            assert press.text.endswith("stopped\n")
        assert wfm.stop(signal.SIGTERM) == 0
        assert wfm.text.endswith("stopped\n")
        assert "Traceback" not in wfm.text + press.text


def test_a_served_gateway_reports_what_is_behind_it(tmp_path: Path) -> None:
    with served_wfm(tmp_path, "--accept", "hall-1") as wfm:
        gateway = ("serve", "device", "--wfm", wfm.found["url"], "--identity", tmp_path / "identity", "--gateway")
        with served(tmp_path / "device.log", *gateway, "--child", "pump", "--child", "valve") as hall:
            wanted = {"hall-1", "hall-1/pump", "hall-1/valve"}
            eventually(lambda: wanted <= set(_devices(wfm.found["northbound"])), 10, lambda: hall.text)
            assert hall.stop(signal.SIGINT) == 0


def test_a_client_that_is_not_accepted_is_turned_away_and_says_so(tmp_path: Path) -> None:
    with served_wfm(tmp_path, "--accept", "line-7") as wfm:
        device = ("serve", "device", "--wfm", wfm.found["url"], "--identity", tmp_path / "identity")
        with served(tmp_path / "device.log", *device, "--client-id", "stranger") as press:
            press.wait_for(r"-> 403|no answer")
        assert _devices(wfm.found["northbound"]) == []


def test_the_connection_sheet_is_enough_to_connect(tmp_path: Path) -> None:
    with served_wfm(tmp_path, "--trust-domain", "plant.example", "--wfm-id", "Hall-3") as wfm:
        folder = tmp_path / "identity"
        assert "spiffe://plant.example/margo/wfm/Hall-3" in wfm.text
        for name in (folder / "trust-bundle.json", folder / "clients/device-1/svid.pem"):
            assert str(name) in wfm.text
            assert name.exists()
        assert stat.S_IMODE((folder / "clients/device-1/svid_key.pem").stat().st_mode) == 0o600
        assert httpx.get(f"{wfm.found['control']}/control/v1/health", trust_env=False).status_code == 200
        ended = run_process("doctor", "--url", wfm.found["url"], "--identity", folder, "--out", tmp_path / "report")
        assert "-> HTTP/1.1 200" in ended.out, ended


@pytest.mark.parametrize("kept_in", ["a file beside the identity", "a file of one's own"])
def test_a_restart_keeps_authority_name_and_state(tmp_path: Path, kept_in: str) -> None:
    store = ("--store", f"sqlite:///{tmp_path / 'own.db'}") if "own" in kept_in else ()
    with served_wfm(tmp_path, *store, "--wfm-id", "Hall-3", "--app", SAMPLES / "historian") as wfm:
        assert "historian" in wfm.text
        device = ("serve", "device", "--wfm", wfm.found["url"], "--identity", tmp_path / "identity")
        with served(tmp_path / "device.log", *device) as press:
            press.wait_for("-> 200")
            press.stop()
        assert wfm.stop(signal.SIGINT) == 0
    root = (tmp_path / "identity/root.pem").read_bytes()
    with served_wfm(tmp_path, *store) as wfm:
        assert "historian" in wfm.text
        assert _devices(wfm.found["northbound"]) == ["device-1"]
        assert "/wfm/Hall-3" in wfm.text
    assert (tmp_path / "identity/root.pem").read_bytes() == root


def test_a_package_that_cannot_be_used_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "margo.yaml").write_text("id: 7\n")
    ended = run_process("serve", "wfm", "--port", 0, "--app", tmp_path, "--identity", tmp_path / "identity")
    assert_refused(ended, "document", "margo.yaml", "expected")
    assert not (tmp_path / "identity").exists(), "nothing is half-written"


def test_a_port_in_use_is_one_message(tmp_path: Path) -> None:
    with served_wfm(tmp_path) as wfm:
        port = wfm.found["url"].rpartition(":")[2]
        ended = run_process("serve", "wfm", "--port", port, "--northbound-port", 0, "--identity", tmp_path / "other")
    assert_refused(ended, "port-in-use", port)


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("--store", "nonsense"), "store", "nonsense"),
        (("--store", "sqlite:////no/such/folder/wfm.db"), "store", "/no/such/folder"),
        (("--accept", "a/b"), "identity", "a/b"),
        (("--wfm-id", "a b"), "identity", "a b"),
        (("--trust-domain", "Not Valid"), "identity", "Not Valid"),
        (("--host", "192.0.2.1"), "", "192.0.2.1"),
        (("--port", "70000"), "usage", "65535"),
    ],
)
def test_what_a_wfm_cannot_be_served_with(tmp_path: Path, arguments: tuple[str, ...], code: str, word: str) -> None:
    ports = () if "--port" in arguments else ("--port", 0)
    ended = call("serve", "wfm", *ports, "--northbound-port", 0, "--identity", tmp_path / "identity", *arguments)
    assert_refused(ended, code or ended.err.partition("]")[0].removeprefix("error["), word)
    if code == "identity":
        assert not (tmp_path / "identity").exists(), "nothing is half-written"


def test_an_authority_of_another_trust_domain_is_not_taken_up(tmp_path: Path) -> None:
    with served_wfm(tmp_path, "--trust-domain", "plant.example"):
        pass
    ended = call("serve", "wfm", "--identity", tmp_path / "identity", "--trust-domain", "other.example")
    assert_refused(ended, "identity", "other.example", "plant.example")


def test_a_damaged_authority_is_named(tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_text("nonsense")
    assert_refused(call("serve", "wfm", "--identity", tmp_path), "credential", str(tmp_path / "root.pem"))


URL = ("--wfm", "https://127.0.0.1:1")


def test_what_a_device_cannot_be_served_with(tmp_path: Path) -> None:
    assert_refused(call("serve", "device"), "usage", "--wfm")
    assert_refused(call("serve", "device", "--wfm", "http://localhost"), "usage", "http://localhost")
    assert_refused(call("serve", "device", *URL), "usage", "--svid", "--key", "--trust-bundle")
    assert_refused(call("serve", "device", *URL, "--identity", tmp_path / "none"), "missing-file", "none")
    assert_refused(call("serve", "device", *URL, "--identity", tmp_path), "identity", str(tmp_path))
    files = ("--svid", tmp_path / "s.pem", "--key", tmp_path / "k.pem", "--trust-bundle", tmp_path / "b.json")
    assert_refused(call("serve", "device", *URL, *files), "credential", "s.pem")
    assert_refused(call("serve", "device", *URL, "--identity", tmp_path, "--child", "x"), "usage", "--gateway")


def test_what_a_device_cannot_say_of_itself(tmp_path: Path) -> None:
    with served_wfm(tmp_path):
        pass
    base = ("serve", "device", *URL, "--identity", tmp_path / "identity")
    file = tmp_path / "capabilities.json"
    file.write_text('{"properties": {"id": 3}}')
    assert_refused(call(*base, "--capabilities", file), "document", str(file), "properties")
    file.write_text("nonsense")
    assert_refused(call(*base, "--capabilities", file), "document", str(file))
    assert_refused(call(*base, "--capabilities", tmp_path / "none"), "credential", "none")
    assert_refused(call(*base, "--device-id", "not an id"), "document", "not an id")
    assert_refused(call(*base, "--client-id", "../../x"), "identity", "../../x")
    (tmp_path / "state").write_text("a file")
    assert_refused(call(*base, "--state", tmp_path / "state"), "file-exists", str(tmp_path / "state"))
