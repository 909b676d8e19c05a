"""The published JSON Schema of the event file: one document that describes each line.

`python -m conformance.record.schema` writes it anew after the events have changed; a test keeps the two in step.
"""

import json
from pathlib import Path

from conformance.record.events import json_schema

SCHEMA_FILE = Path(__file__).with_name("events.schema.json")


def schema_text() -> str:
    """Give the schema as it is published."""
    return json.dumps(json_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
