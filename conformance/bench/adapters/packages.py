"""Application packages put where a WFM fetches them: a branch of a git repository, or a tag of an OCI registry."""

import gzip
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

from conformance.bench.adapters.files import GitSource, OciSource
from conformance.bench.adapters.http import basic
from conformance.bench.adapters.requests import OperatorApi, trust_of
from conformance.bench.adapters.templates import Secrets, text_filled
from conformance.bench.errors import UsageError
from conformance.bench.northbound import NorthboundError
from simulator.protocol.application import DESCRIPTION_FILE, ApplicationDescription, parse_description
from simulator.protocol.digest import digest_of

MAX_UNPACKED = 64 * 1024 * 1024
GIT_TIMEOUT_S = 60.0
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
EMPTY_TYPE, EMPTY = "application/vnd.oci.empty.v1+json", b"{}"
ARTIFACT = "application/vnd.margo.app.v1+json"
DESCRIPTION_TYPE = "application/vnd.margo.app.description.v1+yaml"
OTHER_TYPE = "application/octet-stream"
TITLE, RESOURCE = "org.opencontainers.image.title", "org.margo.app.resource"
Files = Mapping[str, bytes]


class PackageSource(Protocol):
    """Where packages lie. `kind` is what the WFM calls it."""

    kind: str

    def publish(self, files: Files, application: str, version: str) -> dict[str, Any]:
        """Put a package there; gives what the WFM has to know to fetch it. Raises NorthboundError."""
        ...

    def close(self) -> None:
        """Let go of what is held."""
        ...


def unpacked(archive: bytes) -> dict[str, bytes]:
    """Give the plain files of a package by path, within bounds. Raises NorthboundError."""
    files: dict[str, bytes] = {}
    left = MAX_UNPACKED
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as package:
            for member in package:
                name = PurePosixPath(member.name)
                if not member.isfile() or name.is_absolute() or ".." in name.parts:
                    continue
                left -= member.size
                file = package.extractfile(member)
                if left < 0 or file is None:
                    raise NorthboundError(f"the package: expected at most {MAX_UNPACKED} bytes, found more")
                files[name.as_posix()] = file.read()
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, OSError) as error:
        raise NorthboundError(f"the package: expected a tar.gz, found something else ({error})") from None
    return files


class GitPackages:
    """A git repository, pushed to with the `git` of this machine and what it is configured with.

    Raises UsageError where there is none.
    """

    kind = "GIT_REPO"

    def __init__(self, described: GitSource, secrets: Secrets) -> None:
        if shutil.which("git") is None:
            raise UsageError("source: git: expected the program git on this machine, found none")
        self._file, self._secrets = described, secrets

    def close(self) -> None:
        """Nothing is held between packages."""

    def publish(self, files: Files, application: str, version: str) -> dict[str, Any]:
        """Push a branch that holds nothing but the package."""
        release = {"application": application, "version": version}
        branch = text_filled(self._file.branch, release, self._secrets)
        with tempfile.TemporaryDirectory(prefix="margo-package-") as scratch:
            folder = Path(scratch)
            for name, data in files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(data)
            self._git(folder, "init", "--quiet")
            self._git(folder, "add", "--all", "--force")
            author = ("-c", "user.name=margo-conformance", "-c", "user.email=margo-conformance@localhost")
            self._git(folder, *author, "commit", "--quiet", "--no-verify", "-m", f"{application} {version}")
            place = text_filled(self._file.push, release, self._secrets)
            self._git(folder, "push", "--quiet", "--force", place, f"HEAD:refs/heads/{branch}")
        access = {"username": self._file.username, "accessToken": self._file.token}
        told = {name: text_filled(value, {}, self._secrets) for name, value in access.items() if value}
        return {"url": text_filled(self._file.url or self._file.push, release, self._secrets), "branch": branch, **told}

    def _git(self, folder: Path, *arguments: str) -> None:
        what = self._secrets.hide(f"git {' '.join(arguments)}")
        # a password is never asked for: nobody is there to type it
        environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1"}
        for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
            environment.pop(name, None)
        try:
            done = subprocess.run(  # noqa: S603 - no shell
                ["git", *arguments],  # noqa: S607 - the user's git
                cwd=folder,
                env=environment,
                capture_output=True,
                timeout=GIT_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise NorthboundError(f"{what}: not done within {GIT_TIMEOUT_S:g} s") from None
        if done.returncode != 0:
            said = self._secrets.hide(" ".join(done.stderr.decode("utf-8", "replace").split()))
            raise NorthboundError(f"{what}: {said[-300:] or f'exit code {done.returncode}'}")


class OciPackages:
    """A registry, pushed to by the OCI distribution specification 1.1 (REG-04, REG-07..REG-12)."""

    kind = "OCI_REPO"

    def __init__(self, described: OciSource, folder: Path, secrets: Secrets, timeout_s: float) -> None:
        self._file, self._secrets = described, secrets
        headers = {}
        if described.password:
            given = f"{described.username or ''}:{secrets.add(text_filled(described.password, {}, secrets))}"
            headers["Authorization"] = basic(given, secrets)
        trust = trust_of(folder / described.ca if described.ca else None)
        self._api = OperatorApi(timeout_s, trust, secrets, headers)

    def close(self) -> None:
        """Close the connection."""
        self._api.close()

    def publish(self, files: Files, application: str, version: str) -> dict[str, Any]:
        """Push every file as a blob, then the manifest that names them, under the release's tag."""
        release = {"application": application.lower(), "version": version.replace("+", "_")}
        repository = text_filled(self._file.repository, release, self._secrets)
        tag = text_filled(self._file.tag, release, self._secrets)
        root = f"{self._file.registry}/v2/{repository}"
        for data in (EMPTY, *files.values()):
            self._blob(root, data)
        manifest = json.dumps(manifest_of(files)).encode()
        self._api.send("PUT", f"{root}/manifests/{tag}", (201,), content=manifest, headers={"Content-Type": MANIFEST})
        access = {"username": self._file.username, "password": self._file.password}
        given = {name: text_filled(value, {}, self._secrets) for name, value in access.items() if value}
        told = {"authentication": {"type": "basic", **given}} if given else {}
        seen_as = self._file.seen_as or urlsplit(self._file.registry).netloc
        return {"registryUrl": seen_as, "repository": repository, "tag": tag, **told}

    def _blob(self, root: str, data: bytes) -> None:
        begun, _ = self._api.send("POST", f"{root}/blobs/uploads/", (202,))
        place = urljoin(f"{root}/blobs/uploads/", begun.headers.get("Location", ""))
        if urlsplit(place).netloc != urlsplit(root).netloc:
            # a registry that stores elsewhere would be sent our credentials there
            raise NorthboundError(f"POST {root}/blobs/uploads/: expected a Location of the registry, found {place}")
        joint = "&" if "?" in place else "?"
        headers = {"Content-Type": OTHER_TYPE}
        self._api.send("PUT", f"{place}{joint}digest={digest_of(data)}", (201,), content=data, headers=headers)


def manifest_of(files: Files) -> dict[str, Any]:
    """Compose the manifest of an application package: the empty config, and one layer for each file."""
    description = parse_description(files[DESCRIPTION_FILE]) if DESCRIPTION_FILE in files else None
    kinds = _resource_kinds(description) if description else {}
    layers = [
        _descriptor(kinds.get(name, OTHER_TYPE), data)
        | {"annotations": {TITLE: name, **({RESOURCE: name} if name in kinds else {})}}
        for name, data in files.items()
        if name != DESCRIPTION_FILE
    ]
    if description:
        first = _descriptor(DESCRIPTION_TYPE, files[DESCRIPTION_FILE])
        layers.insert(0, first | {"annotations": {TITLE: DESCRIPTION_FILE}})
    config = _descriptor(EMPTY_TYPE, EMPTY)
    kept = {"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": ARTIFACT}
    return {**kept, "config": config, "layers": layers}


def _resource_kinds(description: ApplicationDescription) -> dict[str, str]:
    """Give the media type of each file that the catalogue entry names (REG-11)."""
    entry = description.metadata.catalog.application
    named = (
        (
            ("icon", entry.icon),
            ("descriptionFile", entry.description_file),
            ("licenseFile", entry.license_file),
            ("releaseNotes", entry.release_notes),
        )
        if entry
        else ()
    )
    return {
        file.removeprefix("./"): f"application/vnd.margo.app.{kind}.v1+{PurePosixPath(file).suffix[1:] or 'txt'}"
        for kind, file in named
        if file and "://" not in file
    }


def _descriptor(media_type: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}
