"""How a command is stopped: by Ctrl-C or from outside, as by CI or systemd, with the same end."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE_S = 5.0
"""How long after an interruption another one is the same."""


def stop_as_by_ctrl_c() -> None:
    """Have SIGTERM end the command as Ctrl-C does, also where the shell that started it ignores the latter."""
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler)


@contextmanager
def interrupted_once() -> Iterator[None]:
    """Have a second Ctrl-C or SIGTERM that follows at once change nothing: `timeout` sends two, and people press twice.

    What is under way can then come to its end, and what was counted is written.
    """
    last = -GRACE_S

    def pressed(*_: object) -> None:
        nonlocal last
        before, last = last, time.monotonic()
        if last - before >= GRACE_S:
            raise KeyboardInterrupt

    former = {number: signal.signal(number, pressed) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
