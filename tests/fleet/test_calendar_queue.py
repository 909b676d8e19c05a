"""A calendar queue calls everybody in order of (time, number), whatever lies together, apart or after the end."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.fleet.calendar_queue import calendar_of, call, left, place

END = 1_000_000
AGAIN = (2_000, 30_000)


class Calendar:
    def __init__(self, devices: int) -> None:
        record, self.arrays = calendar_of(devices, AGAIN[1] / devices, AGAIN, END)
        self.queue = record[0]

    def write(self, at: int, number: int) -> None:
        entry = self.arrays["entries"][place(self.queue, at)]
        entry["at"], entry["number"] = at, number

    def called(self, wait: int = 0) -> Iterator[tuple[int, int]]:
        """Everybody in turn; who is called comes again after so long, if there is a wait."""
        width = 1 << int(self.queue["bits"])
        for slot in range(-(-END // width)):
            now = self.first(call(self.queue, slot))
            for at, number in now:
                if wait:
                    self.write(at + wait, number)
            yield from now

    def first(self, size: int) -> list[tuple[int, int]]:
        return [(int(entry["at"]), int(entry["number"])) for entry in self.arrays["called"][:size]]

    def left(self) -> list[tuple[int, int]]:
        return sorted(self.first(left(self.queue)))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, END * 2) | st.integers(0, 50) | st.just(700_000), min_size=1, max_size=300))
def test_all_are_called_in_order_and_those_after_the_end_are_left(times: list[int]) -> None:
    queue = Calendar(len(times))
    for number, at in enumerate(times):
        queue.write(at, number)
    everybody = sorted((at, number) for number, at in enumerate(times))
    assert list(queue.called()) == [pair for pair in everybody if pair[0] < END]
    assert queue.left() == [pair for pair in everybody if pair[0] >= END]


@pytest.mark.parametrize("spread", [1, 40, 1500], ids=["at once", "in few moments", "in a slot"])
def test_a_crowd_is_called_in_order(spread: int) -> None:
    queue = Calendar(20_000)
    times = np.random.default_rng(1).integers(500_000, 500_000 + spread, 20_000)
    for number in range(20_000):
        queue.write(int(times[number]), number)
    assert list(queue.called()) == sorted((int(at), number) for number, at in enumerate(times))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 30_000), min_size=1, max_size=100), st.sampled_from([2_000, 17_000, 29_999, 400_000]))
def test_those_who_come_again_find_room_for_ever(starts: list[int], wait: int) -> None:
    queue = Calendar(len(starts))
    for number, at in enumerate(starts):
        queue.write(at, number)
    every = [(t, number) for number, at in enumerate(starts) for t in range(at, END, wait)]
    assert list(queue.called(wait)) == sorted(every)
    assert len(queue.left()) == len(starts)
