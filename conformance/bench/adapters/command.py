"""The `command` adapter: one program, called once for each operation, JSON on its stdin and stdout."""

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conformance.bench.adapters.files import CommandFile
from conformance.bench.adapters.templates import Secrets
from conformance.bench.errors import UsageError
from conformance.bench.northbound import NorthboundError, Reply

MAX_OUTPUT_BYTES = 16 * 1024 * 1024
TOLD = 4_000


class CommandAdapter:
    """A program. Raises UsageError for one that cannot be found, or a secret that is not set."""

    kind = "command"

    def __init__(self, described: CommandFile, folder: Path) -> None:
        program, *arguments = described.command
        if "/" in program:
            program = str((folder / program).resolve())
            if not os.access(program, os.X_OK):
                raise UsageError(f"command: expected a program that can be run, found none at {program}")
        self.where = program
        self.operations = frozenset(described.operations)
        self._command = (program, *arguments)
        self._folder = folder
        self._timeout = described.timeout
        self._secrets = Secrets()
        for variable in described.secrets:
            self._secrets.of(variable)

    def close(self) -> None:
        """Nothing is held between calls."""

    def call(self, operation: str, arguments: Mapping[str, Any]) -> Reply:
        """Run the program once. Raises NorthboundError: it cannot be run, fails, is too slow, or writes no JSON."""
        what = f"{Path(self.where).name} {operation}"
        with tempfile.TemporaryDirectory(prefix="margo-package-") as scratch:
            asked = {"operation": operation, "arguments": _with_file(arguments, Path(scratch))}
            code, out, err = self._run(what, json.dumps(asked).encode())
        told = self._secrets.hide(err.decode("utf-8", "replace"))
        shown = self._secrets.hide(out[:TOLD].decode("utf-8", "replace"))
        seen = {"command": what, "exit_code": code, "stdout": shown, "stderr": told[-TOLD:]}
        if code != 0:
            last = " | ".join(told.strip().splitlines()[-3:]) or "nothing on stderr"
            raise NorthboundError(f"{what}: expected exit code 0, found {code}: {last[:500]}", seen)
        if not out.strip():
            return Reply({}, seen)
        try:
            return Reply(json.loads(out), seen)
        except (ValueError, RecursionError):
            raise NorthboundError(f"{what}: expected JSON on stdout, found {shown[:120]!r}", seen) from None

    def _run(self, what: str, asked: bytes) -> tuple[int, bytes, bytes]:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            try:
                # a group of its own, so that what it started ends with it
                process = subprocess.Popen(  # noqa: S603 - the user's own program, without a shell
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=out,
                    stderr=err,
                    cwd=self._folder,
                    start_new_session=True,
                )
            except OSError as error:
                raise NorthboundError(f"{what}: cannot be run: {error.strerror}") from None
            try:
                process.communicate(asked, self._timeout)
            except subprocess.TimeoutExpired:
                raise NorthboundError(f"{what}: not done within {self._timeout:g} s", {"command": what}) from None
            finally:
                _end(process)
            return process.returncode, _read(out), _read(err)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a program that is still running, with everything it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _read(file: Any) -> bytes:
    file.seek(0)
    return bytes(file.read(MAX_OUTPUT_BYTES))


def _with_file(arguments: Mapping[str, Any], scratch: Path) -> dict[str, Any]:
    """Give the arguments with a package as the path of a file."""
    given = dict(arguments)
    for name, value in arguments.items():
        if isinstance(value, bytes):
            file = scratch / "package.tar.gz"
            file.write_bytes(value)
            given[name] = str(file)
    return given
