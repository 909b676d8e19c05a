"""Every monitor of what is peculiar to signing devices is shown to fail, beside a record that it passes."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from conformance.bench.run import load_checks
from conformance.catalogue import load
from conformance.checks.evidence import Record
from conformance.checks.registry import Check, Seen, checks
from conformance.record.events import Exchange
from simulator.identity.authority import Leaf
from simulator.identity.clock import utc_now
from simulator.protocol.signed import STATUS_ENVELOPE
from tests.suite_signed.requests import CLIENTS, NOW, OWN, REVISION, changed, onboarding, record, signed, without_key

load_checks()
LATEST, SIGNED = load(), load(REVISION)
MONITORS = {
    check.name.removeprefix("device."): check
    for check in checks("device").values()
    if check.monitor and check.requirements[0] in SIGNED and check.requirements[0] not in LATEST
}
STATUS = {**STATUS_ENVELOPE, "deploymentId": "d", "status": {"state": "installed"}, "components": []}
PROPERTIES = {"id": "d", "vendor": "v", "modelNumber": "m", "serialNumber": "s"}


def status(**changes: object) -> Exchange:
    body = json.dumps(STATUS | changes).encode()
    return signed(OWN, "POST", "/api/v1/clients/3f8a/deployments/d/status", body, operation="report-status")


def capabilities(kind: str) -> Exchange:
    body = json.dumps({"apiVersion": "v", "kind": kind, "properties": PROPERTIES}).encode()
    return signed(OWN, "PUT", "/api/v1/clients/3f8a/capabilities/d", body, operation="report-capabilities")


def expired() -> Exchange:
    now = utc_now()
    leaf = Leaf((), now - timedelta(days=3), now - timedelta(days=2))
    return onboarding(replace(OWN, certificate=CLIENTS.root.sign(leaf, OWN.key)))


BAD: dict[str, Callable[[], Record]] = {
    "requests_are_signed": lambda: record(changed(signed(), signature=None)),
    "digests_are_of_the_bodies": lambda: record(changed(status(), content_digest=None)),
    "signatures_cover_what_they_must": lambda: record(signed(components=("@method", "@path"))),
    "signatures_are_of_the_clients_key": lambda: record(signed(without_key(OWN))),
    "signature_headers_have_their_form": lambda: record(signed(label="mine")),
    "signatures_are_made_when_requests_are_sent": lambda: record(signed(created=NOW - 4000)),
    "algorithm_is_one_of_the_four": lambda: record(signed(), registered=None),
    "onboarding_has_its_members": lambda: record(onboarding(apiVersion=...), registered=None),
    "onboarding_says_that_it_is_one": lambda: record(onboarding(kind="Onboarding"), registered=None),
    "onboarding_brings_a_certificate": lambda: record(expired(), registered=None),
    "client_is_the_one_it_was_made": lambda: record(signed(target="/api/v1/clients/3f8a/deployments"), registered=None),
    "report_says_that_it_is_one": lambda: record(capabilities("DeviceCapabilities")),
    "status_says_that_it_is_one": lambda: record(status(kind="DeploymentStatus")),
}
SHOWN_BY_A_MUTANT = {"algorithm_is_one_of_the_four"}
"""A key that no algorithm takes can sign nothing here."""


def seen(check: Check, found: Record) -> set[Seen]:
    return {judgement.seen for judgement in check(found)}


def good() -> Record:
    return record(onboarding(), signed(), status(), capabilities("DeviceCapabilitiesManifest"), registered=None)


@pytest.mark.parametrize("name", sorted(MONITORS))
def test_monitor_fails_on_a_bad_record(name: str) -> None:
    assert name in BAD, "each monitor needs a record that it fails"
    if name not in SHOWN_BY_A_MUTANT:
        assert Seen.BROKEN in seen(MONITORS[name], BAD[name]())


@pytest.mark.parametrize("name", sorted(MONITORS))
def test_monitor_passes_a_good_record(name: str) -> None:
    assert seen(MONITORS[name], good()) == {Seen.KEPT}


def test_every_bad_record_is_for_a_monitor() -> None:
    assert set(BAD) == set(MONITORS)


def test_a_reading_that_is_lenient_is_told() -> None:
    item = signed(OWN, "POST", "/api/v1/x", b"{}", components=("@method", "@target-uri", "Content-Digest"))
    assert seen(MONITORS["signatures_cover_what_they_must"], record(item)) == {Seen.KEPT, Seen.NOTED}
    late = record(signed(created=NOW - 400))
    assert seen(MONITORS["signatures_are_made_when_requests_are_sent"], late) == {Seen.NOTED}


def test_the_newest_certificate_counts() -> None:
    other = replace(OWN, key=OWN.key)
    check = MONITORS["signatures_are_of_the_clients_key"]
    assert seen(check, record(onboarding(other), signed(at=1.0), registered=None)) == {Seen.KEPT}
    assert Seen.BROKEN in seen(check, record(onboarding(without_key(OWN)), registered=None))
