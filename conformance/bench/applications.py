"""The applications a run deploys: those of the user, then the shipped samples, each in several releases.

Scenarios speak of roles (`primary`, `secondary`, `tertiary`); which application plays a role depends on what the user
gave. Release 1 is the package as it is; a later release has bumped versions and nothing else changed.
"""

import gzip
import io
import re
import tarfile
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, cast

from conformance.bench.errors import UsageError
from conformance.bench.scenarios import features_folder
from simulator.protocol.application import (
    DESCRIPTION_FILE,
    ApplicationDescription,
    SettingSchema,
    parse_description,
)
from simulator.protocol.documents import DocumentError, dump_yaml, parse_yaml

ApplicationRole = Literal["primary", "secondary", "tertiary", "spare 1", "spare 2", "spare 3"]
ROLES: tuple[ApplicationRole, ...] = ("primary", "secondary", "tertiary")
SPARES: tuple[ApplicationRole, ...] = ("spare 1", "spare 2", "spare 3")
"""Samples that the user's packages took the role of: for scenarios that need what only they have."""
SAMPLES = "applications"
MAX_PACKAGE_BYTES = 16 * 1024 * 1024
MAX_PACKAGE_FILES = 1_000
_VERSION = re.compile(r"^(\d+)\.(\d+)\.(\d+)(?:-[0-9A-Za-z.-]+)?([_+].*)?$")


@dataclass(frozen=True)
class Release:
    """One release of an application's package. `files` are its files by path inside the package."""

    number: int
    description: ApplicationDescription
    files: Mapping[str, bytes]

    @property
    def version(self) -> str:
        """The version in the application description."""
        return self.description.metadata.version

    @property
    def application_id(self) -> str:
        """The application's id."""
        return self.description.id

    @cached_property
    def document(self) -> Mapping[str, Any]:
        """The application description as plain data."""
        return cast("Mapping[str, Any]", parse_yaml(self.files[DESCRIPTION_FILE], DESCRIPTION_FILE))

    @cached_property
    def archive(self) -> bytes:
        """The package as a gzip-compressed tar with `margo.yaml` at its root; the same bytes for the same files."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name in sorted(self.files):
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(self.files[name]), 0o644
                archive.addfile(member, io.BytesIO(self.files[name]))
        return gzip.compress(buffer.getvalue(), mtime=0)

    @property
    def other_values(self) -> dict[str, Any]:
        """Values that differ from the defaults and keep to the rules of the settings (APP-07, APP-08).

        Parameters that no setting names, or whose rules leave no other value that could be told, are not among them.
        """
        return self._others(immutable=False)

    @property
    def immutable_values(self) -> dict[str, Any]:
        """The same of the settings that may not be changed once installed: right, were it not for that (APP-08)."""
        return self._others(immutable=True)

    def _others(self, *, immutable: bool) -> dict[str, Any]:
        configuration = self.description.configuration
        values: dict[str, Any] = {}
        for name, parameter in (self.description.parameters or {}).items():
            schema = configuration.schema_of(name) if configuration else None
            if configuration is None or schema is None or configuration.immutable(name) is not immutable:
                continue
            other = _other_value(schema, parameter.value)
            if other is not None:
                values[name] = other
        return values


@dataclass(frozen=True)
class Application:
    """An application in its role. `directory` is where its package lies."""

    role: ApplicationRole
    directory: Path
    description: ApplicationDescription
    files: Mapping[str, bytes]
    _made: dict[int, Release] = field(default_factory=dict, repr=False, compare=False)

    @property
    def application_id(self) -> str:
        """The application's id."""
        return self.description.id

    @property
    def shipped(self) -> bool:
        """Whether it is one of the suite's own samples."""
        return self.directory.parent == features_folder() / SAMPLES

    def release(self, number: int) -> Release:
        """Give a release: 1 is the package as it is, each later one has patch versions that are one higher.

        Raises ValueError for a number below 1.
        """
        if number < 1:
            raise ValueError(f"releases are counted from 1, not {number}")
        if number not in self._made:
            self._made[number] = Release(1, self.description, self.files) if number == 1 else self._later(number)
        return self._made[number]

    def _later(self, number: int) -> Release:
        raw = deepcopy(cast("dict[str, Any]", parse_yaml(self.files[DESCRIPTION_FILE], DESCRIPTION_FILE)))
        raw["metadata"]["version"] = _bumped(str(raw["metadata"]["version"]), number - 1)
        for profile in raw["deploymentProfiles"]:
            for component in profile["components"]:
                properties = component["properties"]
                properties["revision"] = _bumped(properties["revision"], number - 1)
        data = dump_yaml(raw)
        files = MappingProxyType({**self.files, DESCRIPTION_FILE: data})
        return Release(number, parse_description(data), files)


Applications = Mapping[str, Application]


def applications(given: Iterable[Path] = (), samples: Path | None = None) -> Applications:
    """Give the application of each role: the given packages first, then the shipped samples, as far as they go.

    Raises UsageError naming file, field, expected and found: a package that cannot be used, or one application twice.
    """
    folder = samples or features_folder() / SAMPLES
    wanted = [(path, True) for path in given]
    wanted += [(path, False) for path in sorted(folder.iterdir() if folder.is_dir() else ()) if _is_package(path)]
    found: dict[str, Application] = {}
    places = (*ROLES, *SPARES)
    for path, chosen in wanted:
        if len(found) == (len(ROLES) if chosen else len(places)):
            continue
        application = read_application(places[len(found)], path)
        same = next((item for item in found.values() if item.application_id == application.application_id), None)
        if same is None:
            found[application.role] = application
        elif chosen:
            file = path / DESCRIPTION_FILE
            raise UsageError(f"{file}: id: expected another id than {same.directory}, found {same.application_id!r}")
    return MappingProxyType(found)


def read_application(role: ApplicationRole, directory: Path) -> Application:
    """Read a package. Raises UsageError: no folder, no or a wrong `margo.yaml`, a missing resource, too large."""
    if not directory.is_dir():
        raise UsageError(f"{directory}: expected a folder with an application package, found {_kind(directory)}")
    description_file = directory / DESCRIPTION_FILE
    if not description_file.is_file():
        raise UsageError(f"{description_file}: expected the application description, found no such file")
    files = _files_of(directory)
    try:
        description = parse_description(files[DESCRIPTION_FILE], str(description_file))
    except DocumentError as error:
        raise UsageError(str(error)) from None
    _check_resources(description, directory, files)
    return Application(role, directory, description, MappingProxyType(files))


def _is_package(path: Path) -> bool:
    return (path / DESCRIPTION_FILE).is_file()


def _kind(path: Path) -> str:
    return "a file" if path.exists() else "nothing"


def _files_of(directory: Path) -> dict[str, bytes]:
    """Read every plain file of a package; links are not followed, so nothing from elsewhere gets in."""
    files: dict[str, bytes] = {}
    size = 0
    try:
        for path in sorted(directory.rglob("*")):
            if path.is_symlink() or not path.is_file():
                continue
            size += path.stat().st_size
            if size > MAX_PACKAGE_BYTES or len(files) >= MAX_PACKAGE_FILES:
                limits = f"at most {MAX_PACKAGE_FILES} files of {MAX_PACKAGE_BYTES} bytes in all"
                raise UsageError(f"{directory}: expected {limits}, found more")
            files[path.relative_to(directory).as_posix()] = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{error.filename or directory}: cannot be read: {error.strerror}") from None
    if DESCRIPTION_FILE not in files:
        raise UsageError(f"{directory / DESCRIPTION_FILE}: expected a plain file, found a link")
    return files


def _check_resources(description: ApplicationDescription, directory: Path, files: Mapping[str, bytes]) -> None:
    catalog = description.metadata.catalog.application
    for resource in catalog.resources if catalog else ():
        if resource.removeprefix("./") not in files:
            file = directory / DESCRIPTION_FILE
            raise UsageError(
                f"{file}: metadata.catalog.application: expected a file of the package, found {resource!r}, "
                "which is not there"
            )


def _bumped(version: str, by: int) -> str:
    """Raise the patch number of a SemVer text; build metadata stays, a pre-release label goes, as it sorts lower."""
    found = _VERSION.match(version)
    if found is None:
        return f"{version}.{by}"
    major, minor, patch, build = found.groups()
    return f"{major}.{minor}.{int(patch) + by}{build or ''}"


def _other_value(schema: SettingSchema, value: Any) -> Any:
    """Give a value of the schema that is not the one given; None when there is none that could be told."""
    if schema.options:
        others = [option for option in schema.options if value not in (option, [option])]
        return _typed(schema, others[0]) if others else None
    match schema.data_type:
        case "boolean":
            return not value
        case "integer" | "double":
            return _other_number(schema, value)
        case "string":
            return _other_text(schema, value)
    return None


def _typed(schema: SettingSchema, option: str) -> Any:
    kind = schema.data_type.removeprefix("array[").removesuffix("]")
    scalar: Any = int(option) if kind == "integer" else float(option) if kind == "double" else option
    return [scalar] if schema.data_type.startswith("array") or schema.multiselect else scalar


def _other_number(schema: SettingSchema, value: Any) -> Any:
    start = value if isinstance(value, int | float) and not isinstance(value, bool) else schema.min_value or 0
    low = schema.min_value if schema.min_value is not None else float("-inf")
    high = schema.max_value if schema.max_value is not None else float("inf")
    number = next((item for item in (start + 1, start - 1) if low <= item <= high), None)
    return int(number) if number is not None and schema.data_type == "integer" else number


def _other_text(schema: SettingSchema, value: Any) -> str | None:
    low, high = schema.min_length or 1, schema.max_length or 256
    text = str(value if value is not None else "")
    tail = [f"{text[:-1]}{end}" for end in "0123456789abcxyz"] if text else []
    added = [f"{text}{number}" for number in range(10)]
    padded = ["x" * length for length in _some(low, high)]
    for candidate in (*added, *tail, *padded):
        fits = low <= len(candidate) <= high and candidate != text
        if fits and (schema.regex_match is None or re.fullmatch(schema.regex_match, candidate)):
            return candidate
    return None


def _some(low: int, high: int) -> Iterable[int]:
    return (length for length, _ in zip(count(low), range(4), strict=False) if length <= high)
