"""Which clients the scenarios of a run are: made up as they are needed, or from a list the WFM knows."""

from collections.abc import Callable, Iterable

from conformance.bench.errors import Blocked


class Roster:
    """Hands out client ids (`wfm-client-id`), each to one scenario at a time.

    Of a fixed list those not used yet come first; after that, those that were given back are used again. `fresh` says
    that the WFM has nothing of the clients in the list. `register` makes a client known and new to the WFM.
    """

    def __init__(
        self, ids: Iterable[str] = (), *, fresh: bool = False, register: Callable[[str], None] | None = None
    ) -> None:
        self._all = tuple(dict.fromkeys(ids))
        self._fresh = fresh or not self._all
        self._register = register
        self._unused = list(self._all)
        self._returned: list[str] = []
        self._new: set[str] = set()

    def take(self, made_up: str) -> str:
        """Give a client id; `made_up` without a list. Raises Blocked when all of the list are in use or spent."""
        if not self._all:
            taken = made_up
            self._new.add(taken)
        elif self._unused:
            taken = self._unused.pop(0)
            if self._fresh:
                self._new.add(taken)
        elif self._returned:
            taken = self._returned.pop(0)
        else:
            raise Blocked(f"needs another client; all {len(self._all)} that were given are in use or spent")
        if self._register is not None:
            self._register(taken)
            self._new.add(taken)
        return taken

    def is_new(self, client_id: str) -> bool:
        """Whether the WFM had nothing of the client when it was handed out."""
        return client_id in self._new

    def give_back(self, client_id: str) -> None:
        """Let another scenario use a client, which was cleaned up."""
        self._new.discard(client_id)
        if client_id in self._all:
            self._returned.append(client_id)
