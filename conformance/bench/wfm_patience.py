"""When a WFM answers nobody: after a few requests in vain the rest of a run is not tried, so that it ends soon."""

from conformance.bench.errors import Blocked

IN_VAIN = 3
"""So many requests in a row without any answer, each for the whole deadline, and a WFM is given up."""


class Patience:
    """Shared by all scenarios of one subject. What is answered in any way, even with a refusal, restores it."""

    def __init__(self) -> None:
        self._in_vain = 0
        self._last = ""

    def try_again(self) -> None:
        """Raise Blocked when the WFM is given up."""
        if self._in_vain >= IN_VAIN:
            raise Blocked(f"the WFM has answered none of {self._in_vain} requests in a row: {self._last}")

    def heard(self) -> None:
        """There was an answer."""
        self._in_vain = 0

    def waited(self, why: str) -> None:
        """There was none."""
        self._in_vain += 1
        self._last = why
