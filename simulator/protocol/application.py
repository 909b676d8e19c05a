"""The application description: what an application supplier ships as `margo.yaml` (APP-*, AD-022, EXT-*)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from simulator.protocol.constraints import DeviceConstraints
from simulator.protocol.deployment import Component, Parameter, ParameterTarget
from simulator.protocol.documents import Document, check_extensions, parse_yaml
from simulator.protocol.ids import ApplicationId

DESCRIPTION_FILE = "margo.yaml"
DataType = Literal[
    "string", "integer", "double", "boolean", "array[string]", "array[integer]", "array[double]", "array[boolean]"
]


class CatalogApplication(Document):
    """What a catalogue shows of the application; the file members point into the package."""

    description_file: str | None = None
    icon: str | None = None
    license_file: str | None = None
    release_notes: str | None = None
    site: str | None = None
    tagline: str | None = None
    tags: tuple[str, ...] | None = None

    @property
    def resources(self) -> tuple[str, ...]:
        """The files the package must hold."""
        files = (self.description_file, self.icon, self.license_file, self.release_notes)
        return tuple(file for file in files if file and "://" not in file)


class Organization(Document):
    """Who publishes the application."""

    name: str
    site: str | None = None


class Author(Document):
    """A person behind the application."""

    name: str | None = None
    email: str | None = None


class Catalog(Document):
    """Catalogue entry; at least one organization."""

    application: CatalogApplication | None = None
    author: tuple[Author, ...] | None = None
    organization: Annotated[tuple[Organization, ...], Field(min_length=1)]


class ApplicationMetadata(Document):
    """Name and version; the version equals the registry tag (REG-06)."""

    name: str
    version: str
    description: str | None = None
    catalog: Catalog


class ProfileOffer(Document):
    """One way to deploy the application. The first profile whose type the device supports is taken."""

    type: Literal["helm", "compose", "custom"]
    id: str
    components: Annotated[tuple[Component, ...], Field(min_length=1)]
    description: str | None = None
    device_constraints: DeviceConstraints | None = None

    @model_validator(mode="after")
    def _extensions(self) -> Self:
        check_extensions(self)
        return self


class Setting(Document):
    """One setting of a configuration section."""

    parameter: str
    name: str
    schema_name: str = Field(alias="schema")
    description: str | None = None
    immutable: bool = Field(default=False, strict=True)


class Section(Document):
    """A group of settings as a person sees it."""

    name: str
    settings: tuple[Setting, ...]


class SettingSchema(Document):
    """The rules for a setting's value (APP-07); which members apply depends on the data type."""

    name: str
    data_type: DataType
    allow_empty: bool = Field(default=False, strict=True)
    min_length: int | None = None
    max_length: int | None = None
    regex_match: str | None = None
    min_value: float | None = None
    max_value: float | None = None
    min_precision: int | None = None
    max_precision: int | None = None
    options: tuple[str, ...] | None = None
    multiselect: bool = Field(default=False, strict=True)


class Configuration(Document):
    """What a user may set, and the rules for it."""

    sections: tuple[Section, ...]
    schemas: tuple[SettingSchema, ...] = Field(alias="schema")

    def schema_of(self, parameter: str) -> SettingSchema | None:
        """The rules for a parameter, if any setting names it."""
        names = {setting.parameter: setting.schema_name for section in self.sections for setting in section.settings}
        return next((schema for schema in self.schemas if schema.name == names.get(parameter)), None)

    def immutable(self, parameter: str) -> bool:
        """Whether a parameter keeps the value it was installed with (APP-08)."""
        return any(s.immutable for section in self.sections for s in section.settings if s.parameter == parameter)


class ApplicationDescription(Document):
    """An application: profiles to choose from, parameters and their rules."""

    api_version: Literal["v1"]
    id: ApplicationId
    metadata: ApplicationMetadata
    deployment_profiles: Annotated[tuple[ProfileOffer, ...], Field(min_length=1)]
    parameters: dict[str, Parameter] | None = None
    configuration: Configuration | None = None

    @model_validator(mode="after")
    def _references(self) -> Self:
        check_extensions(self)
        ids = [profile.id for profile in self.deployment_profiles]
        if len(set(ids)) != len(ids):
            raise ValueError("each deployment profile id once")
        known = {component.name for profile in self.deployment_profiles for component in profile.components}
        for name, parameter in (self.parameters or {}).items():
            _check_targets(name, parameter.targets, known)
        self._check_settings()
        return self

    def _check_settings(self) -> None:
        if not self.configuration:
            return
        schemas = {schema.name for schema in self.configuration.schemas}
        for section in self.configuration.sections:
            for setting in section.settings:
                if setting.parameter not in (self.parameters or {}):
                    raise ValueError(f"setting {setting.name!r} to name a known parameter; found {setting.parameter!r}")
                if setting.schema_name not in schemas:
                    raise ValueError(f"setting {setting.name!r} to name a known schema; found {setting.schema_name!r}")


def _check_targets(name: str, targets: tuple[ParameterTarget, ...], known: set[str]) -> None:
    for target in targets:
        for component in target.components:
            if component not in known:
                raise ValueError(f"parameter {name!r} to target a known component (APP-09); found {component!r}")


def parse_description(data: bytes, file: str = DESCRIPTION_FILE) -> ApplicationDescription:
    """Read an application description; raises DocumentError that names the file."""
    return ApplicationDescription.from_wire(parse_yaml(data, file), file)
