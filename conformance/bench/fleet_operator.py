"""An operator for a live fleet: carries the description's rollouts out at the WFM, wave by wave, while the fleet runs.

Through any northbound adapter. A device gets its deployment once the WFM knows it; a rollout stops when too many of its
installations failed, and is taken back where the description says so.
"""

import base64
import hashlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from conformance.bench.errors import Blocked
from conformance.bench.northbound import Northbound, NorthboundError
from simulator.fleet.description import Fleet
from simulator.fleet.description import Rollout as Described
from simulator.fleet.live.driver import Progress
from simulator.fleet.live.naming import packaged
from simulator.fleet.live.plan import LivePlan
from simulator.fleet.live.schedule import wave_chance
from simulator.protocol.application import DESCRIPTION_FILE, parse_description
from simulator.protocol.documents import dump_yaml
from simulator.wfm.packages import Package

PADDING_LIMIT = 64 * 1024
"""Revisions are made as large as the description has them up to so many bytes: a WFM keeps each device's document."""
_TICK_S = 0.2


@dataclass(frozen=True, slots=True)
class Step:
    """Something the operator did: what, for how many devices, how many calls failed, and how one of them did."""

    at_s: float
    until_s: float
    what: str
    rollout: str
    devices: int
    failed: int = 0
    example: str = ""


@dataclass(slots=True)
class _Wave:
    """A wave, what is to be done for it still, and what was."""

    rollout: int
    at_s: float
    number: int
    todo: set[int]
    begun_s: float | None = None
    last_s: float = 0.0
    done: int = 0
    failed: int = 0
    example: str = ""


@dataclass(slots=True)
class _State:
    now_s: float = 0.0
    known: dict[int, str] = field(default_factory=dict)
    results: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    ended: bool = False


class FleetOperator:
    """Acts in a thread of its own between `start` and `finish`; `hear` and `announced` tell it how the fleet goes."""

    def __init__(self, fleet: Fleet, plan: LivePlan, northbound: Northbound) -> None:
        self._fleet, self._plan, self._northbound = fleet, plan, northbound
        self._packaged = packaged(fleet)
        self._state = _State()
        self._stirred = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="operator", daemon=True)
        self._deployed: dict[tuple[str, int], str] = {}
        self._waves = list(self._planned())
        self._paused: dict[int, float] = {}
        self._rolled_back: list[Step] = []
        self._broken: str | None = None
        self._defect: Exception | None = None

    def bring_packages(self) -> None:
        """Make and upload a package for each revision of the rollouts. Raises NorthboundError, Blocked."""
        wanted = dict.fromkeys(
            (rollout.application, revision)
            for number, rollout in enumerate(self._fleet.rollouts)
            for revision in (self._previous(number), rollout.revision)
        )
        for application, revision in wanted:
            archive = package_of(self._fleet, application, revision).to_archive()
            self._northbound.upload(*self._packaged[application, revision], archive)

    def start(self) -> None:
        """Begin to act."""
        self._thread.start()

    def hear(self, progress: Progress) -> None:
        """Take note of how far the run is."""
        with self._stirred:
            self._state.now_s, self._state.results = progress.at_s, dict(progress.results)
            self._stirred.notify()

    def announced(self, clients: Mapping[int, str]) -> None:
        """Take note of devices that the WFM knows from now on."""
        with self._stirred:
            self._state.known.update(clients)
            self._stirred.notify()

    def finish(self) -> None:
        """End acting, and close the way to the WFM; a call that is under way is waited for."""
        with self._stirred:
            self._state.ended = True
            self._stirred.notify()
        if self._thread.ident is not None:
            self._thread.join()
        self._northbound.close()
        if self._defect is not None:
            raise self._defect

    def paused_at(self, rollout: int) -> float | None:
        """When a rollout was stopped by its failures."""
        return self._paused.get(rollout)

    @property
    def steps(self) -> tuple[Step, ...]:
        """What was done, in order."""
        done = [
            Step(wave.begun_s, wave.last_s, f"wave {wave.number}", self._name(wave.rollout), wave.done, wave.failed,
                 wave.example)
            for wave in self._waves
            if wave.begun_s is not None
        ]  # fmt: skip
        paused = [Step(at, at, "paused", self._name(number), 0) for number, at in self._paused.items()]
        return tuple(sorted([*done, *paused, *self._rolled_back], key=lambda step: step.at_s))

    @property
    def left_undone(self) -> tuple[str, ...]:
        """What could not be done, in words."""
        told = [self._broken] if self._broken else []
        for wave in self._waves:
            name = f"{self._name(wave.rollout)}, wave {wave.number}"
            if wave.rollout in self._paused:
                continue
            if wave.begun_s is not None and wave.todo:
                told.append(f"{name}: {len(wave.todo)} devices got nothing: the WFM did not know them, or time was up")
            if wave.failed:
                told.append(f"{name}: the WFM did not take {wave.failed} of {wave.done + wave.failed}: {wave.example}")
        return tuple(told)

    # --- inside ------------------------------------------------------------------------------------------

    def _planned(self) -> Iterator[_Wave]:
        for number, (rollout, parts) in enumerate(zip(self._fleet.rollouts, self._plan.rollouts, strict=True)):
            members = list(self._members(rollout))
            for index, wave in enumerate(rollout.waves):
                low, high = parts.waves[index]
                chosen = {one for one in members if low <= wave_chance(self._plan.seed, one, number) < high}
                yield _Wave(number, wave.at, index + 1, chosen)

    def _members(self, rollout: Described) -> Iterator[int]:
        first = 0
        for cohort in self._fleet.cohorts:
            if cohort.application == rollout.application:
                yield from range(first, first + cohort.count)
            first += cohort.count

    def _run(self) -> None:
        try:
            while True:
                with self._stirred:
                    self._stirred.wait(_TICK_S)
                    if self._state.ended:
                        return
                self._act()
        except Blocked as error:
            self._broken = f"the operator's side gave up: {error}"
        except Exception as error:  # noqa: BLE001 - a defect of ours; raised again where it is seen
            self._defect = error

    def _act(self) -> None:
        for wave in self._waves:
            self._pause(wave.rollout)
            if wave.at_s <= self._state.now_s and wave.rollout not in self._paused:
                self._carry_out(wave)

    def _carry_out(self, wave: _Wave) -> None:
        """Deploy to those of the wave that the WFM knows; the others have their turn later."""
        rollout = self._fleet.rollouts[wave.rollout]
        with self._stirred:
            ready = sorted(wave.todo & self._state.known.keys())
        for number, device in enumerate(ready):
            if self._state.ended or (number % 20 == 0 and self._pause(wave.rollout)):
                return
            if wave.begun_s is None:
                wave.begun_s = self._state.now_s
            wave.todo.discard(device)
            error = self._give(device, rollout.application, rollout.revision)
            wave.last_s = self._state.now_s
            wave.done += error is None
            wave.failed += error is not None
            wave.example = wave.example or (error or "")

    def _give(self, device: int, application: str, revision: str) -> str | None:
        """Have a device run a revision; gives why it could not be done. Raises Blocked."""
        made = self._deployed.get((application, device))
        id_, version = self._packaged[application, revision]
        try:
            if made is not None:
                self._northbound.update(made, version, None)
            else:
                client, own = self._state.known[device], self._plan.client_id(device)
                made = self._northbound.deploy(client, own, id_, version, {})
                self._deployed[application, device] = made
        except NorthboundError as error:
            return str(error)
        return None

    def _pause(self, number: int) -> bool:
        """Stop a rollout that failed too often, and take it back where that is wanted; whether it is stopped."""
        if number in self._paused:
            return True
        rollout = self._fleet.rollouts[number]
        results, key = self._state.results, (rollout.application, rollout.revision)
        good, bad = results.get((*key, "installed"), 0), results.get((*key, "failed"), 0)
        gate = rollout.pause
        if gate is None or good + bad < gate.minimum or bad <= gate.failure_rate * (good + bad):
            return False
        self._paused[number] = self._state.now_s
        if gate.rollback:
            self._roll_back(number, rollout)
        return True

    def _roll_back(self, number: int, rollout: Described) -> None:
        began, failed, done, example = self._state.now_s, 0, 0, ""
        waves = [wave for wave in self._waves if wave.rollout == number and wave.begun_s is not None]
        left = {device for wave in waves for device in wave.todo}
        reached = [device for device in self._members(rollout) if (rollout.application, device) in self._deployed]
        for device in reached:
            if self._state.ended:
                break
            if device in left or not self._in_waves(waves, device):
                continue
            error = self._give(device, rollout.application, self._previous(number))
            failed, done = failed + (error is not None), done + (error is None)
            example = example or (error or "")
        until = self._state.now_s
        self._rolled_back.append(Step(began, until, "rolled back", self._name(number), done, failed, example))

    def _in_waves(self, waves: list[_Wave], device: int) -> bool:
        if not waves:
            return False
        number = waves[0].rollout
        chance = wave_chance(self._plan.seed, device, number)
        parts = self._plan.rollouts[number].waves
        return any(parts[wave.number - 1][0] <= chance < parts[wave.number - 1][1] for wave in waves)

    def _previous(self, number: int) -> str:
        """The revision that a rollout replaces: that of the rollout before it, or the application's first."""
        rollout = self._fleet.rollouts[number]
        before = [one.revision for one in self._fleet.rollouts[:number] if one.application == rollout.application]
        application = next(item for item in self._fleet.applications if item.name == rollout.application)
        return before[-1] if before else application.revisions[0].name

    def _name(self, number: int) -> str:
        rollout = self._fleet.rollouts[number]
        return f"{rollout.application} {rollout.revision}"


def package_of(fleet: Fleet, application: str, revision: str) -> Package:
    """Make a package for a revision of the description, about as large as it says."""
    id_, version = packaged(fleet)[application, revision]
    known = next(item for item in fleet.applications if item.name == application)
    size = next(item.bytes for item in known.revisions if item.name == revision)
    properties = {"repository": f"oci://registry.fleet.example/{id_}", "revision": version}
    padding = {"value": _padding(f"{application} {revision}", min(size, PADDING_LIMIT))}
    document = {
        "apiVersion": "v1",
        "id": id_,
        "metadata": {
            "name": application,
            "version": version,
            "description": "Made from a fleet's description.",
            "catalog": {"organization": [{"name": "Fleet", "site": "https://fleet.example"}]},
        },
        "deploymentProfiles": [
            {
                "type": kind,
                "id": f"{id_}-{kind}",
                "components": [{"name": "main", "properties": dict(properties)}],
            }
            for kind in ("helm", "compose")
        ],
        "parameters": {"padding": {**padding, "targets": [{"pointer": "padding", "components": ["main"]}]}},
    }
    data = dump_yaml(document)
    return Package(parse_description(data), document, {DESCRIPTION_FILE: data})


def _padding(key: str, size: int) -> str:
    """Text that compresses to about so many bytes, the same for the same key."""
    return base64.b64encode(hashlib.shake_256(key.encode()).digest(max(1, size))).decode()
