"""What the bench does about clients that onboard and sign: it refuses them, forgets them, and shows its root."""

from collections.abc import Mapping

from conformance.bench.device_bench import DeviceBench
from conformance.bench.device_signed import SignedWorld
from conformance.bench.errors import Blocked
from conformance.checks.device import evidence
from conformance.record.events import Fact
from simulator.identity.client_certificate import CertificateEncoding

ENCODINGS: Mapping[str, CertificateEncoding] = {"a PEM file": "pem", "DER": "der"}
"""What the Base64 of the root certificate holds, by the words of the scenarios (AMB-B-16)."""
TROUBLES: Mapping[str, tuple[int, str]] = {
    "refused, since the client is rejected": (403, "Client rejected"),
    "refused, since the certificate is said to be invalid": (400, "Invalid certificate"),
    "not possible just then": (503, "Not now"),
    "answered without an id": (201, "Welcome"),
}
"""What can become of an onboarding, by the words of the scenarios."""
REFUSALS: Mapping[str, tuple[int, str]] = {
    "its signature is invalid": (401, "Invalid signature"),
    "its certificate was revoked": (403, "Certificate not trusted"),
    "the digest of its content is wrong": (400, "Invalid content-digest"),
}
"""What a WFM can say of a signed request, by the words of the scenarios."""
OPERATIONS = ("fetch-manifest", "report-status", "report-capabilities", "fetch-bundle", "fetch-deployment")
STALE_S = 330.0
"""Longer than a signature is good in the example of the text."""


def signed_world(bench: DeviceBench) -> SignedWorld:
    """Give the counterpart that clients sign for. Raises Blocked for another."""
    if not isinstance(bench.world, SignedWorld):
        raise Blocked("the clients of this revision do not sign")
    return bench.world


def trouble_onboarding(bench: DeviceBench, how: str) -> Fact:
    """Have onboarding end in one way, until `recover`."""
    status, title = TROUBLES[how]
    return bench.answer("onboard", status, times=None, problem={"title": title})


def refuse_client(bench: DeviceBench, why: str) -> Fact:
    """Have every request of the client refused in one way, until `recover`."""
    status, title = REFUSALS[why]
    facts = [bench.answer(name, status, times=None, problem={"title": title}) for name in OPERATIONS]
    return facts[0]


def forget_client(bench: DeviceBench) -> Fact:
    """Have the WFM not know its client any more."""
    clients = signed_world(bench).clients

    async def forget() -> None:
        clients.forget_everything()

    fact = bench.note("client-forgotten")
    bench.loop.run(forget())
    return fact


def remember_client(bench: DeviceBench) -> Fact:
    """Have the WFM know the client again by the certificate that it came with, unless it onboarded meanwhile."""
    world = signed_world(bench)

    async def remember() -> None:
        world.clients.remember()

    bench.loop.run(remember())
    return bench.note("client-remembered")


def give_other_root(bench: DeviceBench, encoding: str) -> Fact:
    """Have the certificate endpoint give the root of another authority, written in one way."""
    world = signed_world(bench)
    bench.named["successor"] = world.give_root(ENCODINGS[encoding])
    bench.at_end(lambda: _back_to_own_root(bench))
    return bench.note("root-given", encoding=encoding)


def _back_to_own_root(bench: DeviceBench) -> None:
    """Have a real device, which goes on after the scenario, begin anew with the WFM's own root."""
    if bench.seat.keeps_state:
        bench.loop.run(bench.world.undisturb())
        bench.present("good")
        bench.factory_reset()


def change_authority(bench: DeviceBench) -> Fact:
    """Have the WFM come with a certificate below the root that it gave."""
    name = "the root that was given"
    fact = bench.note("presented", credential=name, clause="")
    bench.loop.run(bench.world.present_of(bench.named["successor"], name))
    return fact


def await_return(bench: DeviceBench) -> Fact:
    """Wait for the first poll after a long outage; gives the fact that ended it.

    A device that doubles its waits may wait once more for as long as the outage was, and chance may add to that: it is
    right to, so it is given twice that time.
    """
    cut, back = (bench.record.facts_of(kind)[-1] for kind in ("network-cut", "network-restored"))
    bench.recorder.until(
        lambda record: record.facts_of("flooded") or evidence.polls_after(record, back.at),
        bench.deadlines["retry"] + 2 * (back.at - cut.at),
    )
    return back
