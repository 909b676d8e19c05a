"""Why the WFM refuses a request: one typed exception per registered problem type (PT-001, ERR-007).

The API turns them into problem documents.
"""

from typing import TypeVar

from simulator.protocol.documents import Document, DocumentError, parse_json
from simulator.protocol.problem import FieldError, Problem, ProblemType

DocumentT = TypeVar("DocumentT", bound=Document)


class Refusal(Exception):
    """A request that is refused. `kind` is the problem type, `errors` the fields that are wrong (ERR-017)."""

    kind = ProblemType.BLANK
    status: int | None = None

    def __init__(self, detail: str, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors

    def problem(self) -> Problem:
        """The problem document to answer with."""
        return Problem.of(self.kind, self.detail, status=self.status, errors=self.errors or None)


class MalformedRequest(Refusal):
    """The text of the body cannot be parsed (400)."""

    kind = ProblemType.INVALID_REQUEST


class SemanticError(Refusal):
    """The body is well-formed but wrong (422, AMB-X-22)."""

    kind = ProblemType.SEMANTIC_ERROR

    @classmethod
    def of_field(cls, field: str, message: str) -> "SemanticError":
        """A refusal for one field."""
        return cls(f"{field}: {message}", (FieldError(field=field, message=message),))


class NotAuthorized(Refusal):
    """Local policy denies the client (403, SEC-011..SEC-013)."""

    kind = ProblemType.NOT_AUTHORIZED


class GatewayNotFound(Refusal):
    """A child was reported before its gateway (404, DC-034)."""

    kind = ProblemType.GATEWAY_NOT_FOUND


class DeviceNotFound(Refusal):
    """No such device in the caller's scope (404)."""

    kind = ProblemType.DEVICE_NOT_FOUND


class DeploymentNotFound(Refusal):
    """No such deployment or content in the caller's scope (404, DS-034)."""

    kind = ProblemType.DEPLOYMENT_NOT_FOUND


class BundleNotFound(Refusal):
    """No such bundle in the caller's scope (404, DS-034)."""

    kind = ProblemType.INVALID_BUNDLE


class Unavailable(Refusal):
    """The WFM cannot do this now (503): the store failed."""

    status = 503

    def problem(self) -> Problem:
        """The problem document, with the time after which a retry makes sense (RTY-003)."""
        return Problem.of(self.kind, self.detail, status=503, retry_after_s=5)


def refusal_of(error: DocumentError, errors: list[tuple[str, str]] | None = None) -> Refusal:
    """The refusal of a document: 400 when it cannot be parsed, else 422 with every wrong field."""
    if not error.well_formed:
        return MalformedRequest(str(error))
    fields = errors or [(error.field, f"expected {error.expected}, found {error.found}")]
    return SemanticError(str(error), tuple(FieldError(field=field, message=message) for field, message in fields))


def read(kind: type[DocumentT], body: bytes, name: str) -> DocumentT:
    """Read a document that a client sent; raises MalformedRequest, or SemanticError with every wrong field."""
    value: object = None
    try:
        value = parse_json(body, name)
        return kind.from_wire(value, name)
    except DocumentError as error:
        raise refusal_of(error, kind.problems(value) if error.well_formed else None) from None
