"""The order of the tests."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: they are handed out to processes in this order, file by file."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
