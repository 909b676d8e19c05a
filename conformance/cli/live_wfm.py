"""A reference WFM in a process of its own, for live runs that bring no WFM."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from conformance.cli.problems import Misuse

_LINES = {
    "management": re.compile(r"^\s+management\s+(\S+)$"),
    "northbound": re.compile(r"^\s+northbound\s+(\S+?)/northbound/v1 "),
}
_LAST = "Ctrl-C ends it."
_END_S = 10.0


@dataclass(frozen=True, slots=True)
class Reached:
    """Where a WFM is reached, and the identity folder with the credentials for it."""

    url: str
    northbound: str
    identity: Path


@contextmanager
def reference_wfm(identity: Path) -> Iterator[Reached]:
    """Serve the reference WFM on free ports of the loopback, without a store. Raises Misuse."""
    command = [sys.executable, "-m", "conformance.cli.main", "serve", "wfm", "--port", "0", "--northbound-port", "0"]
    command += ["--store", "memory", "--identity", str(identity)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603
    try:
        told = list(_until_told(process))
        found = {name: next(filter(None, map(line.match, told)), None) for name, line in _LINES.items()}
        url, northbound = found["management"], found["northbound"]
        if url is None or northbound is None:
            said = process.stderr.read() if process.stderr is not None and process.poll() is not None else ""
            raise Misuse("wfm", f"the reference WFM did not start: {' '.join(said.split())[:500]}", "try `serve wfm`")
        yield Reached(url[1], northbound[1], identity)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _until_told(process: subprocess.Popen[str]) -> Iterator[str]:
    for line in process.stdout or ():
        yield line.rstrip("\n")
        if line.strip() == _LAST:
            return
    process.wait(_END_S)
