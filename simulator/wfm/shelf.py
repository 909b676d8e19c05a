"""The packages an operator has uploaded."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from simulator.wfm.changes import Put
from simulator.wfm.packages import Package, load_archive
from simulator.wfm.refusals import Refusal


class PackageNotFound(Refusal):
    """No such package has been uploaded (404)."""

    status = 404


class PackageShelf:
    """Packages by application id and version; of an application, the one uploaded last comes first."""

    def __init__(self) -> None:
        self._packages: dict[tuple[str, str], Package] = {}

    def __iter__(self) -> Iterator[Package]:
        return iter(self._packages.values())

    def put(self, package: Package, now: float) -> Put:
        """Take a package, in place of one with the same id and version; gives the row to make durable."""
        self._packages.pop(package.key, None)
        self._packages[package.key] = package
        application_id, version = package.key
        row = {"application_id": application_id, "version": version, "archive": package.to_archive(), "at": now}
        return Put("packages", row)

    def get(self, application_id: str, version: str | None = None) -> Package:
        """A package, by default the one uploaded last of that application. Raises PackageNotFound."""
        for key in reversed(self._packages):
            if key[0] == application_id and version in (None, key[1]):
                return self._packages[key]
        wanted = f"{application_id} {version}" if version else application_id
        raise PackageNotFound(f"no package of the application {wanted} has been uploaded")

    def clear(self) -> None:
        """Forget every package."""
        self._packages.clear()

    def restore(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take up the packages of the store."""
        self.clear()
        for row in sorted(rows, key=lambda row: row["at"]):
            package = load_archive(bytes(row["archive"]), f"stored package {row['application_id']}")
            self._packages[package.key] = package
