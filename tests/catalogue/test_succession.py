"""How one revision leads to another: nothing that is gone is left without a word, and nothing unknown is named."""

from pathlib import Path

import pytest

from conformance.catalogue import CatalogueError, load, succession
from conformance.catalogue.succession import FILE, read_succession

SIGNED, NEWEST = "1.0.0-rc.2-signed", "1.0.0-rc.3"
SHIPPED = Path(__file__).parents[2] / "conformance" / "catalogue" / NEWEST / FILE


def test_every_statement_that_is_gone_has_a_word_on_what_became_of_it() -> None:
    known = succession(SIGNED, NEWEST)
    gone = {item.id for item in load(SIGNED).requirements} - {item.id for item in load(NEWEST).requirements}
    assert set(known.replaced) == gone
    assert len(gone) == 48


def test_what_stands_in_its_place_binds_the_same_roles_or_tells_who_does_it_now() -> None:
    outside = {"operator", "identity-service"}
    for name, item in succession(SIGNED, NEWEST).replaced.items():
        bound = {role for other in item.by for role in load(NEWEST).requirement(other).binds}
        before = set(load(SIGNED).requirement(name).binds) & {"device", "wfm"}
        assert not item.by or not before or bound & (before | outside), name


def test_a_new_id_that_says_what_both_have_is_told_apart() -> None:
    restated = succession(SIGNED, NEWEST).restated
    assert restated["GW-01"] == ("DC-032",)
    assert restated["EXT-01"] == ("EXT-001", "EXT-002")
    assert "SEC-002" not in restated


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("  SIG-001:", "  SIG-901:", "SIG-901"),
        ("by: [SEC-003, ID-25]", "by: [SEC-903]", "SEC-903"),
        ("  ONB-009: ", "  #", "nothing of ONB-009"),
        ("  - Observability", "  - Astrology", "Astrology"),
        ("unchanged: [DC-013", "unchanged: [ID-52", "ID-52"),
        ("after: 1.0.0-rc.2-signed", "before: x", "after"),
    ],
)
def test_a_file_that_is_wrong_is_refused_by_name(tmp_path: Path, old: str, new: str, words: str) -> None:
    text = SHIPPED.read_text()
    assert old in text
    file = tmp_path / FILE
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(CatalogueError, match=words):
        read_succession(file, load(SIGNED), load(NEWEST))
    file.write_text(text)
    assert read_succession(file, load(SIGNED), load(NEWEST)) is not None
