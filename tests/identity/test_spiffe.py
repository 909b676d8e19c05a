import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.identity.errors import NotRecognised, SpiffeIdInvalid
from simulator.identity.spiffe import (
    SpiffeId,
    client_spiffe_id,
    is_segment,
    recognise_client,
    recognise_wfm,
    wfm_id_of,
    wfm_spiffe_id,
)

SEGMENT = st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=20).filter(
    lambda text: text not in {".", ".."}
)
DOMAIN = st.text(string.ascii_lowercase + string.digits + "._-", min_size=1, max_size=20)


@settings(deadline=None)  # the machine may be busy
@given(DOMAIN, SEGMENT, SEGMENT)
def test_margo_ids_survive_writing_and_reading(domain: str, wfm: str, client: str) -> None:
    for spiffe_id in (wfm_spiffe_id(domain, wfm), client_spiffe_id(domain, wfm, client)):
        assert SpiffeId.parse(str(spiffe_id)) == spiffe_id
        assert wfm_id_of(spiffe_id) == wfm
    assert recognise_client(client_spiffe_id(domain, wfm, client), domain, wfm) == client
    recognise_wfm(wfm_spiffe_id(domain, wfm), client_spiffe_id(domain, wfm, client))


@settings(deadline=None)  # the machine may be busy
@given(st.text(max_size=60))
def test_any_text_is_read_exactly_or_refused(text: str) -> None:
    for candidate in (text, "spiffe://" + text, "spiffe://plant.example/" + text):
        try:
            spiffe_id = SpiffeId.parse(candidate)
        except SpiffeIdInvalid:
            continue
        assert str(spiffe_id) == candidate
        assert all(is_segment(segment) for segment in spiffe_id.segments)


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("http://plant.example/margo/wfm/w", "ID-27"),
        ("SPIFFE://plant.example/margo/wfm/w", "ID-27"),
        ("spiffe://plant.example/", "ID-27"),
        ("spiffe:///margo/wfm/w", "ID-24"),
        ("spiffe://Plant.example/margo/wfm/w", "ID-24"),
        ("spiffe://user@plant.example/margo", "ID-24"),
        ("spiffe://plant.example:443/margo", "ID-24"),
        ("spiffe://plant.example?x=/margo", "ID-24"),
        ("spiffe://plant.example/margo//w", "ID-07"),
        ("spiffe://plant.example/margo/wfm/", "ID-07"),
        ("spiffe://plant.example/margo/wfm/.", "ID-07"),
        ("spiffe://plant.example/margo/../w", "ID-07"),
        ("spiffe://plant.example/margo/wfm/a~b", "ID-07"),
        ("spiffe://plant.example/margo/wfm/a%2Db", "ID-07"),
        ("spiffe://plant.example/margo/wfm/w?x", "ID-07"),
        ("spiffe://plant.example/margo/wfm/w\n", "ID-07"),
        ("spiffe://plant.example/margo/wfm/ä", "ID-07"),
        ("spiffe://plant.example/" + "a" * 2048, "ID-07"),
    ],
)
def test_what_is_no_spiffe_id_is_refused_with_its_clause(text: str, clause: str) -> None:
    with pytest.raises(SpiffeIdInvalid) as refused:
        SpiffeId.parse(text)
    assert refused.value.clause == clause


@pytest.mark.parametrize("segment", ["", ".", "..", "a/b", "a~b", "a b", "%61"])
def test_margo_ids_are_not_built_of_bad_segments(segment: str) -> None:
    with pytest.raises(SpiffeIdInvalid):
        wfm_spiffe_id("plant.example", segment)
    with pytest.raises(SpiffeIdInvalid):
        client_spiffe_id("plant.example", "w", segment)


@pytest.mark.parametrize(
    ("path", "clause"),
    [
        ("/margo/wfm/other/client/c", "ID-50"),
        ("/margo/wfm/W/client/c", "ID-14"),
        ("/margo/wfm/w", "ID-51"),
        ("/margo/wfm/w/client", "ID-50"),
        ("/margo/wfm/w/client/c/extra", "ID-50"),
        ("/margo/wfm/w/Client/c", "ID-50"),
        ("/margo/device/w/client/c", "ID-50"),
        ("/wfm/w/client/c", "ID-50"),
        ("", "ID-50"),
    ],
)
def test_only_the_exact_client_shape_is_a_client(path: str, clause: str) -> None:
    with pytest.raises(NotRecognised) as refused:
        recognise_client(SpiffeId("plant.example", path), "plant.example", "w")
    assert refused.value.clause == clause


def test_a_client_of_a_foreign_trust_domain_is_not_recognised() -> None:
    with pytest.raises(NotRecognised) as refused:
        recognise_client(client_spiffe_id("foreign.example", "w", "c"), "plant.example", "w")
    assert refused.value.clause == "ID-24"


@pytest.mark.parametrize(
    ("peer", "clause"),
    [
        ("spiffe://plant.example/margo/wfm/other", "ID-52"),
        ("spiffe://plant.example/margo/wfm/W", "ID-14"),
        ("spiffe://plant.example/margo/wfm/w/client/c", "ID-52"),
        ("spiffe://plant.example/margo/wfm/w/extra", "ID-52"),
        ("spiffe://foreign.example/margo/wfm/w", "ID-24"),
    ],
)
def test_a_client_recognises_only_the_wfm_of_its_own_id(peer: str, clause: str) -> None:
    with pytest.raises(NotRecognised) as refused:
        recognise_wfm(SpiffeId.parse(peer), client_spiffe_id("plant.example", "w", "c"))
    assert refused.value.clause == clause
