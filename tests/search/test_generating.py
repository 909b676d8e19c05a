"""Documents from schemas: valid ones are valid, spoiled ones are not, and no keyword is passed over in silence."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from conformance.catalogue import load
from conformance.search.generating import UnknownKeyword, documents, spoiled

SCHEMAS = {name: load().schema(name) for name in ("device-capabilities", "deployment-status")}


@settings(max_examples=20, deadline=None)
@given(name=st.sampled_from(sorted(SCHEMAS)), data=st.data())
def test_documents_keep_their_schema_and_spoiled_ones_do_not(name: str, data: st.DataObject) -> None:
    schema = SCHEMAS[name]
    validator = Draft202012Validator(schema)
    assert validator.is_valid(data.draw(documents(schema)))
    assert not validator.is_valid(data.draw(spoiled(schema, ())))


@settings(max_examples=12, deadline=None)
@given(document=spoiled(SCHEMAS["device-capabilities"], ("labels", "supportedRuntimes")))
def test_what_is_spared_stays_right(document: Any) -> None:
    errors = Draft202012Validator(SCHEMAS["device-capabilities"]).iter_errors(document)
    assert all(not {"labels", "supportedRuntimes"} & set(error.absolute_path) for error in errors)


def test_a_keyword_that_is_not_covered_is_refused() -> None:
    with pytest.raises(UnknownKeyword, match="uniqueItems"):
        documents({"type": "array", "items": {"type": "string"}, "uniqueItems": True})
    with pytest.raises(UnknownKeyword, match="null"):
        documents({"type": "null"})
