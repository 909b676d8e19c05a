"""What the bench does for the behaviours in failure and recovery, beyond what every device scenario needs.

Everything done or seen is recorded as a fact, as with the rest of the bench.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from cryptography.hazmat.primitives.serialization import Encoding

from conformance.bench.device_bench import DeviceBench
from conformance.bench.device_deployments import Variation
from conformance.bench.errors import Blocked
from conformance.checks.device import evidence
from conformance.checks.evidence import Record
from conformance.record.events import Fact
from simulator.device.driver import SimulatedDevice, Tampering
from simulator.faults.link import Link
from simulator.faults.plan import Delay, DropConnection, FaultRule, TruncateBody
from simulator.faults.proxy import ConnectProxy
from simulator.identity.svid import Svid

MAX_POINTS = 400
"""More effects than an update of any sample has: a loop that comes here is wrong."""
LATE_S = 0.4
"""Longer than a device waits that was told to wait `PATIENCE_S` for an answer."""
PATIENCE_S = 0.2
TROUBLES: dict[str, Delay | DropConnection] = {
    "are reset": DropConnection(),
    "break before the answer": DropConnection(when="after"),
    "bring no answer in time": Delay(seconds=LATE_S),
}
"""How every connection fails, by the words of the scenarios."""
BAD_NETWORKS: dict[str, tuple[FaultRule, ...]] = {
    "answers come late": (FaultRule(action=Delay(seconds=0.1), times=None),),
    "every third connection breaks": (FaultRule(action=DropConnection(when="after"), times=None, probability=0.33),),
    "answers break off half-way": (FaultRule(action=TruncateBody(length=40, announce_all=True), times=3),),
}
BAD_LINKS: dict[str, Callable[[Link], None]] = {
    "every piece is slow": lambda link: link.delay(SLOW_LINK_S),
    "little passes at a time": lambda link: link.throttle(NARROW_LINK),
    "bytes are damaged on the way": lambda link: link.corrupt(SOUND_BYTES),
}
"""Networks that are bad beneath TLS, where nothing is known of requests."""
DRIFT_S = 0.3
"""How often the built-in device of the bench looks at its machine."""
SLOW_LINK_S = 0.03
"""How long a link that is slow holds every piece of what passes, in each direction."""
NARROW_LINK = 5_000.0
"""How many bytes a second pass through each connection of a narrow link, in each direction."""
SOUND_BYTES = 1000
"""How many bytes the first connection carries before one of them is damaged: less than a manifest and what it names."""


def simulated(bench: DeviceBench, what: str) -> SimulatedDevice:
    """Give the built-in device, on which this can be done. Raises Blocked for any other."""
    device = getattr(bench.seat, "device", None)
    if not isinstance(device, SimulatedDevice):
        raise Blocked(f"there is no hook to {what}")
    return device


# --- what is on the device -------------------------------------------------------------------------------------------


def look_closely(bench: DeviceBench) -> Fact | None:
    """Record the configuration of what runs, and what the device's own log says; None where neither can be seen."""
    seat = bench.seat
    found = bench.loop.run(seat.inspect(), seat.patience_s)
    log = bench.loop.run(seat.log(), seat.patience_s)
    if found is None and log is None:
        return None
    told = {
        what: {name: {one: part[member] for one, part in parts.items()} for name, parts in (found or {}).items()}
        for what, member in (("settings", "configuration"), ("begun", "begun"))
    }
    lines = None if log is None else [entry["message"] for entry in log]
    return bench.note("looked-closely", **(told if found is not None else {}), log=lines)


def script_release(bench: DeviceBench, role: str, release: int, behaviour: str) -> None:
    """Have the last component of one release behave in a way, and that of the others as before."""
    components = bench.make(role, release).document["spec"]["deploymentProfile"]["components"]
    name, revision = components[-1]["name"], components[-1]["properties"]["revision"]
    bench.script_component(bench.deployment_id(role), name, behaviour, revision=revision)


def drift_passes(bench: DeviceBench) -> None:
    """Let the time pass in which the built-in device looks at its machine; a real device is given two polls."""
    if getattr(bench.seat, "device", None) is not None:
        bench.let_pass(2 * DRIFT_S)
    else:
        bench.two_polls(bench.record.facts[-1])


def publish_changed_parameter(bench: DeviceBench, role: str) -> str:
    """Publish what runs, with another value of a parameter that is for one component of several; gives its name.

    Raises Blocked when the application has no such parameter.
    """
    parameters = bench.make(role).document["spec"].get("parameters", {})
    for name, parameter in parameters.items():
        components = {item for target in parameter["targets"] for item in target["components"]}
        if len(components) == 1:
            bench.publish((role, 1), variation=Variation(values={name: "changed by the bench"}))
            return str(components.pop())
    raise Blocked(f"no parameter of the application {role} is for one component only")


def change_parts(bench: DeviceBench, what: Tampering, role: str) -> Fact:
    """Do something to the first component of an application, behind the device's back."""
    return bench.tamper(what, bench.deployment_id(role), bench.make(role).components[0])


# --- the network -----------------------------------------------------------------------------------------------------


def trouble(bench: DeviceBench, how: str) -> Fact:
    """Have every connection of the device fail in one way, until `recover`."""
    action = TROUBLES[how]
    late = action.model_copy(update={"seconds": bench.window(LATE_S)}) if isinstance(action, Delay) else action
    return bench.disturb(how, FaultRule(action=late, times=None))


def spoil_network(bench: DeviceBench, how: str) -> Fact:
    """Make the network bad in one way, until `recover`."""
    if how in BAD_NETWORKS:
        return bench.disturb(how, *BAD_NETWORKS[how])
    fact = bench.note("disturbed", label=how)
    bench.loop.run(_spoil_link(bench.world.link, how))
    return fact


async def _spoil_link(link: Link, how: str) -> None:
    BAD_LINKS[how](link)


def tell_of_network(bench: DeviceBench) -> Fact:
    """Record what the link did to connections so far."""
    link = bench.world.link
    return bench.note("link", connections=link.accepted, damaged=link.damaged)


def open_proxy(bench: DeviceBench) -> ConnectProxy:
    """Start a forward proxy, until the scenario ends, and tell the device to use it."""
    wfm = bench.world.url.removeprefix("https://")  # where others can reach it, it is not to lead anywhere else
    proxy = bench.loop.run(ConnectProxy(*bench.world.listening, only=wfm).start())
    bench.at_end(lambda: bench.loop.run(proxy.stop()))
    bench.configure(proxy=proxy.url)
    return proxy


# --- credentials -----------------------------------------------------------------------------------------------------


def renew_credential(bench: DeviceBench, *, expired: bool = False) -> Fact:
    """Give the device another credential for the same client: with a key of its own, and still valid or `expired`."""
    authority, client = bench.world.authority, bench.world.client_identity
    now = authority.clock()
    over = (now - timedelta(days=2), now - timedelta(days=1)) if expired else (None, None)
    svid = authority.issue(client, not_before=over[0], not_after=over[1])
    fact = bench.note("credential-given", expired=expired, leaf=hashlib.sha256(_der(svid)).hexdigest())
    bench.loop.run(bench.seat.renew(svid, expired=expired), bench.seat.patience_s)
    return fact


def replace_device(bench: DeviceBench) -> Fact:
    """Put a unit in the device's place that knows nothing, and has a key of its own for the same client."""
    leaf, own = bench.world.reissued()
    fact = bench.note("replaced", leaf=leaf)
    bench.note("factory-reset")
    bench.loop.run(bench.seat.replace(own), bench.seat.patience_s)
    return fact


def _der(svid: Svid) -> bytes:
    return svid.leaf.public_bytes(Encoding.DER)


# --- power cuts ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """A change in which the power is cut, again and again.

    `prepare(number)` brings the device to where the change begins, `order(number)` orders it, `done` tells from the
    record since the order when the device has come to the end of it. With `twice` the power is cut a first time when a
    component is being installed, and the points are those of the recovery.
    """

    prepare: Callable[[int], object]
    order: Callable[[int], Fact]
    done: Callable[[Record], object]
    twice: bool = False


def change_of(bench: DeviceBench, name: str, role: str) -> Change:
    """Give a change of an application by the words of the scenarios."""
    deployment = bench.deployment_id(role)

    def update(number: int) -> Fact:
        return bench.publish((role, number + 2))[0]

    def remove(_: int) -> Fact:
        bench.withdraw(role)
        return bench.record.facts_of("withdrawn")[-1]

    def here(record: Record) -> bool:
        fact = evidence.publication(record, deployment)
        return fact is not None and evidence.installed_and_polled(record, fact)

    def gone(record: Record) -> bool:
        last = record.last_report(deployment)
        return (
            last is not None and last.state == "removed" and bool(evidence.polls_after(record, last.exchange.finished))
        )

    def have(number: int) -> None:
        if number:
            fact = update(number)
            bench.until(lambda record: here(record.since(fact)), "apply")

    def lose(number: int) -> None:
        fact = remove(number)
        bench.until(lambda record: gone(record.since(fact)), "apply")

    changes = {
        "an update": Change(lambda _: None, update, here),
        "recovering an update": Change(lambda _: None, update, here, twice=True),
        "a first installation": Change(lose, update, here),
        "a removal": Change(have, remove, gone),
    }
    return changes[name]


def cut_everywhere(bench: DeviceBench, change: Change) -> Iterator[str]:
    """Try a change again and again, the power cut one effect later each time, until the device is done before that.

    Gives each point, once the device had its time to recover. Raises Blocked for a device whose effects cannot be
    counted.
    """
    device = simulated(bench, "cut the power between two effects")
    for number in range(MAX_POINTS):
        change.prepare(number)
        first = ("component-installing", 0) if change.twice else ("manifest-taken", number)
        bench.loop.run(device.power_cut(first[0], after=first[1], restart=False))
        order = change.order(number)
        lost = bench.loop.run(_lost_or_done(device, bench.world.version))
        if change.twice:
            bench.note("power-cut", point=lost)
            lost = bench.loop.run(_lost_again(device, number + 1, bench.world.version))
        if lost is None:
            bench.note("power-cuts", points=number)
            return
        point = f"{lost} (effect {number})"
        bench.note("power-cut", point=point)
        bench.loop.run(device.start())
        back = bench.note("powered-up", point=point)
        bench.until(lambda record, since=order: change.done(record.since(since)), "apply")  # type: ignore[misc]
        bench.until(lambda record, since=back.at: len(evidence.polls_after(record.since(since), since)) >= 2, "connect")  # type: ignore[misc]
        yield point
    raise RuntimeError(f"a change of more than {MAX_POINTS} effects")


async def _lost_again(device: SimulatedDevice, number: int, version: int) -> str | None:
    """Give the power back, and cut it again before the effect of a number."""
    await device.power_cut(number, restart=False)
    await device.start()
    return await _lost_or_done(device, version)


async def _lost_or_done(device: SimulatedDevice, version: int) -> str | None:
    """Wait until the power is lost, and give before what; None when the device reached the version before that."""

    def over(one: SimulatedDevice) -> bool:
        state = one.state
        return not one.running or (state.version >= version and state.reconciled and not state.outbox)

    try:
        await device.wait_for(over)
    finally:
        device.spare()
    return device.lost_at
