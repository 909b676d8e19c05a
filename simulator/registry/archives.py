"""Component archives as the registry holds them: right ones, and ones that break one rule each (CMP-05..CMP-09).

Archives are made reproducibly: equal content has equal bytes.
"""

import gzip
import io
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from simulator.protocol.component import COMPOSE_FILE
from simulator.protocol.documents import dump_yaml

LINKS = {"symlink": tarfile.SYMTYPE, "hardlink": tarfile.LNKTYPE}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an archive: a file with its content, or a `symlink` or `hardlink` to a target."""

    name: str
    content: bytes = b""
    link: str = ""
    target: str = ""
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Layout:
    """What an archive is made of, before it is written. `compressed` false leaves out the gzip."""

    directory: str
    entries: tuple[Entry, ...]
    compressed: bool = True

    def with_entry(self, *entries: Entry) -> "Layout":
        """Add entries behind the others."""
        return replace(self, entries=(*self.entries, *entries))

    def renamed(self, change: Callable[[str], str]) -> "Layout":
        """Change the name of every entry."""
        return replace(self, entries=tuple(replace(entry, name=change(entry.name)) for entry in self.entries))

    def to_bytes(self) -> bytes:
        """Write the archive."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for entry in self.entries:
                member = tarfile.TarInfo(entry.name)
                member.mode = entry.mode
                if entry.link:
                    member.type, member.linkname = LINKS[entry.link], entry.target
                    archive.addfile(member)
                    continue
                member.size = len(entry.content)
                archive.addfile(member, io.BytesIO(entry.content))
        return gzip.compress(buffer.getvalue(), mtime=0) if self.compressed else buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Project:
    """A Compose project. `services` maps a service to its definition."""

    name: str
    services: Mapping[str, Mapping[str, Any]]
    variables: Mapping[str, str] = field(default_factory=dict)

    def layout(self) -> Layout:
        """Lay the archive out as it has to be: one directory with `compose.yaml` and what it names."""
        services = {
            name: {**service, "env_file": ["settings.env"]} if self.variables else dict(service)
            for name, service in self.services.items()
        }
        files = [Entry(f"{self.name}/{COMPOSE_FILE}", dump_yaml({"name": self.name, "services": services}))]
        if self.variables:
            text = "".join(f"{key}={value}\n" for key, value in self.variables.items())
            files.append(Entry(f"{self.name}/settings.env", text.encode()))
        return Layout(self.name, tuple(files))


def chart_layout(name: str, version: str, values: Mapping[str, Any]) -> Layout:
    """Lay out a Helm chart: one directory with `Chart.yaml`, `values.yaml` and a template."""
    chart = {"apiVersion": "v2", "name": name, "version": version, "type": "application"}
    template = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {}}
    return Layout(
        name,
        (
            Entry(f"{name}/Chart.yaml", dump_yaml(chart)),
            Entry(f"{name}/values.yaml", dump_yaml(dict(values))),
            Entry(f"{name}/templates/configmap.yaml", dump_yaml(template)),
        ),
    )


# --- what can be wrong with a layout ---------------------------------------------------------------------------------

Change = Callable[[Layout], Layout]


def _file_named(name: str) -> Change:
    return lambda layout: layout.renamed(
        lambda old: old.replace(f"/{COMPOSE_FILE}", f"/{name}") if old.endswith(f"/{COMPOSE_FILE}") else old
    )


def _without_directory(layout: Layout) -> Layout:
    return layout.renamed(lambda name: name.partition("/")[2])


def _deeper(layout: Layout) -> Layout:
    return layout.renamed(lambda name: name.replace("/", "/deploy/", 1))


def _beside(*entries: Entry) -> Change:
    return lambda layout: layout.with_entry(*entries)


def _inside(make: Callable[[str], Entry]) -> Change:
    return lambda layout: layout.with_entry(make(layout.directory))


def _uncompressed(layout: Layout) -> Layout:
    return replace(layout, compressed=False)


def _other_directory(layout: Layout) -> Layout:
    return layout.renamed(lambda name: f"Some Other Name.v2/{name.partition('/')[2]}")


LAYOUTS: Mapping[str, Change] = {
    "its file called compose.yml": _file_named("compose.yml"),
    "its file under its old name": _file_named("docker-compose.yaml"),
    "its file under its old name, shortened": _file_named("docker-compose.yml"),
    "no directory around its files": _without_directory,
    "its file one directory too deep": _deeper,
    "a second directory beside the first": _beside(Entry("second/readme.txt", b"one too many\n")),
    "no compression": _uncompressed,
}
"""Layouts that are no component archive (CMP-05)."""

ESCAPES: Mapping[str, Change] = {
    "a symbolic link that leads out of it": _inside(
        lambda top: Entry(f"{top}/data", link="symlink", target="../../../etc/passwd")
    ),
    "a symbolic link to an absolute path": _inside(lambda top: Entry(f"{top}/data", link="symlink", target="/etc")),
    "a hard link that leads out of it": _inside(
        lambda top: Entry(f"{top}/data", link="hardlink", target="../outside/file")
    ),
    "a file at an absolute path": _beside(Entry("/tmp/margo-conformance-escape", b"outside\n")),  # noqa: S108 - never written
    "a file at a path that climbs out": _inside(lambda top: Entry(f"{top}/../../margo-conformance-escape", b"out\n")),
    "a path that climbs out and comes back": _inside(lambda top: Entry(f"{top}/../{top}/extra.txt", b"around\n")),
}
"""Entries that lead out of the archive's directory (CMP-09, CMP-10)."""

SPECIAL = {"run-as-owner.sh": 0o4755, "run-as-group.sh": 0o2755, "sticky.sh": 0o1777}
"""Files with a bit that must not be kept each, by the mode that their archive gives them (CMP-11)."""

HARMLESS: Mapping[str, Change] = {
    "a directory of another name": _other_directory,
    "a symbolic link that stays inside": _inside(
        lambda top: Entry(f"{top}/current.yaml", link="symlink", target=COMPOSE_FILE)
    ),
    "files that have special permissions": lambda layout: layout.with_entry(
        *(Entry(f"{layout.directory}/{name}", b"#!/bin/sh\n", mode=mode) for name, mode in SPECIAL.items())
    ),
    "files in directories below": _inside(lambda top: Entry(f"{top}/config/more/settings.ini", b"[main]\n")),
}
"""Layouts that look odd and are right (CMP-06, CMP-07)."""

ODD_LAYOUTS: Mapping[str, Change] = {**LAYOUTS, **ESCAPES, **HARMLESS}
