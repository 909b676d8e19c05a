"""What the adapter of the operator's side makes of answers that no healthy WFM gives."""

from collections.abc import Iterator

import httpx
import pytest
import respx

from conformance.bench.adapters.opening import reference
from conformance.bench.errors import UsageError
from conformance.bench.northbound import Northbound, NorthboundError

URL = "http://operator.test"


@pytest.fixture
def adapter() -> Iterator[Northbound]:
    made = reference(URL, timeout_s=1)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.Response(503, json={"detail": "store is full"}), ["expected 200", "503", "store is full"]),
        (httpx.Response(500, text="<html>oops</html>", headers={"Content-Type": "text/html"}), ["500", "text/html"]),
        (httpx.Response(200, text="<html>login</html>", headers={"Content-Type": "text/html"}), ["JSON", "text/html"]),
        (httpx.Response(302, headers={"Location": "https://login.test/"}), ["302", "https://login.test/"]),
        (httpx.Response(200, json=["no", "object"]), ["devices"]),
        (httpx.Response(200, json={"devices": [{"client": "a"}]}), ["deviceId"]),
        (httpx.Response(200), ["devices"]),
    ],
)
@respx.mock
def test_a_strange_answer_is_told_in_one_sentence(
    adapter: Northbound, answer: httpx.Response, words: list[str]
) -> None:
    respx.get(f"{URL}/northbound/v1/devices").mock(return_value=answer)
    with pytest.raises(NorthboundError) as caught:
        adapter.devices("a")
    assert all(word in str(caught.value) for word in words)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (httpx.ReadTimeout("slow"), "within 1 s"),
        (httpx.ConnectError("connection refused"), "connection refused"),
        (httpx.RemoteProtocolError("closed"), "closed"),
    ],
)
@respx.mock
def test_no_answer_is_told_in_one_sentence(adapter: Northbound, error: Exception, word: str) -> None:
    respx.delete(f"{URL}/northbound/v1/deployments/1").mock(side_effect=error)
    with pytest.raises(NorthboundError, match=word):
        adapter.withdraw("1")


@respx.mock
def test_a_deployment_for_one_device_is_one_deployment(adapter: Northbound) -> None:
    route = respx.post(f"{URL}/northbound/v1/deployments")
    route.mock(return_value=httpx.Response(201, json={"deployments": [{"deploymentId": "d-1"}]}))
    assert adapter.deploy("a", "pump-1", "pump-watch", "1.0.0", {"rate": 3}) == "d-1"
    route.mock(return_value=httpx.Response(201, json={"deployments": []}))
    with pytest.raises(NorthboundError, match="deployments has no 0"):
        adapter.deploy("a", "pump-1", "pump-watch", "1.0.0", {})


@pytest.mark.parametrize("url", ["operator.test", "ftp://operator.test", "http://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="northbound URL"):
        reference(url)
