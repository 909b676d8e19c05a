"""What a device does with its deployments: how they are installed, tried again and removed, and what it says of it.

The states that are told are those that the agent (`simulator.device`) tells: `pending` and `installing` for each try,
`installed` alone where the wanted revision runs already, and with a failed update the manifest version of the revision
that runs on (ST-021). Nothing is installed.
"""

from collections.abc import Iterable

from simulator.fleet.live.agenda import Agenda, Report
from simulator.fleet.live.artefacts import Deployed
from simulator.fleet.live.line import Office
from simulator.fleet.live.schedule import Schedule, wave_chance
from simulator.fleet.live.tally import FAILURES, GAVE_UP
from simulator.protocol.status import State

Key = tuple[str, str]
"""An application and its revision as the fleet's description names them."""


class Installer:
    """Of one device: puts what follows on its agenda."""

    __slots__ = ("_agenda", "_installs", "_number", "_office", "_reached", "_runs", "_schedule", "_verdicts")

    def __init__(self, office: Office, number: int, schedule: Schedule, agenda: Agenda) -> None:
        self._office, self._number, self._schedule, self._agenda = office, number, schedule, agenda
        self._installs = 0
        self._runs: dict[str, tuple[Deployed, int]] = {}
        self._reached: frozenset[Key] = frozenset()
        self._verdicts: dict[Key, State | None] = {}

    # --- what is wanted ----------------------------------------------------------------------------------

    def want(self, deployed: Deployed, version: int) -> None:
        """Bring a deployment to what a manifest wants, whatever of it is under way."""
        self._agenda.drop_work(deployed.deployment_id)
        self._verdicts.setdefault(self._described(deployed))
        now = self._office.now()
        if self._is_whole(deployed):
            self._runs[deployed.deployment_id] = deployed, version
            self._agenda.put(now, "report", (deployed, version, State.INSTALLED))
        else:
            self._try(deployed, version, 1, now)

    def remove(self, deployed: Deployed, version: int) -> None:
        """Remove a deployment that no manifest names any more."""
        self._agenda.drop_work(deployed.deployment_id)
        self._runs.pop(deployed.deployment_id, None)
        now = self._office.now()
        self._agenda.put(now, "report", (deployed, version, State.REMOVING))
        self._agenda.put(now + self._draw(deployed)[1], "report", (deployed, version, State.REMOVED))

    def keep(self, deployed: Deployed, version: int) -> None:
        """A newer manifest wants the same of a deployment."""
        if self._is_whole(deployed):
            self._runs[deployed.deployment_id] = deployed, version

    def drift(self, wanted: Iterable[Deployed], version: int) -> bool:
        """What runs as wanted is found not to, and is installed anew; False where nothing does."""
        drifted = [deployed for deployed in wanted if self._is_whole(deployed)]
        for deployed in drifted:
            del self._runs[deployed.deployment_id]
            self._install(deployed, version, 1, self._office.now())
        return bool(drifted)

    def go_on(self, deployed: Deployed, version: int, on_at: float) -> None:
        """Begin anew what was cut off, once the device is back."""
        draw, takes_s = self._draw(deployed)
        self._agenda.put(on_at + takes_s, "finish", (deployed, version, 1, draw))

    def _is_whole(self, deployed: Deployed) -> bool:
        running = self._runs.get(deployed.deployment_id)
        return running is not None and running[0].digest == deployed.digest

    # --- tries -------------------------------------------------------------------------------------------

    def finish(self, deployed: Deployed, version: int, number: int, draw: int) -> Report:
        """A try comes to its end: the deployment runs, or has failed and is tried again, unless it is given up.

        Gives what is to be reported.
        """
        how = self._schedule.installing(*self._described(deployed))
        if not self._schedule.fails(how, draw):
            self._runs[deployed.deployment_id] = deployed, version
            self._reach(deployed)
            return deployed, version, State.INSTALLED
        self._count(FAILURES)
        if how.tries is None or number < how.tries:
            wait = self._schedule.install_wait_s(how, number)
            self._try(deployed, version, number + 1, self._office.now() + wait)
        else:
            self._count(GAVE_UP)
        _, held = self._runs.get(deployed.deployment_id, (deployed, version))
        return deployed, held, State.FAILED

    def _try(self, deployed: Deployed, version: int, number: int, at: float) -> None:
        """Begin a try at a time, and tell that it is about to begin."""
        self._agenda.put(at, "report", (deployed, version, State.PENDING))
        self._install(deployed, version, number, at)

    def _install(self, deployed: Deployed, version: int, number: int, at: float) -> None:
        draw, takes_s = self._draw(deployed)
        self._agenda.put(at, "report", (deployed, version, State.INSTALLING))
        self._agenda.put(at + takes_s, "finish", (deployed, version, number, draw))

    def _draw(self, deployed: Deployed) -> tuple[int, float]:
        """The number of the next chance, and how long an installation takes by it."""
        self._installs += 1
        how = self._schedule.installing(*self._described(deployed))
        return self._installs, self._schedule.takes_s(how, self._installs)

    # --- counts ------------------------------------------------------------------------------------------

    def heard(self, deployed: Deployed, state: State) -> None:
        """The WFM took a report: the device counts for its revision by what it reported last.

        Of a revision that it went back to after another it counts as before it left it, as in a simulation.
        """
        key = self._described(deployed)
        newest = next((known for known in reversed(self._verdicts) if known[0] == key[0]), None)
        if state not in (State.INSTALLED, State.FAILED) or key != newest or self._verdicts[key] is state:
            return
        self._office.tally.judged(*key, state, self._verdicts[key])
        self._verdicts[key] = state

    def _reach(self, deployed: Deployed) -> None:
        """Count the device for its wave when a revision that is rolled out runs on it for the first time."""
        key, plan = self._described(deployed), self._office.plan
        if key in self._reached:
            return
        self._reached |= {key}
        for number, rollout in enumerate(plan.rollouts):
            if (rollout.application, rollout.revision) == key:
                wave = rollout.wave_of(wave_chance(plan.seed, self._number, number))
                if wave is not None:
                    self._office.tally.second(self._office.now()).reached[number, wave] += 1

    def _described(self, deployed: Deployed) -> Key:
        key = (deployed.application, deployed.revision)
        return self._office.plan.described.get(key, key)

    def _count(self, what: str) -> None:
        self._office.tally.groups[self._schedule.cohort.name][what] += 1
