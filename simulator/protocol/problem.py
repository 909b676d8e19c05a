"""Problem documents (RFC 9457) and the registered Margo problem types (ERR-*, PT-*, PRB-*)."""

from enum import StrEnum
from http import HTTPStatus
from typing import Literal, Self

from pydantic import Field

from simulator.protocol.documents import Document, DocumentError, canonical_json, parse_json

PROBLEM_MEDIA_TYPE = "application/problem+json"
NAMESPACE = "https://docs.margo.org/specification/problem-types"
BLANK = "about:blank"

Backoff = Literal["none", "fixed", "exponential"]


class ProblemType(StrEnum):
    """The registered types; each value is the whole URI."""

    INVALID_REQUEST = f"{NAMESPACE}#invalid-request"
    SEMANTIC_ERROR = f"{NAMESPACE}#semantic-error"
    NOT_AUTHORIZED = f"{NAMESPACE}#not-authorized"
    GATEWAY_NOT_FOUND = f"{NAMESPACE}#gateway-not-found"
    DEVICE_NOT_FOUND = f"{NAMESPACE}#device-not-found"
    INVALID_BUNDLE = f"{NAMESPACE}#invalid-bundle"
    DEPLOYMENT_NOT_FOUND = f"{NAMESPACE}#deployment-not-found"
    CANNOT_GENERATE = f"{NAMESPACE}#server-cannot-generate-response"
    DISCOVERY_NOT_FOUND = f"{NAMESPACE}#discovery-document-not-found"
    BUNDLE_NOT_FOUND = f"{NAMESPACE}#spiffe-bundle-not-found"
    BLANK = BLANK


STATUS_OF = {
    ProblemType.INVALID_REQUEST: 400,
    ProblemType.SEMANTIC_ERROR: 422,
    ProblemType.NOT_AUTHORIZED: 403,
    ProblemType.GATEWAY_NOT_FOUND: 404,
    ProblemType.DEVICE_NOT_FOUND: 404,
    ProblemType.INVALID_BUNDLE: 404,
    ProblemType.DEPLOYMENT_NOT_FOUND: 404,
    ProblemType.CANNOT_GENERATE: 406,
    ProblemType.DISCOVERY_NOT_FOUND: 404,
    ProblemType.BUNDLE_NOT_FOUND: 404,
}
_TITLES = {
    ProblemType.INVALID_REQUEST: "Invalid Request",
    ProblemType.SEMANTIC_ERROR: "Semantic Error",
    ProblemType.NOT_AUTHORIZED: "Not Authorized",
    ProblemType.GATEWAY_NOT_FOUND: "Gateway Not Found",
    ProblemType.DEVICE_NOT_FOUND: "Device Not Found",
    ProblemType.INVALID_BUNDLE: "Invalid Bundle",
    ProblemType.DEPLOYMENT_NOT_FOUND: "Deployment Not Found",
    ProblemType.CANNOT_GENERATE: "Server Cannot Generate Response",
    ProblemType.DISCOVERY_NOT_FOUND: "Discovery Document Not Found",
    ProblemType.BUNDLE_NOT_FOUND: "SPIFFE Bundle Not Found",
}
TRANSIENT = (429, 500, 503)
"""Statuses that may be retried, with growing distances (RTY-005)."""


class FieldError(Document):
    """One field of a refused document (ERR-017)."""

    field: str
    message: str


class Problem(Document):
    """A problem document; reading is lenient as RFC 9457 asks, writing gives every member (ERR-005, AMB-C-03)."""

    type: str = BLANK
    title: str | None = None
    status: int | None = Field(default=None, strict=True)
    detail: str | None = None
    instance: str | None = None
    retryable: bool | None = Field(default=None, strict=True)
    retry_after_seconds: int | None = Field(default=None, ge=0)
    backoff_strategy: Backoff | None = None
    errors: tuple[FieldError, ...] | None = None

    @classmethod
    def of(
        cls,
        kind: ProblemType,
        detail: str,
        *,
        status: int | None = None,
        errors: tuple[FieldError, ...] | None = None,
        retry_after_s: int | None = None,
    ) -> Self:
        """A problem with the members that its type or status prescribes (PT-012..PT-014, RTY-005)."""
        code = status or STATUS_OF[kind]
        transient = code in TRANSIENT
        return cls(
            type=str(kind),
            title=_TITLES.get(kind) or HTTPStatus(code).phrase,
            status=code,
            detail=detail,
            retryable=transient,
            backoff_strategy="exponential" if transient else "none",
            retry_after_seconds=retry_after_s if transient else None,
            errors=errors,
        )

    def to_bytes(self) -> bytes:
        """The body of the response."""
        return canonical_json(self.to_wire())


def parse_problem(data: bytes) -> Problem | None:
    """Read a problem document; None when the body is not one, since a client must not break on that (ERR-010)."""
    try:
        return Problem.from_wire(parse_json(data, "problem document"), "problem document")
    except DocumentError:
        return None
