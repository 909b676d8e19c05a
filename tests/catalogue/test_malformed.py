"""Damaged data: one message that names file, entry, field, expected and found."""

import shutil
from importlib.resources import as_file, files
from pathlib import Path

import pytest

from conformance.catalogue import Catalogue, CatalogueError, load, load_folder

REVISION = "1.0.0-rc.3"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Give a private copy of the shipped data files."""
    with as_file(files("conformance.catalogue")) as shipped:
        shutil.copytree(shipped / REVISION, tmp_path / REVISION)
        shutil.copy(shipped / "behaviours.yaml", tmp_path)
    return tmp_path


def read(data: Path) -> Catalogue:
    return load_folder(REVISION, data / REVISION, data / "behaviours.yaml")


def replace(data: Path, name: str, old: str, new: str) -> None:
    """Damage the first place in a data file where the old text stands."""
    file = data / name if name == "behaviours.yaml" else data / REVISION / name
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_copy_of_the_shipped_data_is_the_shipped_catalogue(data: Path) -> None:
    copy = read(data)
    assert copy.requirements == load(REVISION).requirements
    assert copy.digest == load(REVISION).digest


DAMAGE = [
    ("requirements.yaml", "severity: must", "severity: shall", "API-001", "severity", "'must', 'should'"),
    ("requirements.yaml", "binds: [wfm]", "binds: [server]", "API-001", "binds.0", "found server"),
    ("requirements.yaml", "binds: [wfm]", "binds: []", "API-001", "binds", "at least 1 item"),
    ("requirements.yaml", "  source: api-req", "  sources: api-req", "API-001", "source", "found nothing"),
    ("requirements.yaml", "  how: Y/srv", "  how: Y/srv\n  note: x", "API-001", "note", "Extra inputs"),
    ("requirements.yaml", "id: API-002", "id: API-001", "API-001", "id", "expected an id used once"),
    ("requirements.yaml", "id: API-001", "id: api 1", "api 1", "id", "match pattern"),
    ("requirements.yaml", "  level: MUST", "  level: MUST\n  level: MAY", "line ", "syntax", "given twice"),
    ("requirements.yaml", "level: MUST", "level: [MUST", "line ", "syntax", "expected YAML"),
    ("equivalences.yaml", "DS-053", "DS-953", "same, group 1", "ids", "found DS-953"),
    ("equivalences.yaml", "DS-030, DS-054", "DS-030, DS-029", "DS-029", "same", "a second group"),
    ("equivalences.yaml", "ID-47: [", "ID-477: [", "ID-477", "composed", "known requirement ids"),
    ("interpretations.yaml", "[ST-008]", "[ST-888]", "AMB-X-01", "requirements", "found ST-888"),
    ("interpretations.yaml", "margo/sandbox#212", "sandbox 212", "AMB-X-01", "upstream.0", "found sandbox 212"),
    ("profiles.yaml", "claims: [hosting", "claims: [hostin", "profile device/standalone", "claims", "found hostin"),
    ("profiles.yaml", "DC-013", "DC-913", "feature device/hosting", "requirements", "found DC-913"),
    ("profiles.yaml", "version: 1", "version: 0", "profile device/standalone", "version", "greater than or equal"),
    ("problem_types.yaml", "status: 400", "status: 200", "invalid-request", "status", "greater than or equal"),
    ("behaviours.yaml", "basis: normative, see", "basis: obvious, see", "FB-01", "basis", "found obvious"),
    ("schemas/problem.json", "{", "[", "file", "syntax", "expected JSON"),
]


@pytest.mark.parametrize(("name", "old", "new", "entry", "field", "message"), DAMAGE)
def test_damage_is_named_with_its_place(
    data: Path, name: str, old: str, new: str, entry: str, field: str, message: str
) -> None:
    replace(data, name, old, new)
    with pytest.raises(CatalogueError) as caught:
        read(data)
    assert caught.value.entry.startswith(entry)
    assert caught.value.field == field
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert Path(caught.value.file).name == Path(name).name


def test_an_absent_file_is_named(data: Path) -> None:
    (data / REVISION / "requirements.yaml").unlink()
    with pytest.raises(CatalogueError, match=r"requirements\.yaml: file: content: expected a readable UTF-8 file"):
        read(data)


def test_content_of_the_wrong_kind_is_named(data: Path) -> None:
    (data / REVISION / "requirements.yaml").write_text("just words")
    with pytest.raises(CatalogueError, match="expected a list of entries, found str"):
        read(data)
    (data / REVISION / "requirements.yaml").write_text("- just words")
    with pytest.raises(CatalogueError, match="entry 1: entry: expected a mapping, found str"):
        read(data)


def test_a_yaml_tag_that_builds_objects_is_refused(data: Path) -> None:
    (data / REVISION / "requirements.yaml").write_text("- !!python/object/apply:os.getcwd []")
    with pytest.raises(CatalogueError, match="syntax"):
        read(data)


def test_a_long_wrong_value_does_not_bury_the_message(data: Path) -> None:
    replace(data, "requirements.yaml", "severity: must", f"severity: {'x' * 500}")
    with pytest.raises(CatalogueError) as caught:
        read(data)
    assert len(caught.value.found) <= 120


@pytest.mark.parametrize("name", ["requirements.yaml", "profiles.yaml", "schemas/problem.json", "behaviours.yaml"])
def test_every_data_file_counts_in_the_digest(data: Path, name: str) -> None:
    file = data / name if name == "behaviours.yaml" else data / REVISION / name
    file.write_bytes(file.read_bytes() + b"\n")
    assert read(data).digest != load(REVISION).digest


def test_other_files_do_not_count_in_the_digest(data: Path) -> None:
    (data / REVISION / ".notes.swp").write_text("editor droppings")
    assert read(data).digest == load(REVISION).digest


def test_a_catalogue_cannot_be_changed() -> None:
    catalogue = load()
    with pytest.raises(AttributeError):
        catalogue.revision = "2"  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        catalogue.requirements[0].severity = "may"  # type: ignore[misc]
    with pytest.raises(TypeError):
        catalogue.problem_types["x"] = next(iter(catalogue.problem_types.values()))  # type: ignore[index]
