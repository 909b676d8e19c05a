"""A calendar queue calls everybody in order of (time, number), whatever lies together, apart or after the end."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.fleet.calendar_queue import Calendar, calendar_of, call, left, place

END = 1_000_000
AGAIN = (2_000, 30_000)


def write(queue: Calendar, at: int, number: int) -> None:
    entry = queue.entries[place(queue, at)]
    entry["at"], entry["number"] = at, number


def called(queue: Calendar, wait: int = 0) -> Iterator[tuple[int, int]]:
    """Everybody in turn; who is called comes again after so long, if there is a wait."""
    width = 1 << int(queue.limits[0])
    for slot in range(-(-END // width)):
        size = call(queue, slot)
        now = [(int(entry["at"]), int(entry["number"])) for entry in queue.called[:size]]
        for at, number in now:
            if wait:
                write(queue, at + wait, number)
        yield from now


def calendar(devices: int) -> Calendar:
    return calendar_of(devices, AGAIN[1] / devices, AGAIN, END)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, END * 2) | st.integers(0, 50) | st.just(700_000), min_size=1, max_size=300))
def test_all_are_called_in_order_and_those_after_the_end_are_left(times: list[int]) -> None:
    queue = calendar(len(times))
    for number, at in enumerate(times):
        write(queue, at, number)
    everybody = sorted((at, number) for number, at in enumerate(times))
    assert list(called(queue)) == [pair for pair in everybody if pair[0] < END]
    count = left(queue)
    assert sorted(queue.called["number"][:count]) == sorted(number for at, number in everybody if at >= END)


@pytest.mark.parametrize("spread", [1, 40, 1500], ids=["at once", "in few moments", "in a slot"])
def test_a_crowd_is_called_in_order(spread: int) -> None:
    queue = calendar(20_000)
    times = np.random.default_rng(1).integers(500_000, 500_000 + spread, 20_000)
    for number in range(20_000):
        write(queue, int(times[number]), number)
    assert list(called(queue)) == sorted((int(at), number) for number, at in enumerate(times))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 30_000), min_size=1, max_size=100), st.sampled_from([2_000, 17_000, 29_999, 400_000]))
def test_those_who_come_again_find_room_for_ever(starts: list[int], wait: int) -> None:
    queue = calendar(len(starts))
    for number, at in enumerate(starts):
        write(queue, at, number)
    every = [(t, number) for number, at in enumerate(starts) for t in range(at, END, wait)]
    assert list(called(queue, wait)) == sorted(every)
    assert left(queue) == len(starts)
