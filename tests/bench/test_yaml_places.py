"""YAML of the user's is read as YAML has it, unless it says something twice: then nobody would know which is meant."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from conformance.bench.accommodations.loading import accommodations
from conformance.bench.adapters.files import read_adapter_file
from conformance.bench.errors import UsageError
from conformance.bench.hooks.loading import load_hooks
from conformance.bench.ics import load_ics
from conformance.bench.yaml_places import read_text
from conformance.search.replays import read

keys = st.text(st.characters(codec="ascii", categories=("Ll", "Nd")), min_size=1, max_size=5)
leaves = st.none() | st.booleans() | st.integers() | keys
trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)
READERS: dict[str, Callable[[Path], object]] = {
    "statement": lambda path: load_ics(path, "device"),
    "hooks": load_hooks,
    "adapter": read_adapter_file,
    "accommodations": lambda path: accommodations([str(path)], "wfm", "1.0.0-rc.3"),
    "replay": lambda path: read(path, "device"),
}


@given(trees, st.sampled_from([True, False, None]))
def test_what_says_everything_once_is_read_as_it_is(tree: object, flow: bool | None) -> None:
    value, _ = read_text(yaml.safe_dump(tree, default_flow_style=flow), "f.yaml")
    assert value == tree


@given(st.dictionaries(keys, trees, min_size=1, max_size=5), st.data())
def test_a_key_that_is_there_twice_is_told_with_both_lines(tree: dict[str, object], data: st.DataObject) -> None:
    again = data.draw(st.sampled_from(sorted(tree)))
    lines = [
        yaml.safe_dump({name: held}, default_flow_style=True, width=10_000).strip()[1:-1] for name, held in tree.items()
    ]
    first = list(tree).index(again) + 1
    text = "\n".join([*lines, yaml.safe_dump({again: 1}).strip()])
    with pytest.raises(UsageError) as refused:
        read_text(text, "f.yaml")
    told = f"f.yaml:{len(lines) + 1}: {again}: expected once, found again: it is in line {first} already"
    assert str(refused.value) == told


@pytest.mark.parametrize("kind", READERS)
def test_every_file_of_the_users_is_read_so(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "file.yaml"
    file.write_text("a: {b: 1}\nc:\n- d: 2\n  e: 3\n  d: 4\n")
    with pytest.raises(UsageError) as refused:
        READERS[kind](file)
    assert f"{file}:5: c.0.d: expected once, found again: it is in line 3 already" in str(refused.value)
    file.write_text("a: 1\nb: [\n")
    with pytest.raises(UsageError) as refused:
        READERS[kind](file)
    assert f"{file}:3: not valid YAML: " in str(refused.value)


def test_what_an_alias_stands_for_is_looked_at_once() -> None:
    value, _ = read_text("a: &x {b: 1}\nc: *x\nd: &self [*self]\n", "f.yaml")
    assert value["c"] == {"b": 1}
    assert read_text("a: &x {b: 1}\nc: {<<: *x, b: 2}\n", "f.yaml")[0]["c"] == {"b": 2}
