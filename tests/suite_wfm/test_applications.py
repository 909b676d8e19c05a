"""Applications in their roles, their releases, and what is said of a package that cannot be used."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest
import yaml

from conformance.bench.applications import applications
from conformance.bench.errors import UsageError
from simulator.protocol.application import parse_description

DESCRIPTION = """
apiVersion: v1
id: pump-watch
metadata:
  name: Pump watch
  version: 1.4.2
  catalog: {organization: [{name: Example}]}
deploymentProfiles:
  - id: helm
    type: helm
    components:
      - name: watcher
        properties: {repository: "oci://registry.example/pump", revision: 1.4.2-rc.1_b7}
parameters:
  rate: {value: 10, targets: [{pointer: rate, components: [watcher]}]}
  mode: {value: slow, targets: [{pointer: mode, components: [watcher]}]}
  site: {value: north, targets: [{pointer: site, components: [watcher]}]}
  fixed: {value: 1, targets: [{pointer: fixed, components: [watcher]}]}
configuration:
  sections:
    - name: all
      settings:
        - {parameter: rate, name: Rate, schema: rate}
        - {parameter: mode, name: Mode, schema: mode}
        - {parameter: site, name: Site, schema: site}
        - {parameter: fixed, name: Fixed, schema: rate, immutable: true}
  schema:
    - {name: rate, dataType: integer, maxValue: 10, minValue: 1}
    - {name: mode, dataType: string, options: [slow, fast]}
    - {name: site, dataType: string, minLength: 3, maxLength: 5, regexMatch: "[a-z]+"}
"""


def package(folder: Path, text: str = DESCRIPTION) -> Path:
    folder.mkdir(parents=True)
    (folder / "margo.yaml").write_text(text)
    return folder


def test_given_packages_come_first_and_samples_fill_the_remaining_roles(tmp_path: Path) -> None:
    given = package(tmp_path / "given")
    for name in ("alpha", "beta", "gamma"):
        package(tmp_path / "samples" / name, DESCRIPTION.replace("pump-watch", name))
    (tmp_path / "samples" / "notes").mkdir()
    found = applications([given], tmp_path / "samples")
    assert [app.application_id for app in found.values()] == ["pump-watch", "alpha", "beta", "gamma"]
    assert list(found) == ["primary", "secondary", "tertiary", "spare 1"], "what was displaced is kept in reserve"


def test_a_sample_of_the_same_application_gives_way(tmp_path: Path) -> None:
    package(tmp_path / "samples" / "alpha")
    found = applications([package(tmp_path / "given")], tmp_path / "samples")
    assert [app.directory.name for app in found.values()] == ["given"]


def test_the_first_release_is_the_package_as_it_is(tmp_path: Path) -> None:
    folder = package(tmp_path / "given")
    (folder / "resources").mkdir()
    (folder / "resources" / "icon.png").write_bytes(b"\x89PNG")
    release = applications([folder], tmp_path)["primary"].release(1)
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(release.archive))) as archive:
        assert archive.getnames() == ["margo.yaml", "resources/icon.png"]
        member = archive.extractfile("margo.yaml")
        assert member is not None
        assert member.read() == DESCRIPTION.encode()


def test_a_later_release_differs_in_its_versions_only(tmp_path: Path) -> None:
    application = applications([package(tmp_path / "given")], tmp_path)["primary"]
    later = application.release(3)
    expected = yaml.safe_load(DESCRIPTION)
    expected["metadata"]["version"] = "1.4.4"
    expected["deploymentProfiles"][0]["components"][0]["properties"]["revision"] = "1.4.4_b7"
    assert yaml.safe_load(later.files["margo.yaml"]) == expected
    assert parse_description(later.files["margo.yaml"]) == later.description
    assert later.archive == application.release(3).archive
    assert later.archive != application.release(2).archive


def test_other_values_keep_to_the_rules_of_the_settings(tmp_path: Path) -> None:
    values = applications([package(tmp_path / "given")], tmp_path)["primary"].release(1).other_values
    assert values["rate"] == 9
    assert values["mode"] == "fast"
    assert values["site"] != "north"
    assert values["site"].isalpha()
    assert 3 <= len(values["site"]) <= 5
    assert "fixed" not in values


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("id: pump-watch", "id: Pump"), ["margo.yaml", "id", "expected", "found"]),
        (("apiVersion: v1", "apiVersion: v7"), ["margo.yaml", "apiVersion", "v7"]),
        (("version: 1.4.2", "title: x"), ["margo.yaml", "metadata.version", "found nothing"]),
        (("metadata:", "metadata: ["), ["margo.yaml", "YAML"]),
        (("organization:", "application: {icon: missing.png}, organization:"), ["margo.yaml", "missing.png"]),
    ],
)
def test_a_bad_package_is_named_with_file_and_field(tmp_path: Path, change: tuple[str, str], words: list[str]) -> None:
    folder = package(tmp_path / "given", DESCRIPTION.replace(*change, 1))
    with pytest.raises(UsageError) as caught:
        applications([folder], tmp_path)
    assert all(word in str(caught.value) for word in [str(folder), *words])


def test_what_is_no_package_is_said_so(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(UsageError, match=str(path)):
            applications([path], tmp_path)
    with pytest.raises(UsageError, match="another id"):
        applications([package(tmp_path / "one"), package(tmp_path / "two")], tmp_path)


def test_links_in_a_package_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    folder = package(tmp_path / "given")
    (folder / "leak").symlink_to(secret)
    assert "leak" not in applications([folder], tmp_path)["primary"].files
