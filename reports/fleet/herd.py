"""Herds: what comes to the WFM once an outage is over, against what came before it.

Rates are requests that reached the WFM, answered and refused alike, per second, as means over one step of the table.
Peaks are taken minute by minute: devices that poll in step, as after a power cut, make the same mean and higher peaks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from reports.fleet.folder import Folder

REACHED = ("unchanged", "changed", "older", "bundles", "status", "capabilities", "refused")
"""Columns of requests that reached the WFM."""
MOMENTS = 6
"""Outages that are told, those with the highest peaks."""
MINUTE = 60.0
LONGEST = 1800.0
"""Seconds after an outage that are looked at; fewer when the next one comes, or a spike."""
BEFORE = 600.0
CALM = 1.25
"""Peaks are calm again at this many times what they were before."""


@dataclass(frozen=True, slots=True)
class Herd:
    """After one outage. `calm_after`: seconds until the peaks of minutes stay calm, None if they never are in view.

    `before`: the median peak of the minutes before the outage began, None when there were none.
    """

    began: float
    ended: float
    kind: str
    what: str
    until: float
    before: float | None
    peak: float
    peak_after: float
    refused: int
    longest_queue: int | None
    calm_after: float | None

    @property
    def times(self) -> float | None:
        """How many times as high the peak is as before."""
        return self.peak / self.before if self.before else None


def reached(folder: Folder) -> list[float]:
    """Requests per second that reached the WFM, step by step."""
    rates = folder.table("rates")
    width = step_of(folder)
    columns = [rates[name] for name in REACHED if name in rates]
    return [sum(cell or 0 for cell in cells) / width for cells in zip(*columns, strict=True)]


def step_of(folder: Folder) -> float:
    """Seconds of one row of `rates`."""
    times = folder.table("rates").get("time_s", ())
    return float(times[1] - times[0]) if len(times) > 1 else folder.summary.duration_s


def herds(folder: Folder) -> list[Herd]:
    """The herds with the highest peaks, in order of time."""
    rates = reached(folder)
    if not rates:
        return []
    step = step_of(folder)
    ends = _ends(folder, len(rates) * step)
    begins = [*(end[0] for end in ends), *_spikes(folder)]
    found = [_herd(folder, rates, step, end, _view(begins, end[1], len(rates) * step)) for end in ends]
    most = sorted(found, key=lambda herd: -herd.peak)[:MOMENTS]
    return sorted(most, key=lambda herd: herd.ended)


_End = tuple[float, float, str, str]


def _ends(folder: Folder, last: float) -> list[_End]:
    """Outages (and reboot storms, where the first come back) by their end; those that end together are one."""
    events = folder.table("events")
    rows = zip(*(events.get(name, ()) for name in ("from_s", "until_s", "kind", "what")), strict=True)
    ends: dict[float, _End] = {}
    for began, ended, kind, what in rows:
        if not kind.endswith(("outage", "backup", "storm")) or ended >= last:
            continue
        if ended in ends:
            former = ends[ended]
            whats = ", ".join(dict.fromkeys(name for name in (former[3], what) if name))
            kinds = " and ".join(dict.fromkeys((former[2], kind)))
            ends[ended] = (min(began, former[0]), ended, kinds, whats)
        else:
            ends[ended] = (began, ended, kind, what or "")
    return [ends[key] for key in sorted(ends)]


def _spikes(folder: Folder) -> Iterator[float]:
    events = folder.table("events")
    for began, kind in zip(events.get("from_s", ()), events.get("kind", ()), strict=True):
        if kind == "spike":
            yield began


def _view(begins: Sequence[float], ended: float, last: float) -> float:
    """Until when one that ended then is looked at: until something else begins."""
    return min([ended + LONGEST, last, *(begin for begin in begins if begin > ended)])


def _herd(folder: Folder, rates: Sequence[float], step: float, end: _End, until: float) -> Herd:
    began, ended, kind, what = end
    normal = list(_peaks(rates, step, max(0.0, began - BEFORE), began))
    before = median(peak for _, peak in normal) if normal else None
    after = list(_peaks(rates, step, ended, until))
    peak_after, peak = max(after, key=lambda item: item[1], default=(ended, 0.0))
    first, last = int(ended / step), int(until / step)
    table = folder.table("rates")
    queue = table.get("longest_queue", ())[first:last]
    return Herd(
        began=began,
        ended=ended,
        kind=kind,
        what=what,
        until=until,
        before=before,
        peak=peak,
        peak_after=peak_after - ended,
        refused=sum(table.get("refused", ())[first:last]),
        longest_queue=max(queue, default=None),
        calm_after=_calm(after, before, ended),
    )


def _peaks(rates: Sequence[float], step: float, since: float, until: float) -> Iterator[tuple[float, float]]:
    """The highest rate of each minute with the time at which it was; a step longer than a minute is one of its own."""
    each = max(1, round(MINUTE / step))
    last = min(int(until / step), len(rates))
    for first in range(int(since / step), last, each):
        some = rates[first : min(first + each, last)]
        highest = max(range(len(some)), key=some.__getitem__)
        yield (first + highest) * step, some[highest]


def _calm(after: Sequence[tuple[float, float]], before: float | None, ended: float) -> float | None:
    """After how many seconds no minute has a higher peak than is calm; None when the last one still has."""
    if not before or not after:
        return None
    high = [at for at, peak in after if peak > CALM * before]
    if not high:
        return 0.0
    return None if high[-1] >= after[-1][0] else high[-1] - ended
