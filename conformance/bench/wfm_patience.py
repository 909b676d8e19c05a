"""When a WFM answers nobody: after a few requests in vain the rest of a run is not tried, so that it ends soon."""

from conformance.bench.errors import Blocked

IN_VAIN = 3
"""So many requests in a row without any answer, each for the whole deadline, and a WFM is given up."""


class Patience:
    """Shared by all scenarios of one subject. What is answered in any way, even with a refusal, restores it."""

    def __init__(self) -> None:
        self._left = IN_VAIN
        self._in_vain = 0
        self._last = ""

    @property
    def given_up(self) -> str | None:
        """Why nothing more is tried; None as long as the WFM is not given up."""
        if self._left > 0:
            return None
        return f"the WFM has answered none of {self._in_vain} requests in a row: {self._last}"

    def try_again(self) -> None:
        """Raise Blocked when the WFM is given up."""
        if self.given_up:
            raise Blocked(self.given_up)

    def heard(self) -> None:
        """There was an answer."""
        self._left, self._in_vain = IN_VAIN, 0

    def waited(self, why: str) -> None:
        """There was none."""
        self._left -= 1
        self._in_vain += 1
        self._last = why

    def doubt(self, why: str) -> None:
        """There was none to the very first request, before the run: one more in vain is enough."""
        self.waited(why)
        self._left = 1
