"""The words of the scenarios about credentials, held against the credentials that there are."""

import re
from importlib.resources import files

from conformance.bench.device_identities import DEFECTS, UNUSUAL
from simulator.identity.bad_credentials import BAD_CREDENTIALS, bad_credentials
from simulator.identity.unusual_credentials import UNUSUAL_CREDENTIALS

FEATURE = files("features").joinpath("device/identity.feature").read_text(encoding="utf-8")
SCENARIOS = FEATURE.split("\n\n  @")[1:]


def rows(step: str) -> dict[str, str]:
    """What is tried in the scenarios with a step: words of the credential, and the tags of the scenario."""
    tried: dict[str, str] = {}
    for scenario in SCENARIOS:
        told = re.search(rf"{re.escape(step)} (.+)", scenario)
        if told is None:
            continue
        words = re.findall(r"^ +\| (.+?) +\|$", scenario, re.MULTILINE)[1:] if told[1].startswith("<") else [told[1]]
        tried |= dict.fromkeys(words, scenario.splitlines()[0])
    return tried


def test_every_bad_credential_of_a_wfm_is_tried() -> None:
    tried = {DEFECTS[words] for words in rows("When the WFM comes with a credential that")}
    assert tried == {bad.defect for bad in bad_credentials("wfm")}


def test_a_bad_credential_is_tried_where_the_clause_it_breaks_is_judged() -> None:
    judged_with = {"ID-07": "ID-52", "ID-34": "ID-25", "ID-20": "ID-20"}
    for words, tags in rows("When the WFM comes with a credential that").items():
        clause = BAD_CREDENTIALS[f"wfm-{DEFECTS[words]}"].clause
        assert f"req:{judged_with.get(clause, clause)}" in tags, words


def test_every_unusual_credential_is_tried() -> None:
    tried = {UNUSUAL[words] for words in rows("When the WFM comes with a good credential that")}
    assert tried == set(UNUSUAL_CREDENTIALS) == set(UNUSUAL.values())
