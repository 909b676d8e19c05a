"""Serve verbs as processes of their own, always ended by the test that started them."""

import contextlib
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.cli.commands import PROGRAM

START_S = 120.0


@dataclass
class Served:
    """A running command whose output is read from a file."""

    process: subprocess.Popen[bytes]
    log: Path
    found: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """All it has printed so far."""
        return self.log.read_text()

    def wait_for(self, pattern: str, within: float = START_S) -> str:
        """Give the first group of a pattern once it was printed."""
        found: list[str] = []

        def seen() -> bool:
            match = re.search(pattern, self.text)
            found[:] = [match.group(1) if match.groups() else match.group(0)] if match else []
            return bool(found)

        eventually(lambda: seen() or self.process.poll() is not None, within, lambda: self.text)
        assert found, f"{pattern!r} is not in: {self.text}"
        return found[0]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and give the exit code."""
        self.process.send_signal(number)
        return self.process.wait(START_S)


@contextlib.contextmanager
def served(log: Path, *arguments: object) -> Iterator[Served]:
    """Run a command while the block runs."""
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [str(PROGRAM), *map(str, arguments)], stdout=out, stderr=subprocess.STDOUT
        )
        try:
            yield Served(process, log)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(START_S)


@contextlib.contextmanager
def served_wfm(folder: Path, *arguments: object) -> Iterator[Served]:
    """Run a WFM on free ports with its identity in `folder/identity`; `found` holds its addresses."""
    ports = ("--port", 0, "--northbound-port", 0, "--control-port", 0)
    with served(folder / "wfm.log", "serve", "wfm", *ports, "--identity", folder / "identity", *arguments) as wfm:
        wfm.wait_for("Ctrl-C ends it")
        wfm.found["url"] = wfm.wait_for(r"management +(https://\S+)")
        wfm.found["northbound"] = wfm.wait_for(r"northbound +(http://\S+)/northbound/v1")
        wfm.found["control"] = wfm.wait_for(r"control +(http://\S+)")
        yield wfm


def eventually(holds: Callable[[], bool], within: float, told: Callable[[], object]) -> None:
    """Wait until something outside of this process holds; fails with what is told when it does not in time."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, told()
        time.sleep(0.05)  # another process is waited for: there is no event to wait on
