"""Generated events: any the suite could write."""

from hypothesis import strategies as st

from conformance.record.events import (
    Body,
    CatalogueEvent,
    Claim,
    Connection,
    Event,
    Exchange,
    Fact,
    Finding,
    Header,
    Outcome,
    RequirementEntry,
    ScenarioFinished,
    ScenarioOutcome,
    ScenarioStarted,
    Standing,
    StepFinished,
    Subject,
    TlsFacts,
)
from conformance.record.redact import body

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SECONDS = st.floats(0, 1e9)
MAYBE_TEXT = st.none() | TEXT
WORDS = st.dictionaries(TEXT, TEXT, max_size=3)
LISTED = st.lists(TEXT, max_size=3).map(tuple)
REQUIREMENT = st.sampled_from(["DS-069", "DS-053", "ID-27", "ST-004"])
ROLE = st.sampled_from(["device", "wfm"])
HEADERS = st.lists(st.tuples(st.sampled_from(["Accept", "ETag", "Digest"]), TEXT), max_size=3).map(tuple)
BODIES: st.SearchStrategy[Body] = st.binary(max_size=64).map(body)

HEADER = st.builds(
    Header,
    at=SECONDS,
    run=TEXT,
    started=TEXT,
    suite=TEXT,
    revision=TEXT,
    subjects=st.lists(
        st.builds(Subject, role=ROLE, name=TEXT, target=TEXT, profile=TEXT, features=LISTED, policies=WORDS), max_size=2
    ).map(tuple),
    selection=MAYBE_TEXT,
    seed=st.none() | st.integers(0, 2**63),
    deadlines=st.dictionaries(TEXT, SECONDS, max_size=3),
    digests=WORDS,
    environment=WORDS,
)
ENTRY = st.builds(
    RequirementEntry,
    id=REQUIREMENT,
    area=TEXT,
    severity=st.sampled_from(["must", "should", "may", "info"]),
    level=TEXT,
    roles=LISTED,
    statement=TEXT,
    source=TEXT,
    observable=TEXT,
    mandatory=st.lists(ROLE, max_size=2).map(tuple),
    checks=st.dictionaries(ROLE, LISTED, max_size=2),
    reason=MAYBE_TEXT,
    interpretations=LISTED,
)
SCENARIO = st.integers(0, 9)
JSON_DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(CatalogueEvent, at=SECONDS, requirements=st.lists(ENTRY, max_size=2).map(tuple)),
    st.builds(
        ScenarioStarted,
        at=SECONDS,
        scenario=SCENARIO,
        role=ROLE,
        feature=TEXT,
        name=TEXT,
        uri=TEXT,
        line=st.integers(1, 999),
        requirements=st.lists(REQUIREMENT, max_size=3).map(tuple),
        tags=LISTED,
        example=WORDS,
    ),
    st.builds(
        StepFinished,
        at=SECONDS,
        scenario=SCENARIO,
        keyword=TEXT,
        text=TEXT,
        line=st.integers(1, 999),
        outcome=st.sampled_from(["passed", "failed", "not-reached"]),
        duration=SECONDS,
        message=MAYBE_TEXT,
    ),
    st.builds(
        Exchange,
        at=SECONDS,
        scenario=st.none() | SCENARIO,
        seat=st.sampled_from(["client", "server"]),
        operation=TEXT,
        params=WORDS,
        client=MAYBE_TEXT,
        method=TEXT,
        target=TEXT,
        request_headers=HEADERS,
        request=BODIES,
        status=st.none() | st.integers(100, 599),
        response_headers=HEADERS,
        response=BODIES,
        finished=SECONDS,
        tls=st.none() | st.builds(TlsFacts, version=MAYBE_TEXT, peer_id=MAYBE_TEXT, peer_chain=LISTED),
        fault=MAYBE_TEXT,
        error=MAYBE_TEXT,
    ),
    st.builds(
        Connection,
        at=SECONDS,
        scenario=st.none() | SCENARIO,
        seat=st.sampled_from(["client", "server"]),
        outcome=st.sampled_from(["established", "refused"]),
        reason=MAYBE_TEXT,
    ),
    st.builds(
        Fact,
        at=SECONDS,
        scenario=st.none() | SCENARIO,
        kind=TEXT,
        data=st.dictionaries(TEXT, JSON_DATA, max_size=3),
        refs=st.dictionaries(TEXT, st.lists(st.integers(0, 99), max_size=3).map(tuple), max_size=2),
    ),
    st.builds(
        Finding,
        at=SECONDS,
        scenario=SCENARIO,
        requirement=REQUIREMENT,
        check=TEXT,
        outcome=st.sampled_from(Outcome),
        message=TEXT,
        expected=MAYBE_TEXT,
        found=MAYBE_TEXT,
        shown_by=st.lists(st.integers(0, 99), max_size=3).map(tuple),
    ),
    st.builds(
        ScenarioFinished,
        at=SECONDS,
        scenario=SCENARIO,
        outcome=st.sampled_from(ScenarioOutcome),
        reason=MAYBE_TEXT,
        duration=SECONDS,
    ),
    st.builds(
        Claim,
        at=SECONDS,
        role=ROLE,
        about=st.sampled_from(["feature", "policy", "poll-interval", "limit"]),
        name=TEXT,
        claimed=MAYBE_TEXT,
        seen=MAYBE_TEXT,
        standing=st.sampled_from(Standing),
        evidence=TEXT,
        advice=MAYBE_TEXT,
        shown_by=st.lists(st.integers(0, 99), max_size=3).map(tuple),
    ),
)
