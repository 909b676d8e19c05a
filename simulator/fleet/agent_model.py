"""The compiled engine's model of the agent (`simulator.device`) on a device with one deployment of one component.

Like the agent it is a state machine without I/O: a function takes what happened to a device at `d.at`, sets its timers
(`agent_pace`) and leaves what else is to be done (`sending`, `starting`, `told`) to `device_model`. What the agent
keeps over a power cut is kept, what it forgets is forgotten (`power_off`).

In every function `c` is the device's cohort (`plan.COHORT`), `d` its record (`plan.DEVICE`). Errors: none.
"""

from typing import Any

from numba import njit

from simulator.fleet.agent_pace import (
    MANIFEST,
    NO_ANSWER,
    TALK_ANNOUNCE,
    TALK_FETCH,
    TALK_POLL,
    TALK_STATUS,
    TURNED_AWAY,
    after,
    draw,
    next_regular_poll,
    retry_in,
    schedule_poll,
    succeeded,
    wait_after,
)
from simulator.fleet.model import (
    ANNOUNCE_TIMER,
    DRIFT_DUE,
    FAILING,
    FETCH_TIMER,
    INSTALLATION_END,
    INSTALLATION_TIMEOUT,
    INSTALLED,
    INSTALLING,
    NEVER,
    OUTBOX,
    PENDING,
    REBOOT_DUE,
    RETRY_TIMER,
    START_TIMER,
    STATUS_TIMER,
)
from simulator.fleet.plan import WAITS

APPLY, RESTORE = 0, 1
NOTHING = -1


@njit(cache=True)
def _send(d: Any, talk: Any) -> None:
    d.busy[talk], d.waiting[talk] = 1, 0
    d.sending[d.sends] = talk
    d.sends += 1


# --- status reports --------------------------------------------------------------------------------------


@njit(cache=True)
def _report(d: Any, state: Any) -> None:
    report = d.work_version * 4 + state
    if report == d.reported:
        return
    d.reported = report
    d.told[d.tells] = report
    d.tells += 1
    d.outbox[d.outbox_size] = report
    d.outbox_size += 1
    if d.outbox_size > OUTBOX or d.offline:
        _keep_latest(d)
    _deliver(d)


@njit(cache=True)
def _keep_latest(d: Any) -> None:
    """Leave only the latest report; one that is on its way stays."""
    fixed = 1 if d.busy[TALK_STATUS] else 0
    if d.outbox_size > fixed + 1:
        d.outbox[fixed] = d.outbox[d.outbox_size - 1]
        d.outbox_size = fixed + 1


@njit(cache=True)
def _deliver(d: Any) -> None:
    if not d.waiting[TALK_STATUS]:
        send_report(d)


@njit(cache=True)
def send_report(d: Any) -> None:
    """Send the oldest report."""
    if d.outbox_size and d.ready and not d.busy[TALK_STATUS]:
        _send(d, TALK_STATUS)


@njit(cache=True)
def _reported(c: Any, d: Any) -> None:
    if d.outcome[TALK_STATUS] > TURNED_AWAY:
        succeeded(d, TALK_STATUS)
        d.outbox_size -= 1
        for k in range(d.outbox_size):
            d.outbox[k] = d.outbox[k + 1]
        _deliver(d)
        return
    wait = wait_after(c, d, TALK_STATUS)
    if d.outcome[TALK_STATUS] == NO_ANSWER:
        _keep_latest(d)
    if d.outbox_size:
        retry_in(d, TALK_STATUS, STATUS_TIMER, wait)


# --- applying --------------------------------------------------------------------------------------------


@njit(cache=True)
def _begin(c: Any, d: Any, resumed: Any) -> None:
    """Bring the deployment to its goal, from wherever it is."""
    d.due[INSTALLATION_END] = d.due[INSTALLATION_TIMEOUT] = d.due[RETRY_TIMER] = NEVER
    d.starting = NOTHING
    d.settled = d.kept_old = 0
    d.phase = APPLY
    if d.seen == d.goal:
        d.state = INSTALLED
        _conclude(c, d)
        return
    if not resumed:
        d.state = PENDING
        _report(d, PENDING)
    d.state = INSTALLING
    d.starting = d.goal
    _report(d, INSTALLING)


@njit(cache=True)
def _conclude(c: Any, d: Any) -> None:
    d.held, d.held_version, d.retries = d.goal, d.work_version, 0
    if d.work_version > d.adopted:
        d.adopted = d.work_version
        d.newly = 1
    _report(d, INSTALLED)
    _settle(c, d)


@njit(cache=True)
def _finish_failed(c: Any, d: Any) -> None:
    if d.held != NOTHING and d.held != d.goal:  # noqa: PLR1714 - numba
        d.phase = RESTORE
        if d.seen != d.held:
            d.starting = d.held
            _report(d, FAILING)
        else:
            _finish_restoring(c, d)
        return
    if d.held != d.goal:
        d.held = NOTHING
    _report(d, FAILING)
    _settle(c, d)


@njit(cache=True)
def _finish_restoring(c: Any, d: Any) -> None:
    d.kept_old = d.seen == d.held
    if d.kept_old:
        d.work_version = d.held_version
    else:
        d.held = NOTHING
    _report(d, FAILING)
    _settle(c, d)


@njit(cache=True)
def _settle(c: Any, d: Any) -> None:
    d.settled = 1
    _schedule_retry(c, d)
    _check_reconciled(d)


@njit(cache=True)
def _schedule_retry(c: Any, d: Any) -> None:
    if d.state != FAILING:
        return
    if 0 < c.install_tries <= d.retries + 1:
        d.gave_up = 1
        return
    wait = min(c.install_wait * 2.0 ** min(d.retries, 32), c.install_limit)
    d.retries += 1
    d.due[RETRY_TIMER] = after(d.at, wait)


@njit(cache=True)
def _check_reconciled(d: Any) -> None:
    if not d.reconciled and d.settled:
        d.reconciled, d.etag = 1, d.accepted


@njit(cache=True)
def operation_ended(c: Any, d: Any, failed: Any) -> None:
    """The runtime installed `d.target`, or it failed or took too long."""
    if not failed:
        d.seen = d.target
    if d.phase == RESTORE:
        _finish_restoring(c, d)
    elif failed:
        d.state = FAILING
        _finish_failed(c, d)
    else:
        d.state = INSTALLED
        _conclude(c, d)


@njit(cache=True)
def try_again(c: Any, d: Any) -> None:
    """Another try of what had failed."""
    if d.settled:
        d.work_version = max(d.work_version, d.version)
        _begin(c, d, False)


# --- desired state ---------------------------------------------------------------------------------------


@njit(cache=True)
def _polled(c: Any, d: Any) -> None:
    outcome = d.outcome[TALK_POLL]
    if outcome <= TURNED_AWAY:
        schedule_poll(c, d, wait_after(c, d, TALK_POLL))
        return
    succeeded(d, TALK_POLL)
    code = outcome - MANIFEST
    if code > d.version:
        d.offer = code
        _send(d, TALK_FETCH)
    else:
        next_regular_poll(c, d)


@njit(cache=True)
def _fetched(c: Any, d: Any) -> None:
    if d.outcome[TALK_FETCH] <= TURNED_AWAY:
        wait = wait_after(c, d, TALK_FETCH)
        if d.failures[TALK_FETCH] < c.artefact:
            retry_in(d, TALK_FETCH, FETCH_TIMER, wait)
        else:
            d.offer = 0
            d.due[FETCH_TIMER] = NEVER
            next_regular_poll(c, d)
        return
    succeeded(d, TALK_FETCH)
    _adopt(c, d)
    next_regular_poll(c, d)


@njit(cache=True)
def _adopt(c: Any, d: Any) -> None:
    d.version = d.accepted = d.offer
    d.offer, d.reconciled = 0, 0
    if d.goal == d.offered:
        if not d.kept_old:
            d.work_version = d.version
            if d.held == d.goal:
                d.held_version = d.version
    else:
        d.goal, d.work_version, d.settled, d.retries = d.offered, d.version, 0, 0
        _begin(c, d, False)
    _check_reconciled(d)


# --- capabilities, contact -------------------------------------------------------------------------------


@njit(cache=True)
def _announced(c: Any, d: Any) -> None:
    if d.outcome[TALK_ANNOUNCE] > TURNED_AWAY:
        succeeded(d, TALK_ANNOUNCE)
        if not d.ready:
            d.ready = 1
            schedule_poll(c, d, 0.0)
            _deliver(d)
    else:
        retry_in(d, TALK_ANNOUNCE, ANNOUNCE_TIMER, wait_after(c, d, TALK_ANNOUNCE))


@njit(cache=True)
def _link_restored(d: Any) -> None:
    """Go on at once with what waited only for the link."""
    d.offline = 0
    if d.broken[TALK_STATUS] and not d.busy[TALK_STATUS] and d.outbox_size:
        succeeded(d, TALK_STATUS)
        retry_in(d, TALK_STATUS, STATUS_TIMER, 0.0)
    if d.broken[TALK_ANNOUNCE] and d.waiting[TALK_ANNOUNCE]:
        succeeded(d, TALK_ANNOUNCE)
        retry_in(d, TALK_ANNOUNCE, ANNOUNCE_TIMER, 0.0)


@njit(cache=True)
def answered(c: Any, d: Any, talk: Any) -> None:
    """The request of a conversation ended as `d.outcome` says."""
    d.busy[talk] = 0
    d.broken[talk] = d.outcome[talk] == NO_ANSWER
    if d.broken[talk]:
        d.offline = 1
    elif d.offline:
        _link_restored(d)
    if talk == TALK_POLL:
        _polled(c, d)
    elif talk == TALK_FETCH:
        _fetched(c, d)
    elif talk == TALK_STATUS:
        _reported(c, d)
    else:
        _announced(c, d)


@njit(cache=True)
def started(c: Any, d: Any) -> None:
    """The agent starts with what it had stored, and finds on the machine what was installed."""
    if not d.settled:
        _begin(c, d, True)
    elif d.kept_old or d.state == FAILING:
        _schedule_retry(c, d)
    _check_reconciled(d)
    if c.boot_spread > 0.0:
        d.due[START_TIMER] = after(d.at, c.boot_spread * draw(c, d))
    else:
        announce(d)


@njit(cache=True)
def drifted(c: Any, d: Any) -> None:
    """What ran as wanted does not run any more."""
    d.seen = NOTHING
    _begin(c, d, True)


@njit(cache=True)
def announce(d: Any) -> None:
    """Report the capabilities, first of all."""
    if not d.busy[TALK_ANNOUNCE]:
        _send(d, TALK_ANNOUNCE)


@njit(cache=True)
def poll(d: Any) -> None:
    """Ask for the manifest, unless an update is being fetched."""
    if not d.busy[TALK_POLL] and d.offer == 0:
        _send(d, TALK_POLL)


@njit(cache=True)
def fetch_again(d: Any) -> None:
    """Another try of the bundle."""
    if d.offer and not d.busy[TALK_FETCH]:
        _send(d, TALK_FETCH)


@njit(cache=True)
def power_off(d: Any) -> None:
    """Everything that only the running agent knew is gone."""
    for k in range(WAITS):
        if k not in (REBOOT_DUE, DRIFT_DUE):
            d.due[k] = NEVER
    d.poll = NEVER
    d.ready = d.offline = 0
    d.offer = d.retries = 0
    d.phase = APPLY
    d.not_before[:] = 0.0
    d.last_delay[:] = 0.0
    d.failures[:] = 0
    d.busy[:] = 0
    d.broken[:] = 0
    d.waiting[:] = 0


@njit(cache=True)
def quiet(d: Any) -> Any:
    """Whether nothing but a poll is ahead, and the agent waits for nothing else."""
    return (
        d.poll < d.rest
        and d.reconciled
        and d.offer == 0
        and not d.offline
        and d.failures[TALK_POLL] == 0
        and d.last_delay[TALK_FETCH] == 0.0
        and max(d.not_before[TALK_POLL], d.not_before[TALK_FETCH]) <= d.poll / 1e6
    )
