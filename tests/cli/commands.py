"""Calling the command line: in this process for most tests, as a process of its own where that is the point."""

import contextlib
import io
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from conformance.cli.main import main

PROGRAM = Path(sys.executable).parent / "margo-conformance"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def call(*arguments: object) -> Ended:
    """Carry out a command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return Ended(code, out.getvalue(), err.getvalue())


def run_process(*arguments: object, timeout: float = 240) -> Ended:
    """Carry out a command line as a user does."""
    done = subprocess.run(  # noqa: S603 - our own program
        [str(PROGRAM), *map(str, arguments)], capture_output=True, text=True, timeout=timeout, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def assert_refused(ended: Ended, code: str, *words: str) -> None:
    """Hold a refusal to its form: exit code 2, one message with code, cause and hint, nothing on stdout, no trace."""
    assert ended.code == 2, ended
    assert ended.err.startswith(f"error[{code}]: "), ended.err
    assert ended.err.count("error[") == 1
    assert "hint: " in ended.err
    assert "Traceback" not in ended.err
    assert ended.out == ""
    for word in words:
        assert word in ended.err, (word, ended.err)
