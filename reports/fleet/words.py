"""What a run says, in sentences made of its figures; nothing is said that was not counted."""

from collections.abc import Iterator

from reports.fleet.derived import waves_of
from reports.fleet.figures import CAUSES, figures_of
from reports.fleet.folder import Folder, Rollout
from reports.fleet.herd import Herd, herds
from reports.fleet.units import clock, duration, number, size, written

NOTABLE = 1.5
"""A herd is told when its peak is so many times the level before."""


def answer(folder: Folder) -> list[str]:
    """The answer, most important first: what stopped, what the WFM had to bear, how soon revisions were everywhere."""
    return [*_partial(folder), *_rollouts(folder), *_herds(folder), *_load(folder), *_failures(folder)]


def partial(folder: Folder) -> str | None:
    """What a run that did not come to its end covers; None for a whole one."""
    summary = folder.summary
    if summary.complete:
        return None
    covered, whole = duration(summary.covered), duration(summary.duration_s)
    if summary.carried < summary.devices:
        of_them = f", each for the whole {whole}; every figure is of those" if summary.carried else ""
        return f"PARTIAL: {summary.of_all} devices were simulated{of_them}"
    if not summary.cut_short:
        return "PARTIAL: the run did not come to its end, and every count is too low"
    return f"PARTIAL: the run ended after {covered} of {whole}; nothing that began later was counted"


def _partial(folder: Folder) -> Iterator[str]:
    told = partial(folder)
    if told:
        yield told + "."


def _rollouts(folder: Folder) -> Iterator[str]:
    for n, rollout in enumerate(folder.summary.rollouts, 1):
        yield from _rollout(folder, n, rollout)


def _rollout(folder: Folder, n: int, rollout: Rollout) -> Iterator[str]:
    waves = waves_of(folder)
    of = [k for k, number_ in enumerate(waves.get("rollout", ())) if number_ == n]
    wanted = sum(waves["devices"][k] for k in of)
    share = f" of {wanted:,}" if wanted else ""
    tried = rollout.succeeded + rollout.failed
    if rollout.paused_at_s is not None:
        rate = f" ({100 * rollout.failed / tried:.3g} %)" if tried else ""
        never = f"; {wanted - tried:,} devices of its waves were spared" if wanted > tried else ""
        yield (
            f"The rollout of {rollout.revision} stopped itself at {clock(rollout.paused_at_s)}: {rollout.failed:,} of "
            f"{tried:,} installations failed{rate} by the end of what was under way{never}."
        )
        return
    if not tried:
        begins = rollout.begins_at_s
        why = ""
        if begins is not None and begins >= folder.summary.covered:
            late = "after the end of the run" if folder.summary.complete else "and the run broke off before"
            why = f": its rollout begins at {clock(begins)}, {late}"
        yield f"No device tried {rollout.revision}{why}."
        return
    failed = f", {rollout.failed:,} failed" if rollout.failed else ""
    count = f"{rollout.succeeded:,}{share} devices"
    yield f"{rollout.revision} was installed on {count}{failed}. {_soon(folder, of)}".rstrip()


def _soon(folder: Folder, of: list[int]) -> str:
    waves = waves_of(folder)
    never, not_most = ("had not yet reached", "not yet") if folder.summary.cut_short else ("never reached", "never")
    told = []
    for k in of:
        if folder.summary.cut_short and waves["at_s"][k] >= folder.summary.covered:
            continue  # it was still to come
        half, most = waves["s_until_50%"][k], waves["s_until_99%"][k]
        which = f"wave {waves['wave'][k]}" if len(of) > 1 else "the rollout"
        if half is None:
            told.append(f"{which} {never} half of its devices")
        elif most is None:
            told.append(f"{which} reached half of its devices after {duration(half)}, and {not_most} 99 %")
        else:
            told.append(f"{which} reached half of its devices after {duration(half)} and 99 % after {duration(most)}")
    text = "; ".join(told[:4]) + ("; .." if len(told) > 4 else "")
    return text[:1].upper() + text[1:] + "." if text else ""


def _herds(folder: Folder) -> Iterator[str]:
    found = herds(folder)
    notable = [herd for herd in found if herd.refused or (herd.times or 0) >= NOTABLE]
    for herd in sorted(notable, key=lambda herd: -herd.peak)[:3]:
        yield _herd(herd)
    most = max((herd.times for herd in found if herd.times), default=None)
    if most and not notable:
        yield f"No outage was followed by a herd: the highest peak after one is {most:.3g} times the level before."


def _herd(herd: Herd) -> str:
    against = f", {herd.times:.2g} times the {number(herd.before)}/s of before" if herd.times and herd.before else ""
    text = (
        f"After the {herd.kind} that ended at {clock(herd.ended)}, {written(herd.peak, 'per_s')} reach the WFM at "
        f"most, {duration(herd.peak_after)} later{against}"
    )
    if herd.refused:
        text += f"; {herd.refused:,} requests are refused"
    if herd.before:
        if herd.calm_after is None:
            text += f"; {duration(herd.until - herd.ended)} later the peaks are still above normal"
        elif herd.calm_after:
            text += f"; the peaks are back to normal after {duration(herd.calm_after)}"
    return text + "."


def _load(folder: Folder) -> Iterator[str]:
    figures = {figure.key: figure.value for figure in figures_of(folder)}
    summary = folder.summary
    median, peak = figures.get("requests_per_s_p50"), figures.get("peak_requests_per_s")
    polls = f"{summary.of_all} devices polled {summary.polls:,} times" if summary.polls is not None else ""
    if median is not None and peak is not None:
        yield f"{polls or 'Over the run'}: {number(median)} requests per second in the median, {number(peak)} at most."
    elif polls:
        yield polls + "."
    older = summary.requests.get("older")
    if older:
        yield f"{older:,} polls were answered with a manifest older than the device's, which devices refuse."
    failed = [f"{summary.requests[name]:,} {text}" for name, text in _FAILED.items() if summary.requests.get(name)]
    if failed:
        yield "Of all requests " + ", ".join(failed) + "."
    if summary.longest_queue:
        yield f"At most {summary.longest_queue:,} requests wait at the WFM."
    if summary.bytes_per_device_and_day:
        yield f"A device's connection carries {size(summary.bytes_per_device_and_day)} a day."


_FAILED = {"refused": "were refused", "unreachable": "found no WFM", "lost": "got no answer in time"}


def _failures(folder: Folder) -> Iterator[str]:
    counts = [(CAUSES.get(name, name), count) for name, count in folder.summary.failures.items() if count]
    if counts:
        yield "; ".join(f"{label}: {count:,}" for label, count in counts) + "."


def repeat(folder: Folder) -> str:
    """The command that makes the run again from what the folder holds."""
    if folder.summary.repeat:
        return folder.summary.repeat
    return f"margo-conformance simulate {folder.path / 'fleet.yaml'} --engine {folder.summary.engine} --out AGAIN"
