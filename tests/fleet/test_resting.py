"""The agent's short cut for an unchanged poll leaves the same agent as the long way."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simulator.device.agent import Agent
from simulator.device.events import Effect, ResponseArrived, Send, SetTimer, Started, TimerFired
from simulator.device.facts import DeviceFacts, default_capabilities
from simulator.device.settings import AgentSettings, regular_distance


def resting(jitter: float) -> Agent:
    """An agent that has reported its capabilities and polled once."""
    chances = iter(n * 0.37 % 1.0 for n in range(1, 1000))
    settings = AgentSettings(poll_jitter=jitter, drift_interval_s=0.0)
    agent = Agent(settings, DeviceFacts(default_capabilities("device")), None, lambda: next(chances))
    answer(agent, agent.handle(Started(), 0.0), 201, 0.1)
    poll(agent, 0.1, 0.2)
    return agent


def answer(agent: Agent, effects: list[Effect], status: int, at: float) -> list[Effect]:
    request = next(effect for effect in effects if isinstance(effect, Send))
    return agent.handle(ResponseArrived(request.request_id, status, {}, b""), at)


def poll(agent: Agent, at: float, answered: float) -> float:
    effects = answer(agent, agent.handle(TimerFired("poll"), at), 304, answered)
    return next(effect.delay_s for effect in effects if isinstance(effect, SetTimer) and effect.name == "poll")


@given(jitter=st.sampled_from([0.0, 0.2, 1.5]), times=st.lists(st.floats(0.001, 20), min_size=1, max_size=5))
def test_unchanged_polls_are_the_same_in_one_step(jitter: float, times: list[float]) -> None:
    short, long = resting(jitter), resting(jitter)
    now = 60.0
    for took in times:
        assert short.rests()
        assert short.regular_distance() == poll(long, now, now + took)
        now += 60.0
    short.polled_unchanged(len(times), long.now)
    assert short.snapshot() == long.snapshot()
    assert (short.now, short.last_contact) == (long.now, long.last_contact)
    assert short.handle(TimerFired("poll"), now) == long.handle(TimerFired("poll"), now)


@given(jitter=st.floats(0.0, 1.9), chances=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=5))
def test_many_distances_are_the_same_at_once(jitter: float, chances: list[float]) -> None:
    settings = AgentSettings(poll_jitter=jitter)
    many: Any = np.array(chances)
    many = np.broadcast_to(regular_distance(settings, many), len(chances))
    assert many.tolist() == [regular_distance(settings, chance) for chance in chances]


def test_an_agent_that_is_told_to_wait_does_not_rest() -> None:
    agent = resting(0.0)
    request = next(effect for effect in agent.handle(TimerFired("poll"), 60.0) if isinstance(effect, Send))
    assert not agent.rests()
    agent.handle(ResponseArrived(request.request_id, 503, {"retry-after": "90"}, b""), 60.5)
    assert not agent.rests()
