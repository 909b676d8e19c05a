"""Renderers: each turns the record of a run into one format.

`FORMATS` names them; `write_all` writes any number of them into a directory, each file at once or not at all.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from conformance.record.run import Run
from reports import console, html_report, json_report, junit, markdown


@dataclass(frozen=True, slots=True)
class Renderer:
    """One format: the name of its file and the function that gives its content."""

    file: str
    render: Callable[[Run], str | bytes]


FORMATS: Mapping[str, Renderer] = MappingProxyType(
    {
        "html": Renderer("report.html", html_report.render),
        "json": Renderer("report.json", json_report.render),
        "junit": Renderer("junit.xml", junit.render),
        "markdown": Renderer("summary.md", markdown.render),
        "text": Renderer("summary.txt", console.render),
    }
)


class UnknownFormat(ValueError):
    """A report format that does not exist; the message lists those that do."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"unknown report format {name!r}: expected one of {', '.join(FORMATS)}")


def write_all(run: Run, directory: Path, formats: Iterable[str] = tuple(FORMATS)) -> dict[str, Path]:
    """Render the formats and write them into the directory, which is made when missing; gives the path of each.

    Everything is rendered before anything is written, and each file replaces its predecessor atomically. Raises
    UnknownFormat before anything happened, OSError when the directory cannot be written.
    """
    wanted = list(dict.fromkeys(formats))
    for name in wanted:
        if name not in FORMATS:
            raise UnknownFormat(name)
    rendered = {name: FORMATS[name].render(run) for name in wanted}
    directory.mkdir(parents=True, exist_ok=True)
    paths = {name: directory / FORMATS[name].file for name in wanted}
    for name, content in rendered.items():
        write_atomically(paths[name], content)
    return paths


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader finds either the former or the whole new content; text is UTF-8.

    Raises OSError, and then leaves the former file as it was.
    """
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
