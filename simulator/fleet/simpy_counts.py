"""What chance has in store for a device of the SimPy engine, and what is counted of it."""

from typing import TYPE_CHECKING

from simulator.fleet import model
from simulator.fleet.simulated_wfm import Exchange

if TYPE_CHECKING:
    from simulator.fleet.simpy_engine import Engine


class Counting:
    """A device by its number, its cohort, and the newest desired state that it ran (`adopted`)."""

    __slots__ = ("_draws", "_engine", "adopted", "cohort", "number")

    def __init__(self, engine: "Engine", number: int, cohort: int) -> None:
        self._engine, self.number, self.cohort = engine, number, cohort
        self._draws = self.adopted = 0

    def _chance(self, purpose: int, n: int) -> float:
        return float(model.uniform(self._engine.seed, self.number, purpose, n))

    def _random(self) -> float:
        """What the agent leaves to chance."""
        self._draws += 1
        return self._chance(model.AGENT, self._draws)

    def count(self, column: int) -> None:
        """Count something that is told for each cohort."""
        self._engine.world.tally[self.cohort, column] += 1

    def count_request(self, exchange: Exchange, what: int) -> None:
        """Count a request by its outcome."""
        world = self._engine.world
        world.rates[what, int(exchange.sent * self._engine.per_us)] += 1
        world.tally[self.cohort, model.BYTES] += exchange.size

    def adopt(self, code: int) -> None:
        """A version runs for the first time."""
        engine = self._engine
        self.adopted = code
        self.tell(model.ADOPTED, code)
        if code % 2 == 0:
            engine.world.adopted[engine.wfm.wave_of(self, code), int(int(engine.env.now) * engine.per_us)] += 1

    def tell(self, what: int, about: int, n: int = 0, at: int | None = None) -> None:
        """Write a line of the trace while there is room."""
        world, now = self._engine.world, int(self._engine.env.now)
        if world.marks[0] < len(world.trace):
            world.trace[world.marks[0]] = (self.number, n, now if at is None else at, what, about)
            world.marks[0] += 1

    def count_late(self, exchange: Exchange) -> None:
        """Count a request as one that got no answer, in place of what the WFM took it for."""
        world = self._engine.world
        world.rates[exchange.kind, int(exchange.sent * self._engine.per_us)] -= 1
        world.tally[self.cohort, model.BYTES] -= exchange.size
        exchange.kind, exchange.size = model.LOST, 0
        self.count_request(exchange, model.LOST)
