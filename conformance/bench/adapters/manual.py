"""The `manual` adapter: a person is told what to do, and types in what came of it."""

import select
import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

from conformance.bench.adapters.files import ManualFile, ManualOperation
from conformance.bench.adapters.templates import Secrets, text_filled
from conformance.bench.errors import Blocked
from conformance.bench.northbound import OPERATIONS, REQUIRED, NorthboundError, Reply

USUAL = (*REQUIRED, "update")
WORDS: Mapping[str, str] = {
    "upload": "Bring the application package {application} {version} into the WFM.",
    "deploy": "Deploy {application} {version} to device {device} of client {client}, with the values {parameters}.",
    "update": "Give deployment {deployment} release {version} and the values {parameters}.",
    "withdraw": "Take back deployment {deployment} ({application} on device {device} of client {client}).",
    "retire": "End the relationship with client {client}.",
    "register": "Make client {client} known to the WFM; it must have nothing of it yet.",
    "forget": "Remove client {client} and all that is kept of it.",
    "remove_package": "Remove the application package {application} {version}.",
    "restart": "Restart the WFM, and wait until it serves again.",
    "limit_load": "Make the WFM refuse requests ({kind}), to be tried again after {retry_after} seconds.",
    "lift_load": "Let the WFM serve as usual again.",
    "compress": "Have the WFM compress content for those who accept it: {on}.",
    "next_version": "Have the next manifest of client {client} be of version {version}.",
}
ASKED: Mapping[str, tuple[str, ...]] = {"deploy": ("deployment",)}


class ManualAdapter:
    """A person at a terminal. Without one it has no operations, so that scenarios are blocked by name."""

    kind = "manual"

    def __init__(self, described: ManualFile, ask_in: TextIO | None = None, ask_out: TextIO | None = None) -> None:
        self._in, self._out = ask_in or sys.stdin, ask_out or sys.stderr
        self.where = "a person at this terminal" if self._in.isatty() else "nobody: stdin is no terminal"
        self._how = described.operations or {name: ManualOperation() for name in USUAL}
        self._deadline = described.deadline
        self._secrets = Secrets()
        self.operations = frozenset(self._how) if self._in.isatty() else frozenset()

    def close(self) -> None:
        """Nothing is held."""

    def call(self, operation: str, arguments: Mapping[str, Any]) -> Reply:
        """Tell what to do and wait. Raises NorthboundError when it was not possible or not done in time."""
        how, ends = self._how[operation], time.monotonic() + self._deadline
        told = {name: value for name, value in arguments.items() if not isinstance(value, bytes)}
        text = text_filled(how.say or WORDS.get(operation) or OPERATIONS[operation].purpose, told, self._secrets)
        self._say(f"\n[{operation}] {text}\n")
        result: dict[str, str] = {}
        for member in how.ask if how.ask is not None else ASKED.get(operation, ()):
            result[member] = self._answer(f"  {member}: ", operation, ends)
        said = self._answer("  Enter when done (a note goes into the record; `failed: why` if not): ", operation, ends)
        seen = {"said": text, "note": said}
        if said.lower().startswith("failed"):
            why = said.partition(":")[2].strip() or "no reason given"
            raise NorthboundError(f"{operation}: the person said that it failed: {why}", seen)
        return Reply(result, seen)

    def _answer(self, prompt: str, operation: str, ends: float) -> str:
        self._say(prompt)
        ready, _, _ = select.select([self._in], [], [], max(0.0, ends - time.monotonic()))
        if not ready:
            raise NorthboundError(f"{operation}: not done within {self._deadline:g} s")
        line = self._in.readline()
        if not line:
            raise Blocked(f"needs a person at a terminal for {operation}, but the input has ended")
        return line.strip()

    def _say(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
