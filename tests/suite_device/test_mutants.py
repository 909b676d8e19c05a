"""Broken devices are found out, by the requirement that they break; each of them is one that can be."""

import pytest

from conformance.bench.device_seat import simulated_seat
from conformance.bench.errors import UsageError
from conformance.bench.ics import Ics
from conformance.bench.run import load_checks
from conformance.bench.selftest import Subject, catching, tried
from conformance.bench.selftest_matrix import Defect, Matrix
from conformance.catalogue import DEFAULT_REVISION, load
from conformance.checks.registry import checks
from simulator.device.config import DeviceConfig
from simulator.device.mutant import Mutant
from simulator.device.mutants import MUTANTS
from simulator.device.signed import Signing
from simulator.identity.authority import Authority
from simulator.identity.client_certificate import ClientCertificate
from simulator.identity.spiffe import client_spiffe_id
from simulator.identity.trust import StaticTrust
from simulator.identity.web import WebAuthority

SAMPLE = sorted(name for name, item in MUTANTS.items() if item.only in ("", DEFAULT_REVISION))[::9]
"""Spread over all of the newest revision; `selftest device` tries every one."""


@pytest.mark.parametrize("name", SAMPLE)
def test_mutant_is_caught(name: str) -> None:
    mutant = MUTANTS[name]
    trial = tried(Subject("device", name, mutant.breaks, mutant.needs or None, until_caught=True))
    defect = Defect(name, mutant.breaks, mutant.description)
    matrix = Matrix("device", load(), (defect,), {name: trial}, (), 0.0)
    assert matrix.caught == 1, f"{name} breaks {mutant.breaks}: {mutant.description}\n{trial}"


@pytest.fixture(scope="module")
def plain() -> DeviceConfig:
    """Give the configuration of a device that is not broken."""
    authority = Authority.new("plant.example")
    svid = authority.issue(client_spiffe_id("plant.example", "wfm", "device"))
    web = WebAuthority.new()
    signing = Signing(ClientCertificate.issue(web.root), web.anchors)
    return DeviceConfig("https://127.0.0.1:1", svid, StaticTrust(authority.bundle()), signing)


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_mutant_differs_and_can_be_blamed(mutant: Mutant, plain: DeviceConfig) -> None:
    load_checks()
    blaming = [found for found in checks("device").values() if mutant.breaks in found.requirements]
    assert any(not found.observes for found in blaming), f"no check could blame it for {mutant.breaks}"
    catalogue = load(mutant.only or DEFAULT_REVISION)
    known = mutant.breaks in catalogue and catalogue.requirement(mutant.breaks).severity
    assert known in ("must", "should") or catalogue.behaviour(mutant.breaks), "nobody fails what only informs"
    assert catching(mutant.breaks)
    # what a gateway is, its profile says
    assert mutant.apply(plain) != plain or mutant.presents is not None or mutant.needs.endswith("gateway")


def test_names_are_their_own() -> None:
    assert all(name == mutant.name for name, mutant in MUTANTS.items())
    assert len({mutant.description for mutant in MUTANTS.values()}) == len(MUTANTS)


def test_unknown_mutant_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no broken device 'perfect'"):
        simulated_seat(Ics.of_reference("device"), "perfect")
