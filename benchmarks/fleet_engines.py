"""Both fleet engines against the bare SimPy poll loop, in one run; and how the compiled engine grows.

Run `python -m benchmarks.fleet_engines [--devices 1000] [--hours 24] [--rounds 5] [--growth]`. Seconds are those of the
processor, on one thread, so that others on the machine disturb little.

The bare loop is the least that SimPy can do: one process a device that waits from poll to poll, with a generator of
`random`, and compares a version. It has one event a poll, and so has a device at rest with the real agent; with a WFM
that has a queue there is a second, the server's. So the engines are compared by polls and by events, with two revisions
that are rolled out (some thirty more events a device, each with the agent's whole work) and with none.
"""

import argparse
import random
import time
from collections.abc import Generator
from functools import partial
from typing import Any

import simpy

from benchmarks.measuring import ROUNDS, interleaved, print_table
from simulator.fleet import compiled, model, simpy_engine
from simulator.fleet.description import Fleet
from simulator.fleet.plan import plan_of

HOUR = 3600.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=1_000)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--growth", action="store_true", help="also 10k, 100k and 1M devices, and 6, 12 and 24 hours")
    chosen = parser.parse_args()
    compare(chosen.devices, chosen.hours, chosen.rounds)
    if chosen.growth:
        growth(chosen.rounds)


def fleet_of(devices: int, hours: float, *, servers: int | None = None, revisions: str = "23") -> Fleet:
    """Devices that poll every minute, and what is rolled out."""
    wave = [{"at": hours * HOUR * 0.3}], [{"at": hours * HOUR * 0.6}]
    return Fleet.model_validate(
        {
            "duration": hours * HOUR,
            "cohorts": [{"name": "gateways", "count": devices, "application": "monitor"}],
            "applications": [{"name": "monitor", "revisions": [{"name": "1"}, {"name": "2"}, {"name": "3"}]}],
            "rollouts": [
                {"application": "monitor", "revision": revision, "waves": waves}
                for revision, waves in zip(revisions, wave, strict=False)
            ],
            "wfm": {"servers": servers, "queue_limit": devices},
        }
    )


def compare(devices: int, hours: float, rounds: int) -> None:
    """Polls and events per second of the bare loop and of the engines."""
    variants = {
        "bare SimPy loop": partial(bare, devices, hours),
        "SimPy engine (real agent)": partial(real, devices, hours, None),
        "SimPy engine, nothing rolled out": partial(real, devices, hours, None, ""),
        "SimPy engine, WFM with a queue": partial(real, devices, hours, 8),
        "compiled engine": partial(fast, devices, hours, None),
        "compiled engine, WFM with a queue": partial(fast, devices, hours, 8),
    }
    events: dict[str, list[float]] = {}

    def measured(name: str) -> float:
        polls, seconds, count = variants[name]()
        if count:
            events.setdefault(name, []).append(count / seconds)
        return polls / seconds

    for engine in ("compiled engine", "compiled engine, WFM with a queue"):
        variants[engine]()  # compiled before anything is measured
    results = interleaved({name: partial(measured, name) for name in variants}, rounds)
    title = f"{devices:,} devices, {hours:.2f} h, polls every minute"
    print_table(title, "polls/s", results, "bare SimPy loop")
    print_table(title, "SimPy events/s", events, "bare SimPy loop")


def bare(devices: int, hours: float) -> tuple[int, float, int]:
    """Polls, seconds and events of the least that SimPy can do."""
    env = simpy.Environment()
    state: dict[str, int] = {"version": 0, "polls": 0}
    chance = random.Random(1)  # noqa: S311 - no secret

    def device() -> Generator[simpy.Event, Any, None]:
        yield env.timeout(60.0 * chance.random())
        version = 0
        while True:
            state["polls"] += 1
            if version != state["version"]:
                version = state["version"]
            yield env.timeout(54.0 + 12.0 * chance.random())

    for _ in range(devices):
        env.process(device())
    began = time.process_time()
    for part in (0.3, 0.6, 1.0):
        env.run(until=hours * HOUR * part)
        state["version"] += 1
    return state["polls"], time.process_time() - began, state["polls"] + devices


def real(devices: int, hours: float, servers: int | None, revisions: str = "23") -> tuple[int, float, int]:
    """Polls, seconds and events of the SimPy engine, without the making of devices, as in the bare loop."""
    fleet = fleet_of(devices, hours, servers=servers, revisions=revisions)
    world = plan_of(fleet)
    engine = simpy_engine.Engine(fleet, world)
    began = time.process_time()
    engine.run()
    seconds = time.process_time() - began
    return _polls(world), seconds, next(engine.env._eid)  # noqa: SLF001 - events are numbered


def fast(devices: int, hours: float, servers: int | None) -> tuple[int, float, int]:
    """Polls and seconds of the compiled engine, on one thread."""
    world = plan_of(fleet_of(devices, hours, servers=servers))
    began = time.process_time()
    compiled.simulate(world, threads=1)
    return _polls(world), time.process_time() - began, 0


def _polls(world: Any) -> int:
    return int(world.rates[[model.UNCHANGED, model.CHANGED, model.OLDER]].sum())


def growth(rounds: int) -> None:
    """How the compiled engine's time grows with devices and hours; the WFM grows with the devices, to carry them."""
    for who, shared in (("devices on their own", False), ("one WFM with a queue", True)):
        variants = {}
        for devices, hours in ((10_000, 6.0), (100_000, 6.0), (1_000_000, 6.0), (100_000, 12.0), (100_000, 24.0)):
            servers = max(1, devices // 12_500) if shared else None
            compiled.prepare(plan_of(fleet_of(devices, hours, servers=servers)))
            variants[f"{devices:,} devices, {hours:.0f} h"] = partial(_each, devices, hours, servers)
        title = f"Compiled engine, {who}, CPU time of a poll"
        print_table(title, "nanoseconds", interleaved(variants, rounds), "100,000 devices, 6 h")


def _each(devices: int, hours: float, servers: int | None) -> float:
    """Nanoseconds of a poll."""
    polls, seconds, _ = fast(devices, hours, servers)
    return seconds * 1e9 / polls


if __name__ == "__main__":
    main()
