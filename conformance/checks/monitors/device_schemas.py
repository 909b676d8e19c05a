"""Judging what a device sends against the schemas of the catalogue."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from conformance.catalogue import load
from conformance.checks.registry import Judgement, expect
from conformance.record.events import Exchange


@cache
def validator(name: str) -> Draft202012Validator:
    """Give the validator of a schema of the catalogue."""
    return Draft202012Validator(load().schema(name))


def schema_kept(
    exchange: Exchange,
    document: Mapping[str, Any],
    schema: str,
    expected: str,
    owns: Callable[[ValidationError], bool],
) -> Judgement:
    """Judge a document by those errors against a schema that a check owns."""
    errors = [error for error in validator(schema).iter_errors(document) if owns(error)]
    found = "; ".join(f"{error.json_path}: {error.message}" for error in errors[:3]) or "as expected"
    return expect(not errors, exchange, expected=expected, found=found[:400])
