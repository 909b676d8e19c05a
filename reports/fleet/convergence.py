"""Pictures of rollouts: how soon the devices of each wave run its revision, and all of them over the run."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from reports.fleet import series as over
from reports.fleet.derived import waves_of
from reports.fleet.folder import Folder, Table
from reports.fleet.herd import step_of
from reports.fleet.section import Section, marks_of, whole
from reports.fleet.svg import Axis, Chart, Series, of_time, zero_based
from reports.fleet.units import NOTHING, clock, duration, number


def convergence(folder: Folder) -> Section | None:
    """The section; None without rollouts."""
    curves = curves_of(folder)
    if not curves:
        return None
    charts = [_since_wave(folder, curves), *_over_time(folder)]
    lead = (
        "How many of the devices of a wave run its revision, from the moment at which the wave began. A device that "
        "failed, that the rollout passed by when it was paused, or that was away stays below the line."
    )
    return Section("convergence", "Convergence of each wave", lead, charts, "waves.csv and convergence.csv")


@dataclass(frozen=True, slots=True)
class Curve:
    """One wave: seconds since it began, and the part of its devices that had adopted by then, in per cent."""

    name: str
    rollout: int
    xs: list[float]
    ys: list[float]
    devices: int
    adopted: int


def curves_of(folder: Folder) -> list[Curve]:
    """The curve of each wave, from `waves` and `convergence`."""
    waves, table = waves_of(folder), folder.table("convergence")
    times = table.get("time_s", ())
    found = []
    for n in range(len(waves.get("wave", ()))):
        rollout, revision, wave = (waves[name][n] for name in ("rollout", "revision", "wave"))
        counts = table.get(f"rollout {rollout} ({revision}) wave {wave}")
        devices, at = waves["devices"][n], waves["at_s"][n]
        if counts is None or not devices or not any(counts):
            continue
        first, last = bisect_right(times, at), over.last_rise(times, counts)
        xs = [0.0, *(time - at for time in times[first:] if time <= last)]
        ys = [0.0, *(100 * count / devices for count in counts[first : first + len(xs) - 1])]
        found.append(Curve(_name(waves, n), rollout, xs, ys, devices, counts[-1]))
    return found


def _since_wave(folder: Folder, curves: list[Curve]) -> Chart:
    reach = max(_nearly(curve) for curve in curves)
    axis = of_time("time since the wave began", 0, reach * 1.15, duration)
    shown = [
        Series(curve.name, [*curve.xs, max(axis.high, curve.xs[-1])], [*curve.ys, curve.ys[-1]], n, "step")
        for n, curve in enumerate(curves, 1)
    ]
    clipped = [Series(s.name, *over.thinned(*over.until(s.xs, s.ys, axis.high)), s.shade, "step") for s in shown]
    ends = "; ".join(f"{curve.name} ends at {curve.ys[-1]:.1f} %" for curve in curves)
    return Chart(
        "since-wave",
        "Devices of the wave that run its revision",
        "Counted when an installation succeeded, to the end of a time step of " + duration(step_of(folder)) + ".",
        f"Curves from 0 %, one for each wave: {ends}.",
        axis,
        Axis("% of the wave's devices", 0, 100, (0, 25, 50, 75, 100), lambda value: f"{value:g} %"),
        clipped,
        header=("Wave", "Devices", "Adopted", "", "50 % after", "90 % after", "99 % after"),
        rows=_rows(folder),
        value=lambda value: f"{value:.1f} %",
    )


def _nearly(curve: Curve) -> float:
    """When a wave was nearly where it ended: the last per cent may take very long and would hide all before it."""
    return next(x for x, y in zip(curve.xs, curve.ys, strict=True) if y >= 0.995 * curve.ys[-1])


def _rows(folder: Folder) -> list[list[str]]:
    """A row for each wave, also for those that came to nothing and have no curve."""
    waves = waves_of(folder)
    return [
        [
            _name(waves, n),
            f"{devices:,}",
            f"{adopted:,}",
            f"{100 * adopted / devices:.2f} %" if devices else NOTHING,
            *_parts(folder, waves, n),
        ]
        for n, (devices, adopted) in enumerate(zip(waves["devices"], waves["adopted"], strict=True))
    ]


def _name(waves: Table, n: int) -> str:
    """Of the wave in that row; with its application where there are several."""
    several = len(set(waves["application"])) > 1
    of = f" of {waves['application'][n]}" if several else ""
    return f"{waves['revision'][n]}{of}, wave {waves['wave'][n]}"


def _parts(folder: Folder, waves: Table, n: int) -> list[str]:
    """How long the wave in that row took to reach parts of its devices."""
    columns = [waves.get(f"s_until_{part}") for part in ("50%", "90%", "99%")]
    never = "not yet" if folder.summary.cut_short else "never"
    return [NOTHING if column is None else never if column[n] is None else duration(column[n]) for column in columns]


def _over_time(folder: Folder) -> Iterator[Chart]:
    """All waves of a rollout together, over the whole run."""
    table, waves = folder.table("convergence"), waves_of(folder)
    times = table["time_s"]
    shown = []
    for n, rollout in enumerate(folder.summary.rollouts, 1):
        columns = [column for name, column in table.items() if name.startswith(f"rollout {n} (")]
        total = sum(devices for devices, of in zip(waves["devices"], waves["rollout"], strict=True) if of == n)
        if columns and total:
            together = [sum(cells) for cells in zip(*columns, strict=True)]
            shown.append(
                Series(f"{rollout.revision} ({rollout.application})", *over.thinned(times, together), n, "step")
            )
    if shown:
        yield Chart(
            "over-time",
            "Devices that adopted each revision, over the whole run",
            "Counted once, when the installation succeeded; going back to a former revision takes nothing away here.",
            "; ".join(f"{s.name}: {s.ys[-1]:,} devices in the end" for s in shown) + ".",
            whole(folder),
            zero_based("devices", max(y for s in shown for y in s.ys if y is not None), number),
            shown,
            marks_of(folder, ("wave", "paused")),
            at=clock,
            value=lambda value: f"{value:,.0f}",
        )
