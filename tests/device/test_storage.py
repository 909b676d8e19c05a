"""Durable state that is whole after any power cut (DS-031, DS-075, MM-06, PF-09)."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.device.durable import (
    DamagedState,
    Durable,
    Fault,
    PartRecord,
    Report,
    WorkRecord,
    from_json,
    to_json,
)
from simulator.device.storage import STATE_FILE, FileStorage, MemoryStorage, Storage

faults = st.none() | st.builds(Fault, st.text(max_size=5), st.text(max_size=5), st.text(max_size=5))
works = st.builds(
    WorkRecord,
    deployment_id=st.text(max_size=5),
    goal=st.binary(max_size=20),
    held=st.none() | st.binary(max_size=20),
    version=st.integers(0, 2**64 - 1),
    held_version=st.integers(0, 2**64 - 1),
    device_id=st.text(max_size=5),
    removing=st.booleans(),
    settled=st.booleans(),
    kept_old=st.booleans(),
    parts=st.lists(st.builds(PartRecord, st.text(max_size=5), st.text(max_size=5), faults), max_size=2).map(tuple),
    fault=faults,
    reported=st.text(max_size=5),
)
durables = st.builds(
    Durable,
    version=st.integers(0, 2**64 - 1),
    manifest_digest=st.text(max_size=5),
    accepted_etag=st.none() | st.text(max_size=5),
    etag=st.none() | st.text(max_size=5),
    reconciled=st.booleans(),
    works=st.lists(works, max_size=2).map(tuple),
    outbox=st.lists(st.builds(Report, st.text(max_size=5), st.binary(max_size=10)), max_size=2).map(tuple),
    announced=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
)


@given(durables)
def test_what_is_written_is_read(state: Durable) -> None:
    assert from_json(json.loads(json.dumps(to_json(state)))) == state


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda v: (
            st.lists(v, max_size=2)
            | st.dictionaries(st.sampled_from(["version", "works", "etag", "outbox"]), v, max_size=3)
        ),
    )
)
def test_anything_else_is_damaged_and_nothing_worse(value: Any) -> None:
    with pytest.raises(DamagedState):
        from_json(value)


def test_a_file_survives_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    assert FileStorage(folder).load() is None
    FileStorage(folder).save(Durable(version=7))
    assert FileStorage(folder).load() == Durable(version=7)
    assert [item.name for item in folder.iterdir()] == [STATE_FILE]
    assert (folder / STATE_FILE).stat().st_mode & 0o777 == 0o600
    FileStorage(folder).erase()
    assert FileStorage(folder).load() is None


def break_at(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: Any, **_options: Any) -> Any:
        raise OSError(28, "no space")

    target: Any = Path if call == "replace" else os
    monkeypatch.setattr(target, call, broken)


@pytest.mark.parametrize("call", ["open", "fsync", "replace"])
def test_the_former_state_stays_when_writing_fails(call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = FileStorage(tmp_path)
    storage.save(Durable(version=1))
    with monkeypatch.context() as patch:
        break_at(call, patch)
        with pytest.raises(OSError, match="no space"):
            storage.save(Durable(version=2))
    assert storage.load() == Durable(version=1)
    storage.save(Durable(version=3))
    assert storage.load() == Durable(version=3)


def test_the_content_is_on_disk_before_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            order.append(name)
            return real(*args)

        return call

    monkeypatch.setattr(os, "fsync", noted("fsync", fsync))
    monkeypatch.setattr(Path, "replace", noted("replace", replace))
    FileStorage(tmp_path).save(Durable())
    assert order == ["fsync", "replace", "fsync"]


def test_a_cut_while_writing_leaves_the_former_state(tmp_path: Path) -> None:
    storage = FileStorage(tmp_path)
    storage.save(Durable(version=1))
    (tmp_path / "state.tmp").write_bytes(b'{"format":1,"dig')
    assert FileStorage(tmp_path).load() == Durable(version=1)
    storage.save(Durable(version=2))
    assert FileStorage(tmp_path).load() == Durable(version=2)


@given(data=st.data())
def test_no_damage_goes_unnoticed(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("state", numbered=True)
    storage = FileStorage(folder)
    state = data.draw(durables)
    storage.save(state)
    file = folder / STATE_FILE
    content = file.read_bytes()
    position = data.draw(st.integers(0, len(content) - 1))
    changed = data.draw(
        st.one_of(
            st.just(content[:position]),
            st.binary(min_size=1, max_size=3).map(lambda b: content[:position] + b + content[position + len(b) :]),
        )
    )
    file.write_bytes(changed)
    loaded: Durable | str | None
    try:
        loaded = storage.load()
    except DamagedState as error:
        loaded = str(error)
    assert loaded == state or (changed != content and str(file) in str(loaded))


def test_a_state_of_another_format_is_not_guessed_at(tmp_path: Path) -> None:
    FileStorage(tmp_path).save(Durable())
    file = tmp_path / STATE_FILE
    file.write_text(file.read_text().replace('"format":1', '"format":2'))
    with pytest.raises(DamagedState, match="format: expected 1, found 2"):
        FileStorage(tmp_path).load()


@pytest.mark.parametrize("make", [lambda _: MemoryStorage(), FileStorage])
def test_both_kinds_behave_alike(make: Callable[[Path], Storage], tmp_path: Path) -> None:
    storage = make(tmp_path)
    storage.save(Durable(version=1))
    storage.full = True
    with pytest.raises(OSError, match="No space"):
        storage.save(Durable(version=2))
    assert storage.load() == Durable(version=1)
    storage.full = False
    storage.damage()
    with pytest.raises(DamagedState):
        storage.load()
    storage.erase()
    assert storage.load() is None
