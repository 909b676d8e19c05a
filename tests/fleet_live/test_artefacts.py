import json

import pytest
from jsonschema import Draft202012Validator

from conformance.catalogue import load
from simulator.fleet.live.artefacts import Deployed, path_of, status_body
from simulator.fleet.live.results import step_s
from simulator.protocol.documents import DocumentError
from simulator.protocol.status import State

DEPLOYED = Deployed("00000000-0000-4000-8000-000000000000", "sha256:0", "app", "1.0.0", ("main", "side"))


@pytest.mark.parametrize("state", list(State))
def test_reports_keep_to_the_schema_in_every_state(state: State) -> None:
    document = json.loads(status_body(DEPLOYED, 3, state))
    Draft202012Validator(load().schema("deployment-status")).validate(document)
    assert document["status"]["state"] == state
    assert ("error" in document["status"]) == (state is State.FAILED)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/api/v1/bundles/sha256:0", "/api/v1/bundles/sha256:0"),
        ("https://wfm.example:8443/api/v1/x?y=1", "/api/v1/x?y=1"),
        ("https://WFM.example:8443/api/v1/x", "/api/v1/x"),
    ],
)
def test_an_address_in_a_manifest_leads_to_the_wfm(url: str, path: str) -> None:
    assert path_of(url, "wfm.example:8443") == path


def test_the_usual_port_need_not_be_named() -> None:
    assert path_of("https://wfm.example/api", "wfm.example:443") == "/api"


@pytest.mark.parametrize("url", ["https://elsewhere.example/x", "http://wfm.example:8443/x", "https://wfm.example/x"])
def test_an_address_that_leads_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(DocumentError, match=r"an address at wfm\.example:8443"):
        path_of(url, "wfm.example:8443")


def test_tables_over_time_have_a_row_for_each_second_and_not_too_many() -> None:
    assert [step_s(seconds) for seconds in (0.5, 60, 1440, 1441, 86_400)] == [1, 1, 1, 2, 60]
