"""The implementation conformance statement (ICS): what a supplier says of its subject, as YAML."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from conformance.bench.deadlines import Deadlines
from conformance.bench.errors import UsageError
from conformance.bench.hooks.model import Hook, known
from conformance.catalogue import DEFAULT_REVISION, Catalogue, UnknownName, load
from conformance.record.events import Role

Text = Annotated[str, Field(min_length=1)]


BEYOND_PROFILE: Mapping[Role, tuple[str, ...]] = {"wfm": ("placement-matching",)}
"""Features of the references that no profile claims by default."""


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
    poll_interval: float | None = Field(default=None, gt=0, alias="poll-interval")
    """Seconds between two polls of a real device."""
    limits: Mapping[str, float] = {}
    """Deadlines in seconds that differ from the suite's."""
    hooks: Annotated[Mapping[str, Hook], AfterValidator(known)] = {}
    """What is called to do to a real device what the bench cannot."""

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
        """The same for a subject of which nothing is known but its profile."""
        return self.model_copy(update={"features": None})

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

    Raises UsageError naming file, field, expected and found: unreadable, not YAML, wrong field, unknown revision,
    profile, feature, policy or deadline, or a statement of the other role.
    """
    ics = _validated(path, _read(path))
    if ics.role != role:
        raise UsageError(f"{path}: role: expected {role}, found {ics.role}")
    try:
        catalogue = load(ics.revision)
        catalogue.profile(role, ics.profile)
        catalogue.applicable(role, ics.claims(catalogue))
    except UnknownName as error:
        raise UsageError(f"{path}: {error}") from None
    _check_policies(path, ics, catalogue)
    try:
        _ = ics.deadlines
    except UsageError as error:
        raise UsageError(f"{path}: limits: {error}") from None
    return ics


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None


def _validated(path: Path, value: Any) -> Ics:
    if not isinstance(value, dict):
        raise UsageError(f"{path}: expected a mapping with role, subject and profile, found {type(value).__name__}")
    try:
        return Ics.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "(root)"
        found = "nothing" if first["type"] == "missing" else repr(first.get("input"))
        raise UsageError(f"{path}: {field}: {first['msg'].lower()}, found {found}") from None


def _check_policies(path: Path, ics: Ics, catalogue: Catalogue) -> None:
    known = {name: values for behaviour in catalogue.behaviours for name, values in behaviour.policy.items()}
    for name, value in ics.policies.items():
        if name not in known:
            raise UsageError(f"{path}: policies: {UnknownName(name, known, 'policies')}")
        if value not in known[name]:
            raise UsageError(f"{path}: policies.{name}: expected one of {', '.join(known[name])}, found {value}")
