"""Adapter files: what they may say, and reading them with messages that name file, line and field."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from conformance.bench.adapters.templates import ENVIRONMENT, places
from conformance.bench.errors import UsageError
from conformance.bench.northbound import OPERATIONS, Operation
from conformance.bench.yaml_places import field_of, line_of, read_text

KINDS = ("http", "command", "python", "manual", "symphony")
"""What `adapter:` may be; the reference's own API is given by its address instead of a file."""
FROM_HEADER = ("header:", "last-segment:")
Text = Annotated[str, Field(min_length=1)]
Timeout = Annotated[float, Field(gt=0, le=3600)]


def _operation(name: Any) -> Any:
    if name not in OPERATIONS:
        raise ValueError(f"expected an operation of the contract; {_nearest(str(name), OPERATIONS)}")
    return name


def _nearest(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, known, 1)
    return f"did you mean {near[0]}?" if near else f"there are: {', '.join(known) or 'none'}"


OperationName = Annotated[str, BeforeValidator(_operation)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class HttpOperation(_Part):
    """One request. At most one of `json`, `form`, `files` and `body` says what it carries."""

    request: Annotated[str, Field(pattern=r"^[A-Z]+ (/|https?://)\S*$")] | None = None
    """Method, and a path below `url` or a whole address."""
    skip: bool = False
    """Nothing to do, such as an upload to a WFM that has all packages already."""
    headers: Mapping[str, Text] = {}
    json_: Any = Field(default=None, alias="json")
    form: Mapping[str, Text] | None = None
    files: Mapping[str, Text] | None = None
    """A multipart form; `{archive}` becomes a file."""
    body: Text | None = None
    expect: Annotated[tuple[int, ...], Field(min_length=1)] | None = None
    """Statuses that mean success; without it every 2xx."""
    each: Text | None = None
    """Where the list is from whose entries `take` takes (`devices` and `place` only)."""
    take: Mapping[str, Text] = {}
    """For each member of the result the path to it in the answer, or `header:NAME`, or `last-segment:NAME`."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        carried = [name for name in ("json_", "form", "files", "body") if getattr(self, name) is not None]
        if len(carried) > 1:
            raise ValueError("expected at most one of json, form, files and body")
        if (self.request is None) is not self.skip:
            raise ValueError("expected either `request: METHOD /path` or `skip: true`")
        return self


class HttpFile(_Part):
    """`adapter: http`."""

    adapter: Literal["http"]
    url: Annotated[str, Field(pattern=r"^https?://[^/\s]+")]
    headers: Mapping[str, Text] = {}
    basic: Text | None = None
    """`user:password` for HTTP basic authentication."""
    ca: Path | None = None
    """PEM file with the authority of the operator's API, when it is none of this machine's."""
    timeout: Timeout = 20.0
    refresh: Timeout = 5.0
    """How often the WFM asks an identity service, in seconds (`follow` only)."""
    operations: Mapping[OperationName, HttpOperation]


class CommandFile(_Part):
    """`adapter: command`."""

    adapter: Literal["command"]
    command: Annotated[tuple[Text, ...], Field(min_length=1)]
    """The program and its arguments; a path with a slash counts from the folder of the file."""
    timeout: Timeout = 60.0
    refresh: Timeout = 5.0
    secrets: tuple[Text, ...] = ()
    """Environment variables whose values are hidden in everything that is shown or recorded."""
    operations: tuple[OperationName, ...]


class PythonFile(_Part):
    """`adapter: python`."""

    adapter: Literal["python"]
    entry: Text
    """`module:Class`, or the name of an installed entry point."""
    path: Path | None = None
    """A folder to import from, counted from the folder of the file."""
    options: Mapping[str, Any] = {}
    """Keyword arguments of the class; texts may hold `{env:NAME}`."""
    refresh: Timeout = 5.0


class ManualOperation(_Part):
    """What a person is told and asked."""

    say: Text | None = None
    ask: tuple[Text, ...] | None = None
    """Members of the result to type in."""


class ManualFile(_Part):
    """`adapter: manual`."""

    adapter: Literal["manual"]
    deadline: Timeout = 300.0
    refresh: Timeout = 5.0
    operations: Mapping[OperationName, ManualOperation] | None = None
    """Without it the operations that are required and `update`, in the suite's own words."""


class GitSource(_Part):
    """A git repository that packages are pushed to, one branch for each release."""

    push: Text
    """Where the bench pushes, as `git push` takes it."""
    url: Text | None = None
    """Where the WFM fetches, when that is another address."""
    branch: Text = "{application}-{version}"
    username: Text | None = None
    token: Text | None = None
    """What the WFM is given to fetch with."""


class OciSource(_Part):
    """An OCI registry that packages are pushed to, one tag for each release."""

    registry: Annotated[str, Field(pattern=r"^https?://[^/\s]+$")]
    """Where the bench pushes."""
    seen_as: Text | None = None
    """The registry's address as the WFM knows it, when that is another one."""
    repository: Text = "margo/{application}"
    tag: Text = "{version}"
    username: Text | None = None
    password: Text | None = None
    ca: Path | None = None


class Sources(_Part):
    """Where packages are put for the WFM to fetch: one of the two."""

    git: GitSource | None = None
    oci: OciSource | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.git is None) is (self.oci is None):
            raise ValueError("expected either git or oci")
        return self


class SymphonyFile(_Part):
    """`adapter: symphony`."""

    adapter: Literal["symphony"]
    url: Annotated[str, Field(pattern=r"^https?://[^/\s]+")]
    base: Annotated[str, Field(pattern=r"^/\S*$")] = "/v1alpha2/margo/nbi/v1"
    headers: Mapping[str, Text] = {}
    ca: Path | None = None
    timeout: Timeout = 20.0
    refresh: Timeout = 5.0
    source: Sources
    helm: Text = "helm"
    """What the WFM calls the profile type of charts; earlier ones say `helm.v3`."""
    updates: bool = False
    """Whether this WFM changes a deployment with PUT; the public one has no such route."""
    ready: Timeout = 120.0
    """How long a package may take until it can be deployed, and a deployment until it can be removed."""
    every: Timeout = 1.0
    """How often the WFM is asked how far it is."""
    settle: Annotated[float, Field(ge=0, le=600)] = 2.0
    """How long after the WFM knows of a change its manifests are given to show it."""


AdapterFile = HttpFile | CommandFile | PythonFile | ManualFile | SymphonyFile
_READER: TypeAdapter[AdapterFile] = TypeAdapter(Annotated[AdapterFile, Field(discriminator="adapter")])


def read_adapter_file(path: Path, text: str | None = None) -> AdapterFile:
    """Read and check an adapter file. Raises UsageError naming file, line, field, expected and found."""
    if text is None:
        text = _text(path)
    value, source = read_text(text, str(path))
    tree = source.tree
    if not isinstance(value, dict):
        raise UsageError(f"{path}: expected a mapping with adapter, found {type(value).__name__}")
    if value.get("adapter") not in KINDS:
        raise UsageError(f"{path}: adapter: expected one of {', '.join(KINDS)}, found {value.get('adapter')!r}")
    try:
        read = _READER.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        steps = [part for part in first["loc"][1:] if part != "[key]"]
        found = "nothing" if first["type"] == "missing" else repr(first.get("input"))[:200]
        said = first["msg"].removeprefix("Value error, ")
        said = said[:1].lower() + said[1:]
        if first["type"] == "extra_forbidden" and len(steps) == 1:
            said = f"unknown field; {_nearest_field(value['adapter'], str(steps[0]))}"
        raise UsageError(f"{path}:{line_of(tree, steps)}: {field_of(steps)}: {said}, found {found}") from None
    if isinstance(read, HttpFile | ManualFile):
        _check_places(path, tree, read)
    if isinstance(read, SymphonyFile):
        _check_sources(path, tree, read.source)
    return read


def _nearest_field(kind: str, name: str) -> str:
    """Say what a field of an adapter file may have been meant to be."""
    of_kind = dict(zip(KINDS, get_args(AdapterFile), strict=True))[kind]
    known = [field.alias or own for own, field in of_kind.model_fields.items()]
    nearest = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {nearest[0]}?" if nearest else f"known: {', '.join(known)}"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: expected UTF-8 text, found something else ({error.reason})") from None


def _check_places(path: Path, tree: Any, read: HttpFile | ManualFile) -> None:
    """Refuse a placeholder or a member that the operation does not have."""
    for name, how in (read.operations or {}).items():
        known = OPERATIONS[name]
        told = how.model_dump(by_alias=True, exclude={"take", "each", "expect", "ask"})
        for place in sorted(places(told)):
            if place not in known.takes and not place.startswith(ENVIRONMENT):
                raise _unknown(path, tree, ["operations", name], "placeholder", place, known.takes)
        named = how.take if isinstance(how, HttpOperation) else how.ask or ()
        members = DEVICE_MEMBERS if name == "devices" else known.gives
        for member in named:
            if member not in members:
                raise _unknown(path, tree, ["operations", name], "member of the result", member, members)
        if isinstance(how, HttpOperation) and not how.skip:
            _check_take(path, tree, known, how)


RELEASE = ("application", "version")


def _check_sources(path: Path, tree: Any, read: Sources) -> None:
    for kind, source in (("git", read.git), ("oci", read.oci)):
        for name, text in source.model_dump(mode="json").items() if source else ():
            for place in sorted(places(text)):
                if place not in RELEASE and not place.startswith(ENVIRONMENT):
                    raise _unknown(path, tree, ["source", kind, name], "placeholder", place, RELEASE)


DEVICE_MEMBERS = ("device", "client", "capabilities", "runtimes", "types")
LISTS = ("devices", "place")
"""Operations whose result is a list."""
NEEDED: Mapping[str, tuple[str, ...]] = {
    "deploy": ("deployment",),
    "devices": ("device",),
    "place": ("deployment", "device"),
}
"""Members without which a result says nothing."""


def _check_take(path: Path, tree: Any, known: Operation, how: HttpOperation) -> None:
    where = ["operations", known.name]
    for needed in NEEDED.get(known.name, ()):
        if needed not in how.take:
            cause = f"take: expected the path to `{needed}` in the answer, found {dict(how.take)!r}"
            raise UsageError(f"{path}:{line_of(tree, where)}: {field_of(where)}: {cause}")
    if (known.name in LISTS) is not (how.each is not None):
        cause = "each: expected for `devices` and `place`, and only there: the path to the list in the answer"
        raise UsageError(f"{path}:{line_of(tree, where)}: {field_of(where)}: {cause}")


def _unknown(path: Path, tree: Any, steps: list[Any], what: str, name: str, known: tuple[str, ...]) -> UsageError:
    where = f"{path}:{line_of(tree, steps)}: {field_of(steps)}"
    return UsageError(f"{where}: unknown {what} {name!r}; {_nearest(name, known)}")
