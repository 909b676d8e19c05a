"""Revision 1.0.0-rc.2-signed on the wire, where it differs from 1.0.0-rc.3: routes by client, envelopes, onboarding.

Everything else of the two revisions is alike, so what speaks this one translates at its edge and shares the rest
(management interface, section 1.B; readings AMB-B-*).
"""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from simulator.protocol.capabilities import DeviceCapabilities, DeviceProperties
from simulator.protocol.documents import EXTENSION_KEY, DocumentError, Reported, parse_json
from simulator.protocol.operations import API_ROOT, Call, recognise
from simulator.protocol.status import StatusReport

REVISION = "1.0.0-rc.2-signed"
CERTIFICATE_PATH = f"{API_ROOT}/onboarding/certificate"
ONBOARDING_PATH = f"{API_ROOT}/onboarding"
CAPABILITIES_ENVELOPE = {"apiVersion": "device.margo.org/v1alpha1", "kind": "DeviceCapabilitiesManifest"}
STATUS_ENVELOPE = {"apiVersion": "deployment.margo.org/v1alpha1", "kind": "DeploymentStatusManifest"}
ONBOARDING_ENVELOPE = {"apiVersion": "onboarding.margo.org/v1alpha1", "kind": "OnboardingRequest"}
DEPLOYMENT_ENVELOPE = {"apiVersion": "application.margo.org/v1alpha1", "kind": "ApplicationDeployment"}
_CLIENTS = f"{API_ROOT}/clients/"


class SignedCapabilities(Reported):
    """A capabilities report of this revision: an envelope and the properties, without labels (DC-009)."""

    api_version: str = Field(min_length=1)
    kind: Literal["DeviceCapabilitiesManifest"]
    properties: DeviceProperties

    @model_validator(mode="after")
    def _root_members(self) -> Self:
        stray = [key for key in self.model_extra or {} if not EXTENSION_KEY.match(key)]
        if stray:
            raise ValueError(f"only apiVersion, kind, properties and x-…-extensions at the root, not {stray[0]}")
        flat = [key for key, value in (self.model_extra or {}).items() if not isinstance(value, dict)]
        if flat:
            raise ValueError(f"{flat[0]} has to be an object")
        return self

    def report(self) -> DeviceCapabilities:
        """Give what is inside the envelope."""
        return DeviceCapabilities.from_wire(without_envelope(self.to_wire()), "DeviceCapabilitiesManifest")


class SignedStatus(StatusReport):
    """A status report of this revision; the adopted manifest version is not told (ST-003)."""

    api_version: str = Field(min_length=1)
    kind: Literal["DeploymentStatusManifest"]


class OnboardingRequest(Reported):
    """A client makes itself known by its certificate (ONB-005, ONB-008, ONB-009)."""

    api_version: str = Field(min_length=1)
    kind: Literal["OnboardingRequest"]
    certificate: str


def scoped_root(client_id: str) -> str:
    """Give the root of one client's routes."""
    return f"{_CLIENTS}{client_id}"


def scoped(target: str, client_id: str) -> str:
    """Put a target of 1.0.0-rc.3 below its client; targets that are below one already stay as they are."""
    if not target.startswith(f"{API_ROOT}/") or target.startswith(_CLIENTS):
        return target
    return f"{scoped_root(client_id)}{target.removeprefix(API_ROOT)}"


def unscoped(target: str) -> tuple[str, str] | None:
    """Take a target apart: the client's id and the target as 1.0.0-rc.3 has it; None for one that has no client."""
    client_id, slash, rest = target.removeprefix(_CLIENTS).partition("/")
    if not target.startswith(_CLIENTS) or not client_id or not slash:
        return None
    return client_id, f"{API_ROOT}/{rest}"


def recognise_signed(method: str, target: str) -> Call:
    """The operation behind a request line of this revision, with `clientId` among its parameters."""
    path = target.partition("?")[0]
    own: dict[tuple[str, str], Call] = {
        ("GET", CERTIFICATE_PATH): Call("fetch-root-certificate"),
        ("POST", ONBOARDING_PATH): Call("onboard"),
    }
    if (method, path) in own:
        return own[method, path]
    apart = unscoped(path)
    if apart is None:
        return Call("unknown")
    call = recognise(method, apart[1])
    return call if call.operation == "unknown" else Call(call.operation, {**call.params, "clientId": apart[0]})


def with_envelope(envelope: Mapping[str, str], document: Mapping[str, Any]) -> dict[str, Any]:
    """Put `apiVersion` and `kind` before the members of a document."""
    return {**envelope, **document}


def without_envelope(document: Mapping[str, Any]) -> dict[str, Any]:
    """Leave `apiVersion` and `kind` out."""
    return {name: value for name, value in document.items() if name not in ("apiVersion", "kind")}


def read_client_id(body: bytes) -> str:
    """Read the answer to an onboarding; raises DocumentError (ONB-006)."""
    value = parse_json(body, "onboarding answer")
    found = value.get("clientId") if isinstance(value, dict) else None
    if not isinstance(found, str) or not found or unscoped(f"{scoped_root(found)}/x") != (found, f"{API_ROOT}/x"):
        raise DocumentError("onboarding answer", "clientId", "a URL-safe id", repr(found))
    return found
