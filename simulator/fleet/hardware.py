"""What devices of a profile have, as they report it of themselves (DC-020..DC-024): the part that a description fixes.

Names and values are those of a capabilities report.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from simulator.protocol.capabilities import LARGE_QUANTITY, QUANTITY, Cpu, Interface, LabelValue, Peripheral


def _size(pattern: str, example: str, units: str) -> Callable[[Any], Any]:
    """What refuses anything but a size of this pattern."""

    def check(value: Any) -> Any:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError(f'expected a size such as "{example}": a number and {units}')
        return value

    return check


def _labels(labels: dict[str, Any]) -> dict[str, Any]:
    for name, value in labels.items():
        if not name:
            raise ValueError("expected labels with names")
        members = value if isinstance(value, list | tuple) else [value]
        alike = all(isinstance(m, str) for m in members) or all(_is_number(m) for m in members)
        single = isinstance(value, str | bool) or _is_number(value)
        if not (single or (members and members is value and alike)):
            expected = "a text, a number, true or false, or a list of texts or of numbers"
            raise ValueError(f"{name}: expected {expected}, found {value!r:.60}")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in labels.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_SCALARS: list[dict[str, Any]] = [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]
_LISTS: list[dict[str, Any]] = [{"type": "array", "minItems": 1, "items": kind} for kind in _SCALARS[:2]]
Labels = Annotated[
    dict[str, Any],
    AfterValidator(_labels),
    WithJsonSchema({"type": "object", "additionalProperties": {"anyOf": [*_SCALARS, *_LISTS]}}),
]
Memory = Annotated[
    str,
    BeforeValidator(_size(QUANTITY, "4Gi", "Ki, Mi or Gi")),
    WithJsonSchema({"type": "string", "pattern": QUANTITY}),
]
Storage = Annotated[
    str,
    BeforeValidator(_size(LARGE_QUANTITY, "64Gi", "Ki, Mi, Gi, Ti, Pi or Ei")),
    WithJsonSchema({"type": "string", "pattern": LARGE_QUANTITY}),
]


class ProfileCpu(Cpu, extra="forbid"):
    """A processor: `cores`, and `architecture` (amd64, arm64 or arm)."""


class ProfilePeripheral(Peripheral, extra="forbid"):
    """A peripheral: its `type`, `manufacturer` and `model`."""


class ProfileInterface(Interface, extra="forbid"):
    """An interface: its `type`."""


class Capabilities(BaseModel):
    """What is named is reported as it stands, an empty list as none; what is left out the seed varies."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cpus: Annotated[tuple[ProfileCpu, ...], Field(min_length=1)] | None = None
    memory: Memory | None = None
    storage: Storage | None = None
    peripherals: tuple[ProfilePeripheral, ...] | None = None
    interfaces: tuple[ProfileInterface, ...] | None = None
    otel_collector: bool | None = Field(default=None, strict=True)
    labels: Labels | None = None

    def labels_beside(self, drawn: dict[str, LabelValue]) -> dict[str, LabelValue] | None:
        """The labels of a device: those that are named, or those drawn for it."""
        return (self.labels or None) if self.labels is not None else drawn
