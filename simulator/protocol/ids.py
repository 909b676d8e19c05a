"""Patterns and types that several documents share (facts of revision 1.0.0-rc.3)."""

from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

DEVICE_ID_PATTERN = r"^[A-Za-z0-9._~-]+(\/[A-Za-z0-9._~-]+)*$"
TARGET_PATTERN = r"^[A-Za-z0-9._~-]+(\/[A-Za-z0-9._~-]+)*(\/\*)?$"
UUID_PATTERN = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
REVISION_PATTERN = (
    r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:_([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?$"
)
MAX_MANIFEST_VERSION = 2**64 - 1


def _integral(value: object) -> object:
    """JSON has one kind of number: 7.0 is the integer 7."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


DeviceId = Annotated[str, StringConstraints(pattern=DEVICE_ID_PATTERN, max_length=1024)]
"""A device, or a chain gateway/…/device (DC-006, DC-007)."""

Target = Annotated[str, StringConstraints(pattern=TARGET_PATTERN, max_length=1024)]
"""Where a deployment goes; a final `*` leaves the choice to the gateway (AD-006)."""

DeploymentId = Annotated[str, StringConstraints(pattern=UUID_PATTERN)]
"""A UUID that the WFM assigned (AD-003, ST-005)."""

ApplicationId = Annotated[str, StringConstraints(pattern=r"^[-a-z0-9]{1,200}$")]
"""The application description's id (AD-009..AD-012)."""

ComponentName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$", max_length=253)]
"""Lower-case letters, digits and dashes."""

Repository = Annotated[str, StringConstraints(pattern=r"^oci://.+", max_length=2048)]
"""An OCI reference (AD-016)."""

Revision = Annotated[str, StringConstraints(pattern=REVISION_PATTERN, max_length=256)]
"""SemVer 2.0 without a leading v; `_` stands for `+` (AD-017, AD-018)."""

Timeout = Annotated[str, StringConstraints(pattern=r"^\d+m\d+s$", max_length=16)]
"""Minutes and seconds, such as 8m30s (AD-021)."""

ManifestVersion = Annotated[int, BeforeValidator(_integral), Field(strict=True, ge=1, le=MAX_MANIFEST_VERSION)]
"""An unsigned 64-bit integer from 1, exact to the last digit (DS-010)."""


def semver_of(revision: str) -> str:
    """The revision as a SemVer string: `_` back to `+` (AD-019, DEP-05)."""
    return revision.replace("_", "+")


def timeout_seconds(timeout: str) -> int:
    """`8m30s` as seconds."""
    minutes, _, seconds = timeout.removesuffix("s").partition("m")
    return int(minutes) * 60 + int(seconds)


def parent_of(device_id: str) -> str | None:
    """The gateway a device stands behind, or None (DC-008)."""
    return device_id.rpartition("/")[0] or None
