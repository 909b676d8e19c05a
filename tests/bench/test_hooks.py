"""Hooks do what they are declared to do, within their time, and say in one sentence why they did not."""

import asyncio
import io
import json
import os
import pty
import re
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter

import conformance
from conformance.bench.device_subject import SimulatedSeat
from conformance.bench.errors import UsageError
from conformance.bench.hooks.abilities import ABILITIES, BUILT_IN
from conformance.bench.hooks.calling import Answer, Call, HookFailed, Nobody, carry_out
from conformance.bench.hooks.loading import load_hooks, readiness
from conformance.bench.hooks.model import Hook
from conformance.bench.hooks.person import AtTerminal
from conformance.bench.ics import load_ics
from conformance.bench.scenarios import HOOK_TAG, scenarios
from simulator.device.driver import Tampering

HOOK: TypeAdapter[Hook] = TypeAdapter(Hook)
REBOOT = Call("reboot", "reboot")


def call(declared: dict[str, Any], asked: Call = REBOOT) -> Answer:
    return asyncio.run(carry_out(HOOK.validate_python(declared), asked, Nobody()))


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_command_gets_the_call_as_json_and_in_its_arguments() -> None:
    code = "import sys, json; print(json.dumps([json.load(sys.stdin), sys.argv[1:]]))"
    asked = Call("fault", "set", {"component": "a b", "behaviour": "fails", "seconds": 0.5})
    answer = call({"command": [*python(code), "{component}", "{behaviour}={seconds}"]}, asked)
    assert answer.reply == [asked.document, ["a b", "fails=0.5"]]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import sys; sys.exit('no such outlet')", "exit code 1: no such outlet"),
        ("import time; time.sleep(60)", "no end within 0.5 s"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "exit code -9"),
    ],
)
def test_command_that_fails_says_why(code: str, told: str) -> None:
    with pytest.raises(HookFailed, match=told):
        call({"command": python(code), "timeout": 0.5 if "sleep" in code else 30})


def test_program_that_is_not_there_is_named() -> None:
    with pytest.raises(HookFailed, match=r"/no/such/program cannot be started: No such file"):
        call({"command": ["/no/such/program"]})


def test_command_may_leave_something_running(tmp_path: Path) -> None:
    """A device that is restarted by a script holds the script's output open; the script is done all the same."""
    code = "import subprocess, sys; print(subprocess.Popen(['sleep', '30']).pid)"
    answer = call({"command": python(code), "timeout": 20})
    os.kill(int(answer.said), 9)


class Outlet(BaseHTTPRequestHandler):
    heard: list[tuple[str, str, str]] = []  # noqa: RUF012 - reset by the fixture

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.heard.append((self.path, body, self.headers["X-Key"]))
        self.send_response(500 if "9" in self.path else 204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def outlet() -> Any:
    Outlet.heard = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Outlet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_http_fills_address_and_body(outlet: str) -> None:
    declared = {
        "http": outlet + "/outlet/3/{action}/{at}",
        "method": "PUT",
        "headers": {"X-Key": "k"},
        "body": '{"point": "{at}"}',
    }
    assert call(declared, Call("power-cut", "cut", {"at": 'a/"b'})).code == 204
    assert [(path, json.loads(body), key) for path, body, key in Outlet.heard] == [
        ("/outlet/3/cut/a%2F%22b", {"point": 'a/"b'}, "k")
    ]


def test_http_that_is_refused_says_so(outlet: str) -> None:
    with pytest.raises(HookFailed, match=r"/outlet/9/[a-z-]+ was answered with status 500"):
        call({"http": f"{outlet}/outlet/9/{{action}}", "method": "PUT", "headers": {"X-Key": "k"}})
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(HookFailed, match=f"POST http://127.0.0.1:{port}"):
        call({"http": f"http://127.0.0.1:{port}"})


def test_python_function_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "import time\ndef look(call): return {'d-1': {'c': call['action']}}\ndef fail(call): 1 / 0\n"
    (tmp_path / "hooks_of_a_test.py").write_text(source + "def hang(call): time.sleep(3)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert call({"python": "hooks_of_a_test:look"}).reply == {"d-1": {"c": "reboot"}}
    for name, told in (("fail", "ZeroDivisionError"), ("nothing", "no function"), ("hang", "no end within 0.2 s")):
        with pytest.raises(HookFailed, match=told):
            call({"python": f"hooks_of_a_test:{name}", "timeout": 0.2 if name == "hang" else 30})
    with pytest.raises(HookFailed, match="cannot be imported"):
        call({"python": "no_such_module_of_a_test:look"})


def by_hand(typed: bytes, timeout: float = 20.0) -> str:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, encoding="utf-8") as given, os.fdopen(ours, "wb", buffering=0) as keys:
        keys.write(typed)
        hook = HOOK.validate_python({"manual": "Press {action}", "timeout": timeout})
        return asyncio.run(carry_out(hook, REBOOT, AtTerminal(given, io.StringIO()))).said


def test_person_is_told_what_to_do_and_the_note_is_kept() -> None:
    assert by_hand(b"pressed it, lamp went red\n") == "pressed it, lamp went red"
    assert by_hand(b"\n") == "done"


def test_person_who_declines_or_never_comes() -> None:
    with pytest.raises(HookFailed, match="declined by hand: Press reboot"):
        by_hand(b"skip\n")
    with pytest.raises(HookFailed, match=r"no end within 0\.1 s"):
        by_hand(b"", timeout=0.1)
    with pytest.raises(HookFailed, match="nobody can be asked"):
        call({"manual": "Press the key"})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("reboot: {command: [reboot]", ":1: not valid YAML: "),
        ("reboot:\n  command: [x]\n  timeout: 5: 6", ":3: not valid YAML: "),
        ("- reboot", ":1: (root): expected a mapping of hooks, each by its name, found list"),
        ("", ":1: (root): expected a mapping of hooks, each by its name, found nothing"),
        ("hooks:", ":1: hooks: expected a mapping of hooks, each by its name, found nothing"),
        ("hooks: {}\nreboot: {manual: x}", ":2: reboot: expected nothing beside `hooks`"),
        ("log: {command: [x]}\nrebot: {command: [x]}", ":2: rebot: unknown hook 'rebot'; nearest: reboot"),
        (
            "hooks:\n  reboot:\n    comand: [x]",
            ":3: hooks.reboot.comand: expected exactly one of command, http, python, manual, found 'comand'; near",
        ),
        ("reboot: {}", ":1: reboot: expected exactly one of command, http, python, manual, found none of them"),
        ("reboot: [x]", ":1: reboot: expected exactly one of command, http, python, manual, found none of them"),
        ("reboot: {command: [x], http: 'http://h'}", ":1: reboot: expected exactly one of command, http, python, man"),
        ("reboot: {command: []}", ":1: reboot.command: expected at least one entry, found []"),
        ("reboot: {command: reboot}", ":1: reboot.command: expected a list, found 'reboot'"),
        ("reboot:\n  command: [ssh,\n    7]", ":3: reboot.command.1: expected a text, found 7"),
        ("reboot: {command: ['{componnt}']}", ":1: reboot.command: unknown placeholder 'componnt'; nearest: component"),
        (
            "reboot: {http: 'ftp://h'}",
            ":1: reboot.http: expected a URL that begins with http:// or https://, found 'ft",
        ),
        (
            "reboot: {http: 'http://h', method: get}",
            ":1: reboot.method: expected one of 'GET', 'POST', 'PUT', 'PATCH' ",
        ),
        ("reboot: {python: 'module.function'}", ":1: reboot.python: expected MODULE:FUNCTION, found 'module.function'"),
        ("reboot: {manual: x, timeout: 0}", ":1: reboot.timeout: expected a number greater than 0, found 0"),
        ("reboot: {manual: x, timeout: soon}", ":1: reboot.timeout: expected a number, found 'soon'"),
        ("reboot: {manual: x, timeout: 90000}", ":1: reboot.timeout: expected a number of at most 86400, found 90000"),
        ("reboot:\n  manual: x\n  tmeout: 5", ":3: reboot.tmeout: unknown field 'tmeout'; nearest: timeout"),
        ("reboot: {manual: x, precise: true}", ":1: reboot.precise: expected with power-cut only"),
        (
            "reboot: {manual: x}\nlog: {manual: y}\nreboot: {manual: z}",
            ":3: reboot: expected once, found again: it is in line 1 already",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "hooks.yaml"
    file.write_text(text)
    with pytest.raises(UsageError) as refused:
        load_hooks(file)
    assert str(refused.value).startswith(f"{file}{told}")


def test_hooks_of_a_statement_are_told_in_the_same_words(tmp_path: Path) -> None:
    file = tmp_path / "device.yaml"
    file.write_text("role: device\nsubject: {name: x}\nprofile: standalone\nhooks:\n  reboot: {comand: [x]}\n")
    with pytest.raises(UsageError) as refused:
        load_ics(file, "device")
    assert str(refused.value).startswith(f"{file}:5: hooks.reboot.comand: expected exactly one of command, http, ")


def test_every_example_can_be_used(tmp_path: Path) -> None:
    file = tmp_path / "hooks.yaml"
    for kind in ("command", "http", "python", "manual"):
        examples = {name: item.examples[kind] for name, item in ABILITIES.items() if kind in item.examples}
        file.write_text("hooks:\n" + "".join(f"  {name}: {example}\n" for name, example in examples.items()))
        assert {hook.kind for hook in load_hooks(file).values()} == {kind}


def test_every_ability_that_scenarios_ask_for_is_known() -> None:
    asked = {name for scenario in scenarios("device") for name in scenario.tagged(HOOK_TAG)}
    assert set(ABILITIES) - {"workloads", "uptime"} <= asked, "every hook is of use"
    assert asked <= {*ABILITIES, *BUILT_IN, *SimulatedSeat.hooks}


def test_every_tampering_that_steps_and_searches_ask_for_is_documented() -> None:
    root = Path(conformance.__file__).parent
    code = [*root.glob("steps/device_*.py"), *root.glob("search/device_*.py"), root / "bench/device_behaviours.py"]
    asked = {
        word for file in code for word in re.findall(r'[(:,] ?"([a-z]+-(?:workload|state|storage))"', file.read_text())
    }
    assert asked == set(get_args(Tampering)) == set(ABILITIES["tamper"].actions)


def test_examining_calls_nothing(tmp_path: Path, outlet: str) -> None:
    file, mark = tmp_path / "hooks.yaml", tmp_path / "called"
    lines = {
        "reboot": f"{{command: [touch, {mark}]}}",
        "tamper": "{command: [no-such-program-at-all]}",
        "configure": f"{{http: '{outlet}/x'}}",
        "fault": "{python: 'no_such_module_of_a_test:f'}",
        "factory-reset": "{manual: Press it}",
    }
    file.write_text("".join(f"{name}: {line}\n" for name, line in lines.items()))
    found = {item.name: item.problem for item in readiness(load_hooks(file), Nobody())}
    assert not mark.exists()
    assert not Outlet.heard
    assert found["reboot"] == found["configure"] == ""
    assert "no program no-such-program-at-all" in found["tamper"]
    assert "cannot be imported" in found["fault"]
    assert "terminal" in found["factory-reset"]
