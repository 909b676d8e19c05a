"""A stand-in for the public sandbox's WFM: its northbound API as it is deployed, in front of a reference WFM."""

import io
import itertools
import json
import subprocess
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import yaml

from conformance.bench.adapters.http import basic
from conformance.bench.adapters.packages import TITLE
from conformance.bench.adapters.templates import Secrets

BASE = "/v1alpha2/margo/nbi/v1"
NOT_READY = 2
"""So many times a new thing is listed as being worked on."""


class Refused(Exception):
    """A request that this WFM answers with an error."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status


@dataclass
class StandIn:
    """What the WFM knows. `folder` is where it clones to; `broken` has every package fail."""

    reference: httpx.Client
    folder: Path
    broken: bool = False
    asked: list[str] = field(default_factory=list)
    packages: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    parameters: dict[str, set[str]] = field(default_factory=dict)
    deployments: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    listed: dict[str, int] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=itertools.count)
    url: str = ""

    def answer(self, method: str, place: str, body: Any) -> tuple[int, Any]:
        """Answer a request. Raises Refused."""
        self.asked.append(f"{method} {place}")
        match method, place.strip("/").split("/"):
            case "POST", ["app-packages"]:
                told: Any = {"Package": self.onboard(body), "Description": {}, "Resources": {}}
            case "GET", ["app-packages"]:
                told = {"items": [self.shown(name, "ONBOARDED") for name in self.packages]}
            case "DELETE", ["app-packages", name]:
                told = self.packages.pop(name)
            case "GET", ["devices"]:
                told = {"items": self.devices()}
            case "POST", ["app-deployments"]:
                told = self.deploy(body)
            case "GET", ["app-deployments"]:
                told = {"items": [self.shown(name, "PENDING") for name in self.deployments] or None}
            case "DELETE", ["app-deployments", name]:
                told = self.remove(name)
            case _:
                raise Refused(404, f"no route {method} {place}")
        return 200 if method == "GET" else 202, told

    def onboard(self, body: Any) -> Mapping[str, Any]:
        """Take a package in, by fetching it from where it lies."""
        spec = body["spec"]
        archive = {"GIT_REPO": self.cloned, "OCI_REPO": pulled}[spec["sourceType"]](spec["source"])
        name = f"pkg-{next(self.numbers)}"
        self.operate("POST", "/packages", content=archive, headers={"Content-Type": "application/gzip"})
        with tarfile.open(fileobj=io.BytesIO(archive)) as package:
            description = package.extractfile("margo.yaml")
            assert description is not None
            text = description.read().decode()
        told = yaml.safe_load(text)
        self.packages[name] = {"application": told["id"], "version": str(told["metadata"]["version"])}
        self.parameters[name] = set(told.get("parameters") or ())
        return {"metadata": {"id": name, **body["metadata"]}}

    def cloned(self, source: Mapping[str, Any]) -> bytes:
        """Fetch a package from a git repository."""
        folder = self.folder / f"clone-{next(self.numbers)}"
        asked = ["git", "clone", "--quiet", "--branch", source["branch"], source["url"], str(folder)]
        subprocess.run(asked, check=True, capture_output=True)  # noqa: S603 - of the tests
        files = [path for path in sorted(folder.rglob("*")) if path.is_file() and ".git" not in path.parts]
        return packed({path.relative_to(folder).as_posix(): path.read_bytes() for path in files})

    def deploy(self, body: Any) -> Mapping[str, Any]:
        """Deploy to the one device of a client."""
        spec = body["spec"]
        client = spec["deviceRef"]["id"]
        strange = sorted(set(spec["parameters"]) - self.parameters[spec["appPackageRef"]["id"]])
        if strange:
            raise Refused(500, f"parameter {strange[0]} is not one of the package")
        (device,) = [item["deviceId"] for item in self.operate("GET", f"/devices?client={client}")["devices"]]
        wanted = {
            **self.packages[spec["appPackageRef"]["id"]],
            "targets": [{"client": client, "deviceId": device}],
            "parameters": {name: item["value"] for name, item in spec["parameters"].items()},
        }
        (made,) = self.operate("POST", "/deployments", json=wanted)["deployments"]
        self.deployments[made["deploymentId"]] = spec
        return {"metadata": {"id": made["deploymentId"], **body["metadata"]}}

    def remove(self, name: str) -> Mapping[str, Any]:
        """Remove a deployment, unless it is being worked on."""
        if self.listed.get(name, 0) <= NOT_READY:
            raise Refused(500, "cannot start deletion from state INSTALLING")
        self.operate("DELETE", f"/deployments/{name}")
        return self.deployments.pop(name)

    def devices(self) -> list[Mapping[str, Any]]:
        """List every device, as a client of its own."""
        found = self.operate("GET", "/devices")["devices"]
        return [
            {"metadata": {"id": item["client"]}, "spec": {"capabilities": item["capabilities"]}, "status": None}
            for item in found
        ]

    def shown(self, name: str, state: str) -> Mapping[str, Any]:
        """Give an entry of a list, which is being worked on at first."""
        times = self.listed[name] = self.listed.get(name, 0) + 1
        state = "FAILED" if self.broken else state
        return {"metadata": {"id": name}, "status": {"state": state if times > NOT_READY else "INSTALLING"}}

    def operate(self, method: str, place: str, **request: Any) -> Any:
        """Operate the reference. Raises Refused."""
        answer = self.reference.request(method, f"/northbound/v1{place}", **request)
        if not answer.is_success:
            raise Refused(500, answer.text)
        return answer.json() if answer.content else None


@contextmanager
def stand_in(northbound: str, folder: Path) -> Iterator[StandIn]:
    """Serve a stand-in in front of the northbound API of a reference WFM."""
    with httpx.Client(base_url=northbound, trust_env=False) as reference:
        made = StandIn(reference, folder)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"null")
                try:
                    status, document = made.answer(self.command, self.path.removeprefix(BASE), body)
                except Refused as refused:
                    status, document = refused.status, {"Error": str(refused)}
                told = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            def do_POST(self) -> None:
                self.do_GET()

            def do_DELETE(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None:
                pass

        with serving(Handler) as made.url:
            yield made


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve on a free port; gives its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def pulled(source: Mapping[str, Any]) -> bytes:
    """Fetch a package from a registry, as OCI says."""
    root = f"http://{source['registryUrl']}/v2/{source['repository']}"
    manifest = httpx.get(f"{root}/manifests/{source['tag']}", trust_env=False).raise_for_status().json()
    files = {
        layer["annotations"][TITLE]: httpx.get(f"{root}/blobs/{layer['digest']}", trust_env=False).content
        for layer in manifest["layers"]
    }
    return packed(files)


def packed(files: Mapping[str, bytes]) -> bytes:
    """Pack files into a tar.gz."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


@contextmanager
def registry(user: str = "", password: str = "") -> Iterator[tuple[str, dict[str, bytes]]]:
    """Serve a registry that can be pushed to; gives its URL, and what it holds by path."""
    held: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if user and self.headers.get("Authorization") != basic(f"{user}:{password}", Secrets()):
                self.answer(401)
                return
            self.answer(202, Location=f"{self.path}begun")

        def do_PUT(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            place, _, digest = self.path.partition("?digest=")
            held[place.replace("uploads/begun", digest)] = data
            self.answer(201)

        def do_GET(self) -> None:
            found = held.get(self.path)
            self.answer(200 if found is not None else 404, found or b"")

        def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with serving(Handler) as url:
        yield url, held
