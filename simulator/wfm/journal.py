"""The journal: who changed what, and when. Bounded, but for what still tells what runs where.

Beyond its bound the oldest entries go, in memory and in the store. Kept are, of every deployment that has not gone, the
newest status report of each device and the first one that said the same: `what ran when` needs both.
"""

from collections.abc import Callable, Iterable, Iterator

from simulator.wfm.changes import Drop
from simulator.wfm.state import JournalEntry

StillThere = Callable[[str, str], bool]
"""Whether a deployment of a client (client id, deployment id) has not gone."""
STATUS = "status-reported"


class Journal:
    """Entries, oldest first; numbers grow by one and are never used again."""

    def __init__(self, limit: int, still_there: StillThere) -> None:
        # a tenth more than the limit may gather, so that not every entry has all others looked through
        self._limit, self._slack = limit, max(1, limit // 10)
        self._still_there = still_there
        self._entries: list[JournalEntry] = []
        self._kept = 0
        self._dropped: list[Drop] = []
        self.seq = 0
        """The number of the newest entry there ever was."""

    def __iter__(self) -> Iterator[JournalEntry]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def complete_after(self) -> int:
        """All entries with a larger number than this are there; of the others only some are."""
        for before, entry in zip(reversed(self._entries[:-1]), reversed(self._entries[1:]), strict=True):
            if before.seq != entry.seq - 1:
                return entry.seq - 1
        return self._entries[0].seq - 1 if self._entries else self.seq

    def add(self, entry: JournalEntry) -> None:
        """Take the next entry, and let old ones go when there are too many."""
        self._entries.append(entry)
        self.seq = entry.seq
        if len(self._entries) > self._limit + self._kept + self._slack:
            self._prune()

    def restore(self, entries: Iterable[JournalEntry]) -> None:
        """Take up what was stored, oldest first."""
        self.clear()
        self._entries = list(entries)
        self.seq = self._entries[-1].seq if self._entries else 0
        self._prune()

    def clear(self) -> None:
        """Begin anew, also with the numbers."""
        self._entries, self._kept, self._dropped, self.seq = [], 0, [], 0

    def take_dropped(self) -> tuple[Drop, ...]:
        """Give the rows to drop for the entries that went since the last time."""
        dropped, self._dropped = tuple(self._dropped), []
        return dropped

    def _prune(self) -> None:
        surplus = len(self._entries) - self._limit
        if surplus <= 0:
            return
        needed = self._needed()
        old, new = self._entries[:surplus], self._entries[surplus:]
        self._dropped += [Drop("journal", (entry.seq,)) for entry in old if entry.seq not in needed]
        kept = [entry for entry in old if entry.seq in needed]
        self._entries, self._kept = kept + new, len(kept)

    def _needed(self) -> set[int]:
        """Give the numbers of the reports that tell what runs now, and since when."""
        first: dict[tuple[str, str | None, str], JournalEntry] = {}
        last: dict[tuple[str, str | None, str], JournalEntry] = {}
        for entry in self._entries:
            name = entry.deployment_id
            if entry.action != STATUS or name is None or not self._still_there(entry.client_id, name):
                continue
            key = entry.client_id, entry.device_id, name
            if key not in last or _said(last[key]) != _said(entry):
                first[key] = entry
            last[key] = entry
        return {entry.seq for found in (first, last) for entry in found.values()}


def _said(entry: JournalEntry) -> tuple[object, object]:
    return entry.detail.get("state"), entry.detail.get("digest")
