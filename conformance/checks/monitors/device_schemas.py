"""Judging what a device sends against the schemas of the catalogue."""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from conformance.catalogue import load
from conformance.checks.evidence import Record
from conformance.checks.registry import Judgement, expect
from conformance.record.events import Exchange


def errors_of(document: Mapping[str, Any], schema: str, revision: str) -> tuple[ValidationError, ...]:
    """Give what is wrong with a document by a schema of a revision."""
    return _errors(json.dumps(document), schema, revision)


@lru_cache(maxsize=1024)  # devices send the same again and again, and several checks share the errors of a document
def _errors(text: str, schema: str, revision: str) -> tuple[ValidationError, ...]:
    return tuple(_validator(schema, revision).iter_errors(json.loads(text)))


@cache
def _validator(name: str, revision: str) -> Draft202012Validator:
    return Draft202012Validator(load(revision).schema(name))


def kind_kept(record: Record, exchange: Exchange, document: Mapping[str, Any], schema: str) -> Iterator[Judgement]:
    """Judge the kind that a document gives itself, where the revision's schema names one."""
    wanted = load(record.revision).schema(schema)["properties"].get("kind", {}).get("const")
    if wanted is not None:
        found = document.get("kind", "nothing")
        yield expect(found == wanted, exchange, expected=f"kind {wanted}", found=f"kind {found}")


def required_members(record: Record, schema: str) -> str:
    """Name the members that a document has to have, in words."""
    *names, last = load(record.revision).schema(schema)["required"]
    return f"{', '.join(names)} and {last}" if names else str(last)


def schema_kept(
    record: Record,
    exchange: Exchange,
    document: Mapping[str, Any],
    schema: str,
    expected: str,
    owns: Callable[[ValidationError], bool],
) -> Judgement:
    """Judge a document by those errors against a schema that a check owns."""
    errors = [error for error in errors_of(document, schema, record.revision) if owns(error)]
    found = "; ".join(f"{error.json_path}: {error.message}" for error in errors[:3]) or "as expected"
    return expect(not errors, exchange, expected=expected, found=found[:400])
