"""The base of all documents: pydantic settings, exact JSON and YAML, and errors that name the field.

Size and depth are bounded and YAML is loaded safely, since every document comes from the other side.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn, Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_camel

MAX_DOCUMENT_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 64
_FOLDED = re.compile("[\x85\u2028\u2029]")
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""Ten times as fast where PyYAML was built with libyaml; safe in either form."""
EXTENSION_KEY = re.compile(r"^x-[a-z][a-z0-9-]*-extensions$")


class DocumentError(ValueError):
    """A document that cannot be used: which document, which field, what was expected and what was found."""

    def __init__(self, document: str, field: str, expected: str, found: str) -> None:
        self.document = document
        self.field = field
        self.expected = expected
        self.found = found
        super().__init__(f"{document}: {field}: expected {expected}, found {found}")

    @property
    def well_formed(self) -> bool:
        """Whether the text could be parsed at all: the line between 400 and 422 (AMB-X-22)."""
        return self.field != "text"


class Document(BaseModel):
    """A frozen document with camelCase members; unknown members are kept and ignored (VER-002)."""

    model_config = ConfigDict(
        frozen=True, extra="allow", alias_generator=to_camel, populate_by_name=True, hide_input_in_errors=True
    )

    def to_wire(self) -> dict[str, Any]:
        """The members as they go over the wire; members that were never given are left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)

    @classmethod
    def from_wire(cls, value: object, document: str | None = None) -> Self:
        """Read parsed JSON or YAML; raises DocumentError that names the first field that is wrong."""
        name = document or cls.__name__
        if not isinstance(value, Mapping):
            raise DocumentError(name, "(root)", "an object", type_name(value))
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "(root)"
            raise DocumentError(name, field, expectation(first), found_in(first)) from None

    @classmethod
    def problems(cls, value: object) -> list[tuple[str, str]]:
        """Every (field, message) that is wrong, for the `errors` of a 422 (ERR-017)."""
        try:
            cls.model_validate(value)
        except ValidationError as error:
            return [
                (".".join(str(part) for part in item["loc"]) or "(root)", expectation(item))
                for item in error.errors(include_url=False)
            ]
        return []


class Reported(Document):
    """A document that a device sends: what is optional may be left out, but is never null, as the schemas have it."""

    @model_validator(mode="after")
    def _no_nulls(self) -> Self:
        given = type(self).model_fields.keys() & self.model_fields_set
        nulls = sorted(to_camel(name) for name in given if getattr(self, name) is None)
        if nulls:
            raise ValueError(f"a value for {', '.join(nulls)}, or no such member; found null")
        return self


def expectation(item: Mapping[str, Any]) -> str:
    """One pydantic error as the thing that was expected."""
    known = {"missing": "a value", "extra_forbidden": "no such member"}
    message = str(item["msg"]).partition("; found ")[0]
    return known.get(item["type"], message.removeprefix("Value error, ").removeprefix("Input should be "))


def found_in(item: Mapping[str, Any]) -> str:
    """One pydantic error as the thing that was found; a validator of ours tells it behind `; found `."""
    told = str(item["msg"]).partition("; found ")[2]
    if told or item["type"] == "missing":
        return told or "nothing"
    return "something else" if item["type"] == "value_error" else shown(item.get("input"))


def type_name(value: object) -> str:
    """The JSON name of a value's type."""
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "nothing"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else type(value).__name__)


def shown(value: object, limit: int = 80) -> str:
    """A value short enough for an error message."""
    if isinstance(value, dict | list):
        return type_name(value)
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def parse_json(data: bytes, document: str) -> Any:
    """Parse JSON without loss: integers of any size stay exact, duplicate members and NaN are refused."""
    check_size(data, document)
    try:
        value = json.loads(data, object_pairs_hook=_unique_members, parse_constant=_no_constant)
        if b"\\u" in data:  # an escaped lone surrogate is no text: it could be written nowhere
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise DocumentError(document, "text", "valid JSON", str(error) or "text nested too deeply") from None
    return value


def parse_yaml(data: bytes, document: str) -> Any:
    """Parse one YAML document with the safe loader; aliases, duplicate keys and deep nesting are refused."""
    check_size(data, document)
    try:
        text = data.decode("utf-8")
        check_tree(text, document)
        return yaml.load(text, Loader=_SafeLoader)  # noqa: S506 - a subclass of the safe loader
    except UnicodeDecodeError as error:
        raise DocumentError(document, "text", "UTF-8", f"byte {data[error.start]:#04x} at {error.start}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, DocumentError):
            raise
        raise DocumentError(document, "text", "one valid YAML document", " ".join(str(error).split())) from None


def check_tree(text: str, document: str) -> None:
    """Refuse aliases (which can blow up in memory) and nesting that no real document has."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise DocumentError(document, "text", "YAML without aliases", f"alias *{event.anchor}")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise DocumentError(document, "text", f"at most {MAX_DEPTH} levels", "deeper nesting")


def dump_yaml(value: Mapping[str, Any]) -> bytes:
    """Write YAML as a person would, in the order given, always the same bytes for the same value."""
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    if _FOLDED.search(text):  # line breaks of Unicode would be folded into spaces when read: escape them
        text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=False, width=120)
    return text.encode()


def canonical_json(value: Any) -> bytes:
    """Deterministic JSON as RFC 8785 has it, but exact for integers beyond 2^53 (DS-058, AMB-X-04).

    Holds for the documents of this protocol: members with ASCII names, no fractions.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def check_size(data: bytes, document: str) -> None:
    """Refuse a document that is larger than any real one."""
    if len(data) > MAX_DOCUMENT_BYTES:
        raise DocumentError(document, "text", f"at most {MAX_DOCUMENT_BYTES} bytes", f"{len(data)} bytes")


def extensions_of(document: BaseModel) -> dict[str, Any]:
    """The `x-<unique-name>-extensions` members of a document (EXT-003)."""
    return {key: value for key, value in (document.model_extra or {}).items() if EXTENSION_KEY.match(key)}


def check_extensions(document: BaseModel) -> None:
    """An extension's value is an object (EXT-007)."""
    for key, value in extensions_of(document).items():
        if not isinstance(value, dict):
            raise ValueError(f"{key} must be an object")


class _SafeLoader(_Loader):  # type: ignore[misc]
    """The safe loader, refusing duplicate keys; timestamps stay text, as JSON has none."""


def _construct_unique_mapping(loader: _SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    mapping: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in mapping:
            raise yaml.constructor.ConstructorError(None, None, f"duplicate key {key!r}", key_node.start_mark)
        mapping[key] = loader.construct_object(value_node, deep=True)
    return mapping


_SafeLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_unique_mapping)
_SafeLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"duplicate member {next(name for name in names if names.count(name) > 1)!r}")
    return members


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")
