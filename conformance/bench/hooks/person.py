"""A person at the terminal who does by hand what no program can do."""

import asyncio
import select
import sys
import threading
from typing import TextIO

from conformance.bench.hooks.calling import HookFailed, Nobody, Person

LOOK_S = 0.2
DECLINES = ("no", "skip")


class AtTerminal:
    """Prints what to do, and waits for a line that says what was done."""

    def __init__(self, given: TextIO, told: TextIO) -> None:
        self._given = given
        self._told = told

    async def ask(self, instruction: str, timeout_s: float) -> str:
        """Give the note that was typed. Raises HookFailed when it is declined or left empty for too long."""
        self._told.write(
            f"\n>>> please: {instruction}\n"
            f">>> then type what you did and saw, and press Enter ({timeout_s:g} s; `skip` if it cannot be done): "
        )
        self._told.flush()
        loop = asyncio.get_running_loop()
        typed: asyncio.Future[str] = loop.create_future()
        leaving = threading.Event()

        def give(line: str) -> None:
            if not typed.done():
                typed.set_result(line)

        def read() -> None:
            line = self._line(leaving)
            if line is not None:
                loop.call_soon_threadsafe(give, line)

        thread = threading.Thread(target=read, name="person", daemon=True)
        thread.start()
        try:
            note = (await typed).strip()
        finally:
            leaving.set()
            thread.join(2 * LOOK_S)  # it leaves at its next look; nobody else may read the terminal until then
        if note.lower() in DECLINES:
            raise HookFailed(f"declined by hand: {instruction}")
        return note or "done"

    def _line(self, leaving: threading.Event) -> str | None:
        """Read one line, unless nobody waits for it any more."""
        while not leaving.is_set():
            if select.select([self._given], [], [], LOOK_S)[0]:
                return self._given.readline()
        return None


def whoever_is_there() -> Person:
    """Give the person at the terminal, or nobody when the program was not started at one."""
    return AtTerminal(sys.stdin, sys.stderr) if sys.stdin.isatty() else Nobody()
