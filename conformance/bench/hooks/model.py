"""A hook as its user declares it, in the statement (ICS) or in a file of its own: what is called, and for how long.

hooks:
  reboot: {command: [ssh, root@edge, reboot], timeout: 30}
  power-cut: {http: "http://pdu/outlet/3/{action}", method: POST}
  tamper: {python: "my_hooks:tamper"}
  factory-reset: {manual: "Hold the reset key for ten seconds", timeout: 900}
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator

from conformance.bench.hooks.abilities import ABILITIES, PLACEHOLDERS
from conformance.catalogue import UnknownName

MAX_TIMEOUT_S = 24 * 3600.0
KINDS = ("command", "http", "python", "manual")
FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
Kind = Literal["command", "http", "python", "manual"]
Text = Annotated[str, Field(min_length=1)]


class UnknownPlaceholder(UnknownName):
    """A placeholder that no call could fill."""

    kind = "placeholder"


def _placed(text: str) -> str:
    """Refuse a placeholder that no call could fill. Raises ValueError."""
    for name in PLACEHOLDER.findall(text):
        if name not in PLACEHOLDERS:
            raise ValueError(str(UnknownPlaceholder(name, PLACEHOLDERS)))
    return text


class _Hook(BaseModel):
    """What every kind of hook has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    timeout: float = Field(default=60.0, gt=0, le=MAX_TIMEOUT_S)
    """Seconds; a call that takes longer is ended and has failed."""
    precise: bool = False
    """Of `power-cut`: the device cuts its own power at the point it is told, rather than when the bench says now."""


class CommandHook(_Hook):
    """A program: the call is JSON on its stdin, exit code 0 says that it was done."""

    command: tuple[Text, ...] = Field(min_length=1)
    """Program and arguments, with placeholders; no shell is involved."""

    @field_validator("command")
    @classmethod
    def _fillable(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(_placed, value))

    @property
    def kind(self) -> Kind:
        """What it is."""
        return "command"


class HttpHook(_Hook):
    """An HTTP request; any status of 2xx says that it was done."""

    http: Text
    """The URL, with placeholders."""
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    headers: Mapping[str, str] = {}
    body: str | None = None
    """With placeholders; the call as JSON when it is left out."""

    @field_validator("http")
    @classmethod
    def _address(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("expected a URL that begins with http:// or https://")
        return _placed(value)

    @field_validator("body")
    @classmethod
    def _fillable(cls, value: str | None) -> str | None:
        return _placed(value) if value else value

    @property
    def kind(self) -> Kind:
        """What it is."""
        return "http"


class PythonHook(_Hook):
    """A Python function that takes the call as a dict; what it raises says that it was not done."""

    python: Text
    """`module:function`, importable where the suite runs."""

    @field_validator("python")
    @classmethod
    def _function(cls, value: str) -> str:
        if FUNCTION.fullmatch(value) is None:
            raise ValueError(f"expected MODULE:FUNCTION, found {value!r}")
        return value

    @property
    def kind(self) -> Kind:
        """What it is."""
        return "python"


class ManualHook(_Hook):
    """A person who is told what to do, and types what was done."""

    manual: Text
    """The instruction, with placeholders."""
    timeout: float = Field(default=600.0, gt=0, le=MAX_TIMEOUT_S)

    @field_validator("manual")
    @classmethod
    def _fillable(cls, value: str) -> str:
        return _placed(value)

    @property
    def kind(self) -> Kind:
        """What it is."""
        return "manual"


def _kind(value: Any) -> str | None:
    if isinstance(value, _Hook):
        return str(getattr(value, "kind", ""))
    names = [kind for kind in KINDS if kind in value] if isinstance(value, Mapping) else []
    return names[0] if len(names) == 1 else None


Hook = Annotated[
    Annotated[CommandHook, Tag("command")]
    | Annotated[HttpHook, Tag("http")]
    | Annotated[PythonHook, Tag("python")]
    | Annotated[ManualHook, Tag("manual")],
    Discriminator(_kind, custom_error_type="hook", custom_error_message=f"expected exactly one of {', '.join(KINDS)}"),
]


_MODELS: Mapping[str, type[_Hook]] = {
    "command": CommandHook,
    "http": HttpHook,
    "python": PythonHook,
    "manual": ManualHook,
}
FIELDS: Mapping[str, tuple[str, ...]] = {kind: tuple(model.model_fields) for kind, model in _MODELS.items()}
"""What may stand in a hook of each kind."""
COMMON = tuple(_Hook.model_fields)
"""What may stand in every hook."""


class UnknownHook(UnknownName):
    """A hook that no scenario asks for."""

    kind = "hook"


def unfit(name: str, hook: Hook) -> tuple[str, str] | None:
    """Give the field of a hook that says nothing of what it is for, and why; None where all of them do."""
    if hook.precise and name != "power-cut":
        return "precise", "expected with power-cut only: nothing else has points that a device could cut its power at"
    return None


def known(hooks: Mapping[str, Hook]) -> Mapping[str, Hook]:
    """Refuse hooks for what no scenario asks for. Raises ValueError with the nearest known name."""
    for name, hook in hooks.items():
        if name not in ABILITIES:
            raise ValueError(str(UnknownHook(name, ABILITIES)))
        if misplaced := unfit(name, hook):
            raise ValueError(f"{name}: {': '.join(misplaced)}")
    return hooks
