"""What an accommodation is: one named departure of a subject, the statements it breaks, and the way past it, as data.

Steps that change what a client sends are tried only after a WFM refused what the text says; steps that read an answer
otherwise apply to nothing but an answer that departs in just this way.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")]
Status = Annotated[int, Field(ge=100, le=599)]
Operation = Literal[
    "report-capabilities",
    "withdraw-capabilities",
    "fetch-manifest",
    "fetch-deployment",
    "fetch-bundle",
    "report-status",
    "fetch-root-certificate",
    "onboard",
]


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


# --- what a client sends otherwise ------------------------------------------------------------------------------------


class Prefix(_Closed):
    """The interface lies below another path."""

    use: Literal["prefix"]
    path: Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9._~-]+)+$")]


class Route(_Closed):
    """An operation has another route; `from` and `to` are the ends of addresses, with parameters in braces."""

    use: Literal["route"]
    operation: Operation
    from_: Text = Field(alias="from")
    to: Text


class SentMember(_Closed):
    """A member of what is sent has another name."""

    use: Literal["sent-member"]
    operation: Operation
    from_: Text = Field(alias="from")
    to: Text


class SentValue(_Closed):
    """A member of what is sent, named with dots, has to have a value; parameters of the operation stand in braces."""

    use: Literal["sent-value"]
    operation: Operation
    member: Text
    value: Text


class SentHeader(_Closed):
    """A header has to have one value where the text leaves the client a choice; it is added where it is missing.

    An `Accept` that admits the value is replaced by it too, for such a WFM reads no others; one that does not stays.
    """

    use: Literal["sent-header"]
    operation: Operation
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]
    value: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$")]


class Covers(_Closed):
    """A signature has to cover a component that the text does not ask for."""

    use: Literal["signature-covers"]
    component: Literal["@authority"]


class CertificateIn(_Closed):
    """A certificate is understood in one encoding only, although one in the other is taken in."""

    use: Literal["certificate-in"]
    encoding: Literal["pem", "der"]


# --- how an answer is read --------------------------------------------------------------------------------------------


class AnswerMember(_Closed):
    """A member of an answer has another name; it is read as all those in `to` that are not there themselves."""

    use: Literal["answer-member"]
    operation: Operation | None = None
    statuses: tuple[Status, ...] = ()
    from_: Text = Field(alias="from")
    to: tuple[Text, ...]


class AnswerStatus(_Closed):
    """A status is another than the text has.

    `known` narrows it to good writes of what is known already, or of what is new; `expects` to requests that are to be
    refused in these ways; `unless-accept` to those that name something else in `Accept`.
    """

    use: Literal["answer-status"]
    operation: Operation | None = None
    found: Status
    read_as: Status = Field(alias="read-as")
    known: bool | None = None
    expects: tuple[Text, ...] = ()
    unless_accept: Text | None = Field(default=None, alias="unless-accept")


class AnswerHeader(_Closed):
    """A header is missing, or contains what it should not; parameters of the operation stand in braces."""

    use: Literal["answer-header"]
    operation: Operation
    statuses: tuple[Status, ...] = (200,)
    name: Text
    contains: Text | None = None
    read_as: Text = Field(alias="read-as")


class AnswerEncoding(_Closed):
    """A member is in the URL-safe alphabet of Base64, or without its padding."""

    use: Literal["answer-base64"]
    operation: Operation
    member: Text


class EntityTag(_Closed):
    """The manifest's entity tag is the digest of its bundle, or anything but the digest of its own bytes."""

    use: Literal["entity-tag"]
    found: Literal["bundle-digest", "other"]


class FromBundle(_Closed):
    """A deployment that cannot be fetched by itself is taken out of the bundle, where it is under its own digest."""

    use: Literal["document-from-bundle"]


# --- what the bench's WFM does otherwise for a device -----------------------------------------------------------------


class ServedRoute(_Closed):
    """A device calls an operation in another way; what the route leaves out stands in a member of the body."""

    use: Literal["served-route"]
    operation: Operation
    method: Literal["PUT", "POST"]
    from_: Text = Field(alias="from")
    to: Text
    member: Text | None = None


class ServedMember(_Closed):
    """A device names a member of what it sends otherwise."""

    use: Literal["served-member"]
    operation: Operation
    from_: Text = Field(alias="from")
    to: Text
    answered: Text | None = None
    """The name under which such a device looks for the client's id, besides the right one."""


class ServedStatus(_Closed):
    """A device does not understand a status: it sends the same again at once, until it is answered another."""

    use: Literal["served-status"]
    operation: Operation
    instead_of: Status = Field(alias="instead-of")
    given: Status


class Uncovered(_Closed):
    """A device signs without the digest of its body."""

    use: Literal["uncovered-digest"]


class MissingDigest(_Closed):
    """A device sends no digest of its body, and so signs without it."""

    use: Literal["missing-digest"]


STEPS: tuple[type[BaseModel], ...] = (
    Prefix, Route, SentMember, SentValue, SentHeader, Covers, CertificateIn, AnswerMember, AnswerStatus, AnswerHeader,
    AnswerEncoding, EntityTag, FromBundle, ServedRoute, ServedMember, ServedStatus, Uncovered, MissingDigest,
)  # fmt: skip
Sent = Prefix | Route | SentMember | SentValue | SentHeader | Covers | CertificateIn
Read = AnswerMember | AnswerStatus | AnswerHeader | AnswerEncoding | EntityTag | FromBundle
Served = ServedRoute | ServedMember | ServedStatus | Uncovered | MissingDigest
Step = Annotated[Sent | Read | Served, Field(discriminator="use")]
SERVED: tuple[type[BaseModel], ...] = (ServedRoute, ServedMember, ServedStatus, Uncovered, MissingDigest)


class Accommodation(_Closed):
    """One departure: `breaks` are the statements that it breaks, `hides` those of which nothing can be told past it.

    `shown_by` are the statuses by which a subject refuses what the text says; only then the way past is tried.
    """

    name: Name
    role: Literal["device", "wfm"]
    revisions: tuple[Text, ...] = Field(min_length=1)
    breaks: tuple[Text, ...] = Field(min_length=1)
    hides: tuple[Text, ...] = ()
    departs: Text
    expected: Text
    found: Text
    shown_by: tuple[Status, ...] = Field(default=(), alias="shown-by")
    past: tuple[Step, ...] = Field(min_length=1)
    source: str = "shipped"

    @property
    def sent(self) -> tuple[Sent, ...]:
        """The steps that change what is sent."""
        return tuple(step for step in self.past if isinstance(step, Sent))

    @property
    def read(self) -> tuple[Read, ...]:
        """The steps that read an answer otherwise."""
        return tuple(step for step in self.past if isinstance(step, Read))

    @property
    def served(self) -> tuple[Served, ...]:
        """The steps that serve a device otherwise."""
        return tuple(step for step in self.past if isinstance(step, Served))


class AccommodationSet(_Closed):
    """Accommodations that belong together, by their names."""

    name: Name
    role: Literal["device", "wfm"]
    revisions: tuple[Text, ...] = Field(min_length=1)
    about: Text
    members: tuple[Name, ...] = Field(min_length=1)


class AccommodationFile(_Closed):
    """A file of accommodations and sets."""

    accommodations: tuple[Accommodation, ...] = ()
    sets: tuple[AccommodationSet, ...] = ()
