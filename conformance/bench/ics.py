"""The implementation conformance statement (ICS): what a supplier says of its subject, as YAML."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from conformance.bench.deadlines import Deadlines
from conformance.bench.errors import UsageError
from conformance.bench.hooks.loading import hooks_of
from conformance.bench.hooks.model import Hook, known
from conformance.bench.yaml_places import Source, in_words, read_file
from conformance.catalogue import DEFAULT_REVISION, Catalogue, UnknownName, load
from conformance.record.events import Role
from simulator.identity.spiffe import is_segment

Text = Annotated[str, Field(min_length=1)]
A_DAY_S = 86400.0
"""Longer nobody waits."""
BEYOND_PROFILE: Mapping[Role, tuple[str, ...]] = {"wfm": ("placement-matching",)}
"""Features of the references that no profile claims by default."""
UNDER_TEST: Mapping[Role, str] = {"device": "device under test", "wfm": "WFM under test"}
"""What a real subject is called of which no statement says the name."""


def _client_ids(ids: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse ids that could stand in no SPIFFE ID (ID-07), and those that are there twice. Raises ValueError."""
    for position, client_id in enumerate(ids):
        if not is_segment(client_id):
            raise ValueError(f"expected ids of letters, digits, '.', '_' and '-' (ID-07), found {client_id!r}")
        if client_id in ids[:position]:
            raise ValueError(f"expected each client once, found {client_id!r} twice")
    return ids


class SubjectNames(BaseModel):
    """Who made it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Text
    vendor: str | None = None
    version: str | None = None


class Ics(BaseModel):
    """One statement. Features default to those of the profile; a policy left out is observed, not judged."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    role: Literal["device", "wfm"]
    revision: str = DEFAULT_REVISION
    subject: SubjectNames
    profile: str
    features: tuple[str, ...] | None = None
    policies: Mapping[str, str] = {}
    poll_interval: float | None = Field(default=None, gt=0, le=A_DAY_S, alias="poll-interval")
    """Seconds between two polls of a real device."""
    limits: Mapping[str, Annotated[float, Field(gt=0, le=A_DAY_S)]] = {}
    """Deadlines in seconds that differ from the suite's."""
    hooks: Annotated[Mapping[str, Hook], AfterValidator(known)] = {}
    """What is called to do to a real device what the bench cannot."""
    clients: Annotated[tuple[Text, ...], AfterValidator(_client_ids)] = ()
    """The only clients a real WFM takes (`wfm-client-id`), as far as it takes only those it was told of."""

    @classmethod
    def of_reference(cls, role: Role, revision: str = DEFAULT_REVISION) -> Self:
        """Give the statement of the built-in reference: it declares the first value of every policy.

        Beyond its profile it claims what a WFM may do, and the reference does.
        """
        catalogue = load(revision)
        profile = catalogue.profiles(role)[0]
        known = {feature.name for feature in catalogue.features(role)}
        beyond = tuple(name for name in BEYOND_PROFILE.get(role, ()) if name in known)
        declared = {name: values[0] for item in catalogue.behaviours for name, values in item.policy.items()}
        return cls(
            role=role,
            revision=revision,
            subject=SubjectNames(name=f"reference {role}"),
            profile=profile.name,
            features=(*profile.claims, *beyond) if beyond else None,
            policies=declared if role == "device" else {},
        )

    @property
    def of_profile(self) -> Self:
        """The same for a real subject that comes without a statement: nobody has said more of it than its profile.

        It has no vendor's name, and what it does where the specification leaves that open is observed, not judged.
        """
        subject = SubjectNames(name=UNDER_TEST[self.role])
        return self.model_copy(update={"subject": subject, "features": None, "policies": {}})

    @property
    def deadlines(self) -> Deadlines:
        """The deadlines in force; raises UsageError for an unknown name."""
        return Deadlines.of(self.limits, self.poll_interval)

    def claims(self, catalogue: Catalogue) -> tuple[str, ...]:
        """Give the claimed features."""
        return self.features if self.features is not None else catalogue.profile(self.role, self.profile).claims

    def policy(self, name: str) -> str | None:
        """Give a declared policy, or None when nothing is declared (observe and report)."""
        return self.policies.get(name)


def load_ics(path: Path, role: Role) -> Ics:
    """Read and check a statement.

    Raises UsageError naming file, line, field, expected and found: unreadable, not YAML, wrong field, unknown revision,
    profile, feature, policy or deadline, clients of a device, or a statement of the other role.
    """
    value, source = read_file(path)
    ics = _validated(value, source)
    if ics.role != role:
        raise source.wrong(["role"], f"expected {role}, found {ics.role}")
    if ics.clients and role != "wfm":
        raise source.wrong(["clients"], f"expected in the statement of a wfm only, found {', '.join(ics.clients)}")
    catalogue: Catalogue = _known(source, ["revision"], lambda: load(ics.revision))
    _known(source, ["profile"], lambda: catalogue.profile(role, ics.profile))
    _known(source, ["features"], lambda: catalogue.applicable(role, ics.claims(catalogue)))
    _check_policies(source, ics, catalogue)
    try:
        _ = ics.deadlines
    except UsageError as error:
        raise source.wrong(["limits"], error) from None
    return ics


def _known(source: Source, steps: Sequence[Any], look_up: Callable[[], Any]) -> Any:
    try:
        return look_up()
    except UnknownName as error:
        raise source.wrong(steps, error) from None


def _validated(value: Any, source: Source) -> Ics:
    if not isinstance(value, dict):
        cause = f"expected a mapping with role, subject and profile, found {type(value).__name__}"
        raise UsageError(f"{source.name}: {cause}")
    if "hooks" in value:
        hooks_of(value["hooks"], source, "hooks")
    try:
        return Ics.model_validate(value)
    except ValidationError as error:
        # a slip in the name of a field is told as such, rather than as the field that is missing for it
        first = min(error.errors(include_url=False), key=lambda one: one["type"] != "extra_forbidden")
        model = SubjectNames if first["loc"][0] == "subject" else Ics
        fields = [field.alias or name for name, field in model.model_fields.items()]
        raise source.wrong(first["loc"], in_words(first, fields)) from None


def _check_policies(source: Source, ics: Ics, catalogue: Catalogue) -> None:
    known = {name: values for behaviour in catalogue.behaviours for name, values in behaviour.policy.items()}
    for name, value in ics.policies.items():
        if name not in known:
            raise source.wrong(["policies", name], UnknownName(name, known, "policies"))
        if value not in known[name]:
            raise source.wrong(["policies", name], f"expected one of {', '.join(known[name])}, found {value}")
