"""What numbers, times and names of a description may be, and times that vary.

Times in seconds, or with a unit ("90s", "5m", "12h", "7d"); sizes in bytes.
"""

import math
import re
from itertools import pairwise
from statistics import NormalDist
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    WithJsonSchema,
    model_validator,
)

MAX_DURATION_S = 366 * 86400.0
MAX_NAME = 62
MICROSECOND_S = 0.000_001
"""What the engines count times in."""
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_HOURS = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$")
_NAME = re.compile(rf"^[a-z0-9]([a-z0-9.-]{{0,{MAX_NAME - 2}}}[a-z0-9])?$")
_TIME = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*$")


def seconds(value: Any) -> Any:
    """What a time with a unit is in seconds; a number as it is. Raises ValueError."""
    if isinstance(value, str):
        found = _TIME.match(value)
        if found is None:
            raise ValueError('expected a time such as 90, "90s", "5m", "12h" or "7d"')
        return float(found[1]) * _UNITS[found[2]]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError('expected a time such as 90, "90s", "5m", "12h" or "7d"')
    return value


def whole_seconds(value: Any) -> Any:
    """As `seconds`, where the protocol has no fractions. Raises ValueError."""
    found = seconds(value)
    if isinstance(found, float) and not found.is_integer():
        raise ValueError('expected whole seconds, as the protocol has them: 90, "90s" or "5m"')
    return int(found)


def _at_least_one_microsecond(value: float) -> float:
    if value < MICROSECOND_S:
        raise ValueError("expected at least 0.000001, a microsecond, which is the least time that is simulated")
    return value


def _name(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError(f'expected a text: write "{value}", with quotes' if _is_plain(value) else "expected a text")
    if not _NAME.fullmatch(value):
        allowed = f"lower-case letters, digits, dots and hyphens, at most {MAX_NAME}"
        raise ValueError(f"expected {allowed}, beginning and ending with a letter or digit")
    return value


def _is_plain(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


TIME_SCHEMA = WithJsonSchema(
    {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": _TIME.pattern}]}
)
WHOLE_SCHEMA = WithJsonSchema(
    {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": _TIME.pattern}]}
)
_LONGEST = Field(ge=0, le=MAX_DURATION_S, allow_inf_nan=False)
Seconds = Annotated[float, BeforeValidator(seconds), _LONGEST, TIME_SCHEMA]
Positive = Annotated[
    float, BeforeValidator(seconds), Field(ge=0.001, le=MAX_DURATION_S, allow_inf_nan=False), TIME_SCHEMA
]
Spread = Annotated[float, BeforeValidator(seconds), _LONGEST, AfterValidator(_at_least_one_microsecond), TIME_SCHEMA]
"""A mean or a median of times that vary."""
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
PerDay = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
Bytes = Annotated[int, Field(ge=0, le=1 << 40)]
Tries = Annotated[int, Field(ge=1, le=1000)]
Name = Annotated[str, BeforeValidator(_name), WithJsonSchema({"type": "string", "pattern": _NAME.pattern})]


class Part(BaseModel):
    """The base of all parts: frozen; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Distribution(Part):
    """Exactly one of `uniform` [low, high], `exponential` (mean), `lognormal` [median, p95] and `percentiles`.

    Sampled between the quantiles 0.0005 and 0.9995, so that no single value is absurd.
    """

    uniform: tuple[Seconds, Seconds] | None = None
    exponential: Spread | None = None
    lognormal: tuple[Spread, Spread] | None = None
    percentiles: dict[Annotated[float, Field(ge=0, le=100)], Seconds] | None = None

    @model_validator(mode="after")
    def _can_be_sampled(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("expected exactly one of uniform, exponential, lognormal and percentiles")
        if self.uniform and self.uniform[0] > self.uniform[1]:
            raise ValueError("uniform: expected [low, high] with low not above high")
        if self.lognormal and self.lognormal[0] > self.lognormal[1]:
            raise ValueError("lognormal: expected [median, p95] with the median not above the 95th percentile")
        if self.percentiles is not None:
            values = [value for _, value in sorted(self.percentiles.items())]
            if len(values) < 2 or values != sorted(values):
                raise ValueError("percentiles: expected at least two, with values that never fall")
        return self


Sampled = Annotated[
    Annotated[Seconds, Tag("a time")] | Annotated[Distribution, Tag("a distribution")],
    Discriminator(lambda value: "a distribution" if isinstance(value, dict | Distribution) else "a time"),
]


def quantile(of: Sampled, p: float) -> float:
    """The seconds below which the part `p` of a distribution lies."""
    if isinstance(of, int | float):
        return of
    p = min(max(p, 0.0005), 0.9995)
    if of.uniform is not None:
        return of.uniform[0] + p * (of.uniform[1] - of.uniform[0])
    if of.exponential is not None:
        return -of.exponential * math.log1p(-p)
    if of.lognormal is not None:
        sigma = math.log(of.lognormal[1] / of.lognormal[0]) / NormalDist().inv_cdf(0.95)
        return of.lognormal[0] * math.exp(sigma * NormalDist().inv_cdf(p))
    points = sorted((of.percentiles or {}).items())
    for (x0, y0), (x1, y1) in pairwise(points):
        if p * 100 <= x1:
            return y0 + (y1 - y0) * min(max((p * 100 - x0) / (x1 - x0), 0.0), 1.0)
    return points[-1][1]


def _hours(value: Any) -> Any:
    if isinstance(value, tuple):
        return value
    found = _HOURS.match(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError('expected hours of the day such as "22:00-06:00"')
    start, end = (int(found[n]) * 3600.0 + int(found[n + 1]) * 60.0 for n in (1, 3))
    if start == end:
        raise ValueError(f"expected an end other than the start, found {value!r}")
    return start, end


def several(value: Any) -> Any:
    """Refuse one text where a list of hours belongs, whose letters would be taken one by one. Raises ValueError."""
    if isinstance(value, str):
        raise ValueError(f'expected a list of hours such as ["{value}"]')
    return value


def _clock(hours: tuple[float, float]) -> str:
    """As it is written, so that a fleet that was run can be read again."""
    return "-".join(f"{int(at) // 3600:02}:{int(at) % 3600 // 60:02}" for at in hours)


Hours = Annotated[
    tuple[float, float],
    BeforeValidator(_hours),
    PlainSerializer(_clock, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _HOURS.pattern}),
]
"""From and until, in seconds of the day; simulations begin at midnight."""
