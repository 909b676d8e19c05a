"""Workers: a run spread over processes, each carrying out a part of the scenarios, all into one event file.

A worker is this program, called for a part; its own event file is how it tells what happens. The main process follows
those files line by line, numbers the events anew and appends them to the one record, so that progress, verdicts and
reports know nothing of workers.
"""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from conformance.bench.recorder import Recorder
from conformance.record.events import EVENT, CatalogueEvent, Event, Footer, Header, renumbered
from conformance.record.file import EVENT_FILE, read

LOOK_S = 0.05
"""How often the main process looks for new lines."""
LOG_FILE = "worker.log"
_LOG_TAIL = 15


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a role's scenarios that one worker carries out: every `of`-th one, beginning with `index`.

    `first` is the number of the role's first scenario in the whole run, `epoch` the reading of the monotonic clock (the
    same in all processes) at which the run began.
    """

    index: int
    of: int
    first: int
    epoch: float

    def __str__(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` wrote."""
        return cls(**json.loads(text))

    def takes(self, position: int) -> bool:
        """Whether the scenario at this position, counted from 0, belongs to the part."""
        return position % self.of == self.index


class WorkerFailed(RuntimeError):
    """A worker ended without a sealed record: an error of the suite."""


class _Worker:
    """One process and what was read of its record so far."""

    def __init__(self, command: Sequence[str], directory: Path) -> None:
        directory.mkdir(parents=True)
        self.file = directory / EVENT_FILE
        self.log = directory / LOG_FILE
        self._seen = 0
        self._numbers: dict[int, int] = {}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(  # noqa: S603 - this very program
                [*command, "--out", str(directory)], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    def relay(self, recorder: Recorder) -> None:
        """Append what is new to the one record; references keep pointing at the same events, connections stay apart."""
        for event in self._new():
            self._numbers[event.n] = recorder.relay(renumbered(event, self._numbers), self).n

    def check(self) -> None:
        """Check the finished record; raises WorkerFailed."""
        try:
            read(self.file)
        except (OSError, ValueError) as error:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_TAIL:]
            code = self.process.returncode
            raise WorkerFailed(f"a worker ended with exit code {code}: {error}\n" + "\n".join(lines)) from None

    def _new(self) -> Iterator[Event]:
        if not self.file.exists():
            return
        with self.file.open("rb") as file:
            file.seek(self._seen)
            for line in file:
                if not line.endswith(b"\n"):
                    return  # the worker is still writing it
                self._seen += len(line)
                event = EVENT.validate_json(line)
                if not isinstance(event, Header | CatalogueEvent | Footer):
                    yield event


def follow(commands: Sequence[Sequence[str]], directory: Path, recorder: Recorder) -> None:
    """Run every command as a worker, all at once, and record what they record.

    Raises WorkerFailed when one of them does not end as it should; none is left running in any case.
    """
    workers: list[_Worker] = []
    try:
        for index, command in enumerate(commands):
            workers.append(_Worker(command, directory / str(index)))
        while running := [worker for worker in workers if worker.process.poll() is None]:
            for worker in running:
                worker.relay(recorder)
            time.sleep(LOOK_S)
        for worker in workers:
            worker.relay(recorder)
            worker.check()
    finally:
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                worker.process.terminate()
            worker.process.wait()


def usual_jobs(seats: int, *, waiting: bool = True) -> int:
    """How many workers serve each of so many seats: more than processors where scenarios mostly wait."""
    if not waiting:
        return max(1, (os.cpu_count() or 1) // seats)
    return max(2, min(4, 3 * (os.cpu_count() or 1) // (2 * seats) + 1))
