"""The machine report as JSON, and its published schema."""

import json
from pathlib import Path
from typing import Any

from conformance.record.run import Run
from reports.model import Report
from reports.projection import report_of

SCHEMA_FILE = Path(__file__).parent / "schema" / "report.schema.json"
"""The published JSON Schema, kept in step with the models by a test."""


def render(run: Run) -> str:
    """Give the report as one JSON document, indented, ending with a newline."""
    return report_of(run).model_dump_json(indent=2) + "\n"


def schema() -> dict[str, Any]:
    """Generate the JSON Schema (2020-12) of the report from its models."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Report.model_json_schema(mode="serialization"),
    }


def schema_text() -> str:
    """Give the schema as it stands in the published file."""
    return json.dumps(schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
