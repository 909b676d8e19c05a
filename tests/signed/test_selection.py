"""One suite for all revisions: which scenarios a revision has, and which of their statements."""

from dataclasses import replace

import pytest

from conformance.bench.scenarios import Scenario
from conformance.catalogue import load
from conformance.checks.evidence import Record
from conformance.record.events import Role

SIGNED, LATEST = "1.0.0-rc.2-signed", "1.0.0-rc.3"
PLAIN = Scenario("wfm", "feature", "name", "wfm/x.feature", 1, frozenset(), {})


def tagged(*tags: str) -> Scenario:
    return replace(PLAIN, tags=frozenset(tags))


@pytest.mark.parametrize(
    ("tags", "revision", "left"),
    [
        (("req:DS-011", "req:SEC-011"), LATEST, ("DS-011", "SEC-011")),
        (("req:DS-011", "req:SEC-011"), SIGNED, ("DS-011",)),
        (("req:SEC-011",), SIGNED, None),
        (("req:SIG-001",), LATEST, None),
        (("req:SEC-011", "behaviour:DR-03"), SIGNED, ()),
        (("req:DS-011", "since:1.0.0-rc.3"), SIGNED, None),
        (("req:DS-011", "until:1.0.0-rc.2-signed"), LATEST, None),
        (("req:DS-011", "req:NO-001"), SIGNED, ("DS-011", "NO-001")),
        ((), SIGNED, ()),
    ],
)
def test_a_revision_has_the_scenarios_that_show_one_of_its_statements(
    tags: tuple[str, ...], revision: str, left: tuple[str, ...] | None
) -> None:
    found = tagged(*tags).within(revision)
    assert (found and found.requirements) == left


@pytest.mark.parametrize("role", ["wfm", "device"])
def test_a_record_is_judged_by_the_revision_that_it_was_made_for(role: Role) -> None:
    assert Record(role).catalogue is load()
    record = Record(role, claims={"revision": SIGNED})
    assert (record.catalogue.wire.sharing, record.catalogue.wire.problems) == ("public", False)
    assert record.catalogue.schema("state-manifest") == load().schema("state-manifest")
