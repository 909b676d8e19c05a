"""The operator's side of a WFM, which Margo does not standardise: what the bench needs of it, and the reference's own.

Another WFM is reached through another implementation of `Northbound`, such as one that runs commands.
"""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import httpx

from conformance.bench.errors import UsageError

ROOT = "/northbound/v1"
TIMEOUT_S = 10.0


class NorthboundError(Exception):
    """The operator's side did not do what it was asked; the message says what was asked and what came back."""


@dataclass(frozen=True, slots=True)
class DeviceAtWfm:
    """A device as the WFM shows it to its operator."""

    client: str
    device_id: str
    capabilities: Mapping[str, Any]
    runtimes: tuple[str, ...] = ()
    deployment_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeploymentAtWfm:
    """A deployment as the WFM shows it to its operator; `state` is what the device last reported, if anything."""

    deployment_id: str
    client: str
    device_id: str
    state: str | None = None


@cache
def public_trust() -> ssl.SSLContext:
    """Give the context for operators' APIs over HTTPS, with the machine's anchors; made once, since that is slow."""
    return ssl.create_default_context()


class Northbound(Protocol):
    """What the bench asks of an operator's side. Clients are named by `wfm-client-id`.

    Every method raises NorthboundError when the WFM does not do it.
    """

    def upload(self, archive: bytes) -> None:
        """Bring in an application package, a gzip-compressed tar with `margo.yaml` at its root."""
        ...

    def devices(self, client: str) -> tuple[DeviceAtWfm, ...]:
        """List the devices of a client."""
        ...

    def deploy(self, client: str, device_id: str, application: str, version: str, parameters: Mapping[str, Any]) -> str:
        """Deploy a release of an application to a device; gives the deployment id."""
        ...

    def update(self, deployment_id: str, version: str | None, parameters: Mapping[str, Any] | None) -> None:
        """Give a deployment another release or other parameter values; None leaves them as they are."""
        ...

    def withdraw(self, deployment_id: str) -> None:
        """Take a deployment back."""
        ...

    def deployments(self, client: str) -> tuple[DeploymentAtWfm, ...]:
        """List the deployments of a client."""
        ...

    def retire(self, client: str) -> None:
        """End the relationship with a client."""
        ...

    def close(self) -> None:
        """Let go of what is held."""
        ...


class ReferenceNorthbound:
    """The northbound API of the reference WFM, over HTTP. Raises UsageError for an address that is none."""

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise UsageError(f"northbound URL: expected http://host:port, found {url!r} ({error})") from None
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise UsageError(f"northbound URL: expected http://host:port, found {url!r}")
        self.url = url.rstrip("/")
        # an operator's API on this bench: no proxy of the environment, and redirects are told, not followed
        self._http = httpx.Client(
            base_url=self.url, timeout=timeout_s, verify=public_trust(), trust_env=False, follow_redirects=False
        )

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def upload(self, archive: bytes) -> None:
        """See `Northbound.upload`."""
        self._ask("POST", "/packages", 201, content=archive, headers={"Content-Type": "application/gzip"})

    def devices(self, client: str) -> tuple[DeviceAtWfm, ...]:
        """See `Northbound.devices`."""
        answer = self._ask("GET", "/devices", 200, params={"client": client})
        return tuple(
            DeviceAtWfm(
                item["client"],
                item["deviceId"],
                item["capabilities"],
                tuple(item["runtimes"]),
                tuple(item["deploymentTypes"]),
            )
            for item in _items(answer, "devices", ("client", "deviceId", "capabilities", "runtimes", "deploymentTypes"))
        )

    def deploy(self, client: str, device_id: str, application: str, version: str, parameters: Mapping[str, Any]) -> str:
        """See `Northbound.deploy`."""
        wanted = {
            "application": application,
            "version": version,
            "targets": [{"client": client, "deviceId": device_id}],
            "parameters": dict(parameters),
        }
        answer = self._ask("POST", "/deployments", 201, json=wanted)
        found = _items(answer, "deployments", ("deploymentId",))
        if len(found) != 1:
            raise NorthboundError(f"POST /deployments: expected one deployment, found {len(found)}")
        return str(found[0]["deploymentId"])

    def update(self, deployment_id: str, version: str | None, parameters: Mapping[str, Any] | None) -> None:
        """See `Northbound.update`."""
        wanted = {"version": version, "parameters": None if parameters is None else dict(parameters)}
        self._ask("PATCH", f"/deployments/{deployment_id}", 200, json=wanted)

    def withdraw(self, deployment_id: str) -> None:
        """See `Northbound.withdraw`."""
        self._ask("DELETE", f"/deployments/{deployment_id}", 202)

    def deployments(self, client: str) -> tuple[DeploymentAtWfm, ...]:
        """See `Northbound.deployments`."""
        answer = self._ask("GET", "/deployments", 200, params={"client": client})
        return tuple(
            DeploymentAtWfm(item["deploymentId"], item["client"], item["deviceId"], item.get("state"))
            for item in _items(answer, "deployments", ("deploymentId", "client", "deviceId"))
        )

    def retire(self, client: str) -> None:
        """See `Northbound.retire`."""
        self._ask("PUT", f"/clients/{client}/retirement", 204)

    def _ask(self, method: str, path: str, wanted: int, **request: Any) -> Any:
        """Send a request; gives the JSON of the answer, None without a body. Raises NorthboundError."""
        what = f"{method} {self.url}{ROOT}{path}"
        try:
            answer = self._http.request(method, f"{ROOT}{path}", **request)
        except httpx.TimeoutException:
            raise NorthboundError(f"{what}: no answer within {self._http.timeout.read:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NorthboundError(f"{what}: {str(error) or type(error).__name__}") from None
        if answer.status_code != wanted:
            raise NorthboundError(f"{what}: expected {wanted}, found {answer.status_code}{_said(answer)}")
        if not answer.content:
            return None
        try:
            return answer.json()
        except ValueError:
            kind = answer.headers.get("Content-Type", "no Content-Type")
            raise NorthboundError(f"{what}: expected JSON, found {kind} of {len(answer.content)} bytes") from None


def _items(answer: Any, name: str, members: tuple[str, ...]) -> list[dict[str, Any]]:
    entries = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(entries, list):
        raise NorthboundError(f"expected a list {name} in the answer, found {json.dumps(answer)[:120]}")
    for item in entries:
        missing = [member for member in members if not isinstance(item, dict) or member not in item]
        if missing:
            raise NorthboundError(
                f"{name}: expected {', '.join(members)} in each entry, found one without {missing[0]}"
            )
    return entries


def _said(answer: httpx.Response) -> str:
    """What the answer says of itself: where it points, its problem's detail, or its kind."""
    if answer.is_redirect:
        return f", pointing to {answer.headers.get('Location', 'nowhere')}"
    try:
        body = answer.json()
    except ValueError:
        return f" ({answer.headers.get('Content-Type', 'no Content-Type')})"
    detail = body.get("detail") or body.get("title") if isinstance(body, dict) else None
    return f": {str(detail)[:300]}" if detail else ""
