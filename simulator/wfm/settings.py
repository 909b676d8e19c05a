"""Parameter values against the settings schema of the application (APP-06..APP-08)."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from simulator.protocol.application import ApplicationDescription, SettingSchema
from simulator.protocol.documents import shown, type_name

MAX_MATCHED = 4096
"""Characters of a value that are held against a pattern."""
Problems = list[tuple[str, str]]


def check_values(description: ApplicationDescription, values: Mapping[str, Any]) -> Problems:
    """Every (field, message) that is wrong with the operator's values: unknown names and broken rules (APP-07)."""
    problems: Problems = []
    for name, value in values.items():
        field = f"parameters.{name}"
        if name not in (description.parameters or {}):
            known = ", ".join(sorted(description.parameters or {})) or "none"
            problems.append((field, f"expected one of the application's parameters ({known}), found {name}"))
            continue
        schema = description.configuration.schema_of(name) if description.configuration else None
        wrong = _wrong(value, schema) if schema else _no_scalar(value)
        if wrong:
            problems.append((field, wrong))
    return problems


def check_immutable(
    description: ApplicationDescription, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Problems:
    """Every immutable parameter whose effective value would change (APP-08)."""
    problems: Problems = []
    for name, parameter in (description.parameters or {}).items():
        if not description.configuration or not description.configuration.immutable(name):
            continue
        old, new = before.get(name, parameter.value), after.get(name, parameter.value)
        if old != new:
            problems.append((f"parameters.{name}", f"expected {shown(old)} (immutable), found {shown(new)}"))
    return problems


def _wrong(value: Any, schema: SettingSchema) -> str | None:
    """What is wrong with a value by its schema."""
    if value in (None, "", []):
        return None if schema.allow_empty else "expected a value, found an empty one"
    item_type = schema.data_type.removeprefix("array[").removesuffix("]")
    if schema.data_type.startswith("array[") or schema.multiselect:
        if not isinstance(value, list):
            return f"expected an array, found {type_name(value)}"
        return next((wrong for item in value if (wrong := _wrong_item(item, item_type, schema))), None)
    return _wrong_item(value, item_type, schema)


def _wrong_item(value: Any, data_type: str, schema: SettingSchema) -> str | None:
    if not _OF_TYPE[data_type](value):
        return f"expected {data_type}, found {shown(value)}"
    if schema.options is not None and str(value) not in schema.options:
        return f"expected one of {', '.join(schema.options)}, found {shown(value)}"
    if isinstance(value, str):
        return _wrong_text(value, schema)
    if not isinstance(value, bool):
        return _wrong_number(value, schema)
    return None


def _wrong_text(value: str, schema: SettingSchema) -> str | None:
    if schema.min_length is not None and len(value) < schema.min_length:
        return f"expected at least {schema.min_length} characters, found {len(value)}"
    if schema.max_length is not None and len(value) > schema.max_length:
        return f"expected at most {schema.max_length} characters, found {len(value)}"
    if schema.regex_match is None:
        return None
    try:
        matched = re.search(schema.regex_match, value[:MAX_MATCHED])
    except re.error as error:
        return f"expected a valid regexMatch in the schema {schema.name}, found {schema.regex_match}: {error}"
    return None if matched else f"expected a match of {schema.regex_match}, found {shown(value)}"


def _wrong_number(value: float, schema: SettingSchema) -> str | None:
    if schema.min_value is not None and value < schema.min_value:
        return f"expected at least {schema.min_value:g}, found {value}"
    if schema.max_value is not None and value > schema.max_value:
        return f"expected at most {schema.max_value:g}, found {value}"
    exponent = Decimal(repr(value)).normalize().as_tuple().exponent
    digits = -exponent if isinstance(exponent, int) and exponent < 0 else 0
    if schema.min_precision is not None and digits < schema.min_precision:
        return f"expected at least {schema.min_precision} decimals, found {digits}"
    if schema.max_precision is not None and digits > schema.max_precision:
        return f"expected at most {schema.max_precision} decimals, found {digits}"
    return None


def _no_scalar(value: Any) -> str | None:
    """A parameter without a setting: scalars and arrays of them (AMB-X-24)."""
    items = value if isinstance(value, list) else [value]
    fine = all(isinstance(item, str | bool | int | float) for item in items)
    return None if fine else f"expected a scalar or an array of scalars, found {type_name(value)}"


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_OF_TYPE: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": _is_integer,
    "double": _is_number,
    "boolean": lambda value: isinstance(value, bool),
}
