"""The compiled engine: drives the kernels, in pieces, so that progress can be shown and a run can be interrupted."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from simulator.fleet.kernels import Queue, begin_coupled, run_independent, run_window
from simulator.fleet.layout import C_JITTER, C_PERIOD, K_COUNT
from simulator.fleet.plan import Plan
from simulator.fleet.rows import ROW, Tallies, merge, new_tallies, tallies_of
from simulator.fleet.serving import advance_clock, new_log, new_schedule, new_server

Progress = Callable[[float, int], bool]
"""Told how much is done (0 to 1) and how many requests there were; False stops the run."""
PIECES = 200
MAX_WINDOWS = 20_000


def simulate(plan: Plan, progress: Progress = lambda _done, _count: True, trace: int = 0) -> tuple[Tallies, bool]:
    """Run a plan; gives what was counted, and whether it was run to the end."""
    return _coupled(plan, progress, trace) if plan.coupled else _independent(plan, progress, trace)


def requests_in(tallies: Tallies) -> int:
    """All requests counted so far."""
    return int(tallies.totals.sum())


def _independent(plan: Plan, progress: Progress, trace: int) -> tuple[Tallies, bool]:
    schedule, log, server, numbers = new_schedule(plan), new_log(), new_server(plan), plan.record()
    advance_clock(schedule, log, plan.numbers.end)
    workers = max(1, min(os.cpu_count() or 1, 8)) if not trace else 1
    parts = [(np.zeros(1, ROW)[0], new_tallies(plan, trace)) for _ in range(workers)]
    size = max(1, min(50_000, -(-plan.devices // PIECES)))
    starts = iter(range(0, plan.devices, size))
    stopped: list[int] = []
    done = 0

    def work(number: int) -> None:
        nonlocal done
        rows, tallies = parts[number]
        for start in starts:
            if stopped:
                return
            count = min(size, plan.devices - start)
            run_independent(numbers, rows, tallies, server, log, schedule, start, count)
            done += count
            if number == 0 and not progress(done / plan.devices, sum(int(part["totals"].sum()) for _, part in parts)):
                stopped.append(number)

    with ThreadPoolExecutor(workers) as pool:
        helpers = [pool.submit(work, number) for number in range(1, workers)]
        try:
            work(0)
        except KeyboardInterrupt:
            stopped.append(0)
        for helper in helpers:
            helper.result()
    return merge([tallies_of(plan, record) for _, record in parts]), not stopped


def _coupled(plan: Plan, progress: Progress, trace: int) -> tuple[Tallies, bool]:
    end = plan.numbers.end
    rows, record = np.zeros(plan.devices, ROW), new_tallies(plan, trace)
    schedule, log, server, numbers = new_schedule(plan), new_log(), new_server(plan), plan.record()
    queue = new_queue(plan.devices)
    length = window_length(plan)
    low, shown = 0.0, 0.0
    try:
        for first in range(0, plan.devices, 100_000):
            begin_coupled(numbers, rows, record, queue.at, first, min(100_000, plan.devices - first))
        while low < end:
            run_window(numbers, rows, record, server, log, schedule, queue, low, low + length)
            low += length
            if low - shown >= end / PIECES:
                shown = low
                if not progress(min(1.0, low / end), int(record["totals"].sum())):
                    return tallies_of(plan, record), False
    except KeyboardInterrupt:
        return tallies_of(plan, record), False
    return tallies_of(plan, record), True


def new_queue(devices: int) -> Queue:
    """An empty queue for so many devices."""
    return Queue(
        np.full(devices, np.inf),
        np.zeros(devices, np.int32),
        np.zeros(devices + 1),
        np.zeros(devices + 1, np.int32),
        np.zeros(max(2, devices // 4) + 1, np.int32),
        np.zeros(1, np.int64),
    )


def window_length(plan: Plan) -> float:
    """The length that costs least: short windows look at every device too often, long ones use the heap too much.

    Nothing depends on it but time.
    """
    cohorts, counts = plan.numbers.cohorts, plan.numbers.kinds[:, K_COUNT]
    shortest = cohorts[:, C_PERIOD] * (1.0 - cohorts[:, C_JITTER] / 2.0)

    def cost(length: float) -> float:
        scans = float(counts.sum()) / length
        heaped = float((counts / cohorts[:, C_PERIOD] * (shortest < length)).sum())
        return scans + 50.0 * heaped

    least = plan.numbers.end / MAX_WINDOWS
    best = min((max(float(item), least, 1.0) for item in shortest), key=cost)
    return min(best, plan.numbers.end)
