"""Polls of devices at rest: nearly everything that ever happens in a fleet.

An agent at rest polls, nothing is new, and it polls again after the distance that its settings and chance give. So
neither it nor its device is touched: one event stands for them, is used again from poll to poll, and has the distances
of the next polls made ahead by the agent's own rule. They hear of their polls when something else comes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import simpy

from simulator.device.settings import AgentSettings, regular_distance
from simulator.fleet import model

if TYPE_CHECKING:
    from simulator.fleet.simpy_device import Device
    from simulator.fleet.simulated_wfm import Exchange

PAGE = 64
"""Distances that are made at once."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What all devices of a cohort have in common that poll and find nothing new. Times are in microseconds.

    `service`: what an answer takes the WFM, and `took`: a poll with its way back, where those never vary, else 0.
    `polls`: how many, by time.
    """

    env: simpy.Environment
    settings: AgentSettings
    seed: int
    service: int
    took: int
    per_us: float
    duration: int
    traced: bool
    polls: list[int]

    def distances(self, number: int, draws: int) -> Sequence[int]:
        """From answers to the polls after them, of a device whose agent has left so much to chance; a page of them."""
        chances = model.uniforms(self.seed, number, model.AGENT, draws + 1, PAGE)
        seconds = regular_distance(self.settings, chances)  # calculates with many as with one
        return np.broadcast_to(seconds * 1e6 + 0.5, PAGE).astype(np.int64).data


class Resting(simpy.Event):
    """The next poll of a device, at `at`; until `until` nothing else comes, and every answer takes the same time.

    `polls` were answered since the device heard of any, at the distances of `page`. `exchange`: of its polls, one after
    the other, with a WFM that has a queue.
    """

    _ok, _value = True, None

    def __init__(self, device: "Device", pace: Pace) -> None:
        self.callbacks = []
        self.device, self.pace, self.priority = device, pace, device.number * 16 + model.POLL_TIMER
        self.at = self.until = self.polls = 0
        self.page: Sequence[int] = ()
        self.exchange: Exchange | None = None

    def wait(self, now: int, at: int) -> None:
        """Poll at a time, if the simulation lasts so long."""
        self.at = at
        if at < self.pace.duration:
            self.callbacks = _POLL
            self.pace.env.schedule(self, self.priority, at - now)  # type: ignore[arg-type] # any number orders

    def again(self, now: int, answer: int) -> None:
        """The poll is answered unchanged: the device polls once more."""
        if self.polls == len(self.page):
            self.device.hear_of_polls()
            self.page = self.device.distances()
        self.polls += 1
        self.wait(now, answer + self.page[self.polls - 1])


def _poll(event: Any) -> None:
    """Poll, as `Device.poll` does where nothing varies, in fewer steps and without the device."""
    now, pace = event.at, event.pace
    if now >= event.until:
        event.device.poll(event)
        return
    pace.polls[int(now * pace.per_us)] += 1
    if pace.traced:
        event.device.tell(model.UNCHANGED, now + pace.service, event.device.polled + 1, now)
    event.again(now, now + pace.took)


_POLL: list[Callable[[Any], None]] = [_poll]
