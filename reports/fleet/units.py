"""Numbers as people read them, each with its unit: durations, rates, bytes, counts."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

NOTHING = "–"  # noqa: RUF001 - the dash of tables
"""Stands where there is no number."""
_STEPS = ((86400.0, "d", 3600.0, "h"), (3600.0, "h", 60.0, "min"), (60.0, "min", 1.0, "s"))


def duration(seconds: float) -> str:
    """Two units at most: `350 ms`, `8.2 s`, `2 min 5 s`, `6 h 30 min`, `7 d`."""
    if seconds < 0:
        return "-" + duration(-seconds)
    if 0 < seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    for size, unit, part, small in _STEPS:
        whole, rest = divmod(round(seconds / part) * part, size)
        if whole:
            return f"{whole:.0f} {unit}" + (f" {rest / part:.0f} {small}" if round(rest / part) else "")
    return f"{seconds:.0f} s"


def clock(seconds: float) -> str:
    """A time of the run: `06:30:00`, with the day before it from the second on."""
    whole = round(seconds)
    days, rest = divmod(whole, 86400)
    text = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"day {days + 1}, {text}" if days else text


def number(value: float) -> str:
    """Three digits that count, and whole numbers from a hundred on: `0.0123`, `4.5`, `1,234`, `14.4 million`."""
    size = abs(value)
    if size >= 1e9:
        return f"{value / 1e9:.4g} billion"
    if size >= 1e7:
        return f"{value / 1e6:.3g} million"
    if size >= 100 or value == round(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def size(value: float) -> str:
    """Bytes with a decimal prefix."""
    for factor, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if abs(value) >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value:.3g} B"


def _rate(value: float) -> str:
    return f"{number(value)}/s"


def _times(value: float) -> str:
    digits = 4 if 0.9 < value < 1.1 else 3  # near one, what differs from it counts
    return f"{value:.{digits}g}\N{MULTIPLICATION SIGN}"


WRITTEN: Mapping[str, Callable[[float], str]] = MappingProxyType(
    {"s": duration, "bytes": size, "per_s": _rate, "count": number, "times": _times}
)
"""How a number of each unit is written."""


def written(value: float | None, unit: str) -> str:
    """A number with its unit, and a dash for what is not there."""
    return NOTHING if value is None else WRITTEN[unit](value)
