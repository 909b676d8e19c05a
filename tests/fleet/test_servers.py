"""The compiled WFM's queue gives what plain bookkeeping gives, whatever requests take and however many servers work."""

from bisect import bisect_right, insort
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from simulator.fleet import servers
from simulator.fleet.description import Fleet
from simulator.fleet.plan import plan_of
from simulator.fleet.views import context_of

ALIKE, MIXED, ANY = st.just(200), st.sampled_from([200, 200, 200, 900]), st.integers(1, 5_000)
REQUESTS = st.tuples(st.sampled_from([1, 30, 3_000]), st.sampled_from([ALIKE, MIXED, ANY])).flatmap(
    lambda kinds: st.lists(st.tuples(st.integers(0, kinds[0]), kinds[1]), min_size=1, max_size=200)
)


class Plain:
    """Servers as a list of when each is free, and the starts of all that ever waited."""

    def __init__(self, count: int, limit: int) -> None:
        self.free, self.starts, self.limit = [0] * count, [0] * 0, limit

    def waiting(self, t: int) -> int:
        return len(self.starts) - bisect_right(self.starts, t)

    def admit(self, t: int, service: int) -> int:
        begins = max(t, self.free[0])
        if begins > t:
            if self.waiting(t) >= self.limit:
                return -1
            insort(self.starts, begins)
        self.free.pop(0)
        insort(self.free, begins + service)
        return begins + service


def wfm(count: int, limit: int) -> tuple[Any, Any]:
    fleet = Fleet.model_validate(
        {
            "cohorts": [{"name": "a", "count": 1, "application": "a"}],
            "applications": [{"name": "a", "revisions": [{"name": "1"}]}],
            "wfm": {"servers": count, "queue_limit": limit},
        }
    )
    context, kept = context_of(plan_of(fleet), limit)
    return context[0], kept


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 9) | st.just(80), st.integers(0, 5) | st.just(1_000), REQUESTS)
def test_requests_are_done_when_plain_bookkeeping_says_so(
    count: int, limit: int, requests: list[tuple[int, int]]
) -> None:
    w, kept = wfm(count, limit)
    plain, t = Plain(count, limit), 0
    for later, service in requests:
        t += later
        assert servers.admit(w, t, service) == plain.admit(t, service)
        assert servers.waiting_now(w) == plain.waiting(t)
        if kept["where"][servers.EARLY]:
            event("servers out of line")


@pytest.mark.parametrize("count", [1, 3])
def test_who_finds_the_queue_full_is_turned_away_and_the_next_is_not(count: int) -> None:
    w, _kept = wfm(count, 1)
    done = [servers.admit(w, 0, 100) for _ in range(count + 2)]
    assert done == [100] * count + [200, -1]
    assert servers.admit(w, 100, 100) == (200 if count > 1 else 300)
