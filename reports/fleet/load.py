"""Pictures of what the WFM has to bear: requests, herds, queue, failing requests, latency."""

from reports.fleet import series as over
from reports.fleet.figures import FAILED, quantile
from reports.fleet.folder import Folder, Table
from reports.fleet.herd import Herd, herds, reached, step_of
from reports.fleet.section import Section, marks_of, some, whole
from reports.fleet.svg import Axis, Chart, Mark, Series, of_time, zero_based
from reports.fleet.units import clock, duration, number, written


def requests(folder: Folder) -> Section | None:
    """Requests over time, with percentiles where there are enough rows; None where none were counted."""
    rates = reached(folder)
    if not rates:
        return None
    step, each = step_of(folder), over.rows_in_step(len(rates))
    xs = [(n + 0.5) * each * step for n in range(-(-len(rates) // each))]
    middle = over.by_step(rates, each, over.percentile(0.5))
    highest = over.by_step(rates, each, max)
    if each > 1:
        low, high = (over.by_step(rates, each, over.percentile(part)) for part in (0.05, 0.95))
        band = [Series("5th to 95th percentile", xs, high, 1, lower=low), Series("highest", xs, highest, 2, "thin")]
        note = (
            f"Rates are means over {duration(step)}, the finest this run counted. Each step of the picture holds "
            f"{each} of them ({duration(each * step)}): the line is their median, the band reaches from their 5th to "
            "their 95th percentile, the thin line is the highest."
        )
    else:
        band, low, high = [], middle, middle
        note = f"One mean rate for each {duration(step)}: too few for percentiles."
    columns = list(zip(xs, low, middle, high, highest, strict=True))
    peak = max(rates)
    rows = [[clock(x - each * step / 2), *(number(value or 0) for value in values)] for x, *values in some(columns)]
    chart = Chart(
        "requests",
        "Requests that reach the WFM, per second",
        note + " Answered and refused requests count; those that found no WFM do not.",
        f"Median {number(quantile(sorted(rates), 0.5))} requests per second, at most {number(peak)}, at "
        f"{clock(rates.index(peak) * step)}.",
        whole(folder),
        zero_based("requests/s", max(rates), number),
        [*band, Series("median" if band else "rate", xs, middle, 1)],
        marks_of(folder),
        header=("From", "5th percentile", "Median", "95th percentile", "Highest"),
        rows=rows,
        at=clock,
    )
    return Section(
        "requests",
        "Requests over time",
        "What the WFM has to answer. Grey spans are outages, storms and spikes.",
        [chart],
        "rates.csv",
    )


def after_outages(folder: Folder) -> Section | None:
    """A zoom on the end of each outage; None without any."""
    found = herds(folder)
    charts = [_after(folder, herd) for herd in found]
    if not charts:
        return None
    lead = (
        "Requests per second around the end of each outage, zoomed to every step that was counted. The level is the "
        "median of the minutes' peaks before the outage; peaks are calm again below 1.25 times of it."
    )
    return Section("herd", "Herds after outages", lead, charts, "rates.csv and events.csv")


def _after(folder: Folder, herd: Herd) -> Chart:
    rates, step = reached(folder), step_of(folder)
    table = folder.table("rates")
    low = max(0.0, herd.ended - max(120.0, 2 * step))
    high = min(herd.until, herd.ended + shown_after(herd))
    times = [n * step for n in range(len(rates))]
    xs, ys = over.within(times, rates, low, high)
    refused = over.within(times, [count / step for count in table.get("refused", [0] * len(times))], low, high)[1]
    shown = [Series("reach the WFM", xs, ys, 1, "area"), Series("reach the WFM (line)", xs, ys, 1)]
    if any(refused):
        shown.append(Series("of these refused", xs, refused, 3))
    against = f", {herd.times:.3g} times the level before" if herd.times else ""
    title = f"{clock(herd.ended)}: end of {herd.kind}" + (f" ({herd.what})" if herd.what else "")
    return Chart(
        f"herd-{herd.ended:.0f}",
        title,
        f"Means over {duration(step)}.",
        f"The highest rate is {number(herd.peak)} requests per second, {duration(herd.peak_after)} after the end"
        f"{against}.",
        after_axis(low, high, herd.ended),
        zero_based("requests/s", max([*ys, herd.before or 0]), number),
        shown,
        [Mark(herd.began, f"{herd.kind} until {clock(herd.ended)}", herd.ended)],
        level=(herd.before, f"before: {number(herd.before)}/s") if herd.before else None,
        small=True,
        header=("", ""),
        rows=[
            ["Highest rate", written(herd.peak, "per_s")],
            ["against the level before", written(herd.times, "times")],
            ["reached after", duration(herd.peak_after)],
            ["peaks calm after", "not within view" if herd.calm_after is None else duration(herd.calm_after)],
            ["refused", f"{herd.refused:,}"],
            ["longest queue", written(herd.longest_queue, "count")],
        ],
        at=clock,
    )


def shown_after(herd: Herd) -> float:
    """Seconds after the end that are worth a zoom: half as long again as it takes to calm, at least five minutes."""
    return 1800.0 if herd.calm_after is None else max(300.0, 1.5 * herd.calm_after)


def after_axis(low: float, high: float, zero: float) -> Axis:
    """A span of the run as time since a moment in it."""
    axis = of_time("", low - zero, high - zero, lambda value: f"{'+' if value > 0 else ''}{duration(value)}")
    ticks = tuple(tick + zero for tick in axis.ticks)
    return Axis("time since the outage ended", low, max(high, low + 1), ticks, lambda value: axis.written(value - zero))


def queue(folder: Folder) -> Section | None:
    """The queue and requests that fail; None where neither was."""
    table, step = folder.table("rates"), step_of(folder)
    queue = table.get("longest_queue", ())
    each = over.rows_in_step(len(queue))
    xs = [(n + 0.5) * each * step for n in range(-(-len(queue) // each))] if queue else []
    charts = []
    if any(queue):
        longest = over.by_step(queue, each, max)
        charts.append(
            Chart(
                "queue",
                "Longest queue at the WFM",
                f"The highest number of waiting requests in each step of {duration(each * step)}.",
                f"At most {max(queue):,} requests wait, at {clock(queue.index(max(queue)) * step)}.",
                whole(folder),
                zero_based("requests waiting", max(queue), number),
                [Series("waiting", xs, longest, 4, "area"), Series("waiting (line)", xs, longest, 4)],
                marks_of(folder),
                header=("From", "Waiting"),
                rows=[[clock(x), number(y)] for x, y in some(list(zip(xs, longest, strict=True)))],
                at=clock,
            )
        )
    failing = _failing(folder, table, each, step)
    if failing is not None:
        charts.append(failing)
    lead = (
        "When more requests wait than the WFM takes, it refuses; devices then come back after Retry-After or their own "
        "back-off."
    )
    return Section("queue", "Queue and refusals", lead, charts, "rates.csv") if charts else None


def _failing(folder: Folder, table: Table, each: int, step: float) -> Chart | None:
    code = folder.summary.refused_with or 503
    names = {"refused": f"refused ({code})", "unreachable": "found no WFM", "lost": "no answer in time"}
    shown = []
    for shade, name in ((3, "refused"), (2, "unreachable"), (5, "lost")):
        if any(table.get(name, ())):
            ys = over.by_step(table[name], each, lambda values: sum(values) / len(values) / step)
            xs = [(n + 0.5) * each * step for n in range(len(ys))]
            shown.append(Series(names[name], xs, ys, shade))
    if not shown:
        return None
    totals = [f"{FAILED[name]}: {sum(table[name]):,}" for name in names if any(table.get(name, ()))]
    columns = list(zip(shown[0].xs, *(s.ys for s in shown), strict=True))
    return Chart(
        "failing",
        "Requests that fail, per second",
        f"Means over {duration(each * step)}.",
        "; ".join(totals) + ".",
        whole(folder),
        zero_based("requests/s", max(y for s in shown for y in s.ys if y is not None), number),
        shown,
        marks_of(folder),
        header=("From", *(s.name for s in shown)),
        rows=[[clock(x), *(number(value) for value in values)] for x, *values in some(columns)],
        at=clock,
    )


def latency(folder: Folder) -> Section | None:
    """What live runs measured; None in simulated time."""
    table, step = folder.table("rates"), step_of(folder)
    columns = {"poll_p50_s": ("median", 1), "poll_p99_s": ("99th percentile", 3), "poll_max_s": ("highest", 2)}
    there = [name for name in columns if any(table.get(name, ()))]
    if not there:
        return None
    each = over.rows_in_step(len(table[there[0]]))
    shown = []
    for name in there:
        ys = over.by_step(table[name], each, over.percentile(0.5) if name == "poll_p50_s" else max)
        xs = [(n + 0.5) * each * step for n in range(len(ys))]
        shown.append(
            Series(
                columns[name][0],
                xs,
                [None if y is None else 1000 * y for y in ys],
                columns[name][1],
                "thin" if name == "poll_max_s" else "line",
            )
        )
    chart = Chart(
        "latency",
        "Latency of polls",
        f"From the moment for which a poll was due, so that a slow WFM hides nothing. In each step of "
        f"{duration(each * step)}: the median of the medians, and the worst of the percentiles, of "
        f"{duration(step)} each.",
        "; ".join(f"{s.name} at most {number(max(y for y in s.ys if y is not None))} ms" for s in shown) + ".",
        whole(folder),
        zero_based("ms", max(y for s in shown for y in s.ys if y is not None), number),
        shown,
        marks_of(folder),
        at=clock,
    )
    return Section("latency", "Latency of polls", "How long devices waited for an answer.", [chart], "rates.csv")
