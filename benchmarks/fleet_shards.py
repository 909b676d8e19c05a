"""A fleet in ranges on Dask workers against the same engine in one process; 1 and 2 workers, their start counted apart.

Run `python -m benchmarks.fleet_shards [--devices 1000000] [--rounds 5]`.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

from benchmarks.measuring import interleaved, print_table
from simulator.fleet import compiled, shards
from simulator.fleet.cluster import Cluster, opened
from simulator.fleet.description import Fleet
from simulator.fleet.plan import COUNTED, World, plan_of
from simulator.fleet.reading import read_example


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    example = read_example("million-day")
    cohort = example.cohorts[0].model_copy(update={"count": asked.devices})
    fleet = example.model_copy(update={"cohorts": (cohort,)})
    expected = plan_of(fleet)
    compiled.prepare(expected)
    compiled.simulate(expected, threads=1)
    starts: list[float] = []
    began = time.perf_counter()
    with opened(1) as one:
        starts.append(time.perf_counter() - began)
        began = time.perf_counter()
        with opened(2) as two:
            starts.append(time.perf_counter() - began)
            results = interleaved(
                {
                    "one process, 1 thread": timed(fleet, expected, lambda world: compiled.simulate(world, threads=1)),
                    "one process, 2 threads": timed(fleet, expected, lambda world: compiled.simulate(world, threads=2)),
                    "1 Dask worker": timed(fleet, expected, on(one, fleet)),
                    "2 Dask workers": timed(fleet, expected, on(two, fleet)),
                },
                asked.rounds,
            )
    milliseconds = {name: [value * 1000 for value in values] for name, values in results.items()}
    title = f"{asked.devices:,} devices for {fleet.duration / 3600:g} h, every count the same"
    print_table(title, "ms", milliseconds, "one process, 1 thread")
    print(f"beside that, starting: 1 worker {starts[0]:.1f} s, 2 workers {starts[1]:.1f} s")
    print(f"overhead of one worker: {statistics.median(results['1 Dask worker']) / baseline(results) - 1:+.0%}")


def baseline(results: dict[str, list[float]]) -> float:
    """The median of the plain engine with one thread."""
    return statistics.median(results["one process, 1 thread"])


def on(pool: Cluster, fleet: Fleet) -> Callable[[World], object]:
    """Simulate on a cluster."""
    return lambda world: shards.simulate(fleet, world, pool)


def timed(fleet: Fleet, expected: World, simulate: Callable[[World], object]) -> Callable[[], float]:
    """Seconds of one simulation; stops when a count differs."""

    def once() -> float:
        world = plan_of(fleet)
        began = time.perf_counter()
        simulate(world)
        took = time.perf_counter() - began
        for name in COUNTED:
            if not np.array_equal(getattr(world, name), getattr(expected, name)):
                raise SystemExit(f"{name} differs from what one process counts")
        return took

    return once


if __name__ == "__main__":
    main()
