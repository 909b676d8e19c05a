"""The `http` adapter: requests from templates, results from simple paths into the answers."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from conformance.bench.adapters.files import HttpFile, HttpOperation
from conformance.bench.adapters.requests import OperatorApi, Strange, json_of, shown, trust_of, value_at
from conformance.bench.adapters.templates import Secrets, filled, text_filled
from conformance.bench.northbound import NorthboundError, Reply


class HttpAdapter:
    """An operator's API over HTTP, as an adapter file describes it. Raises UsageError for what cannot be used."""

    kind = "http"

    def __init__(self, described: HttpFile, folder: Path, *, kind: str = "http") -> None:
        self.kind = kind
        self.where = described.url.rstrip("/")
        self.operations = frozenset(described.operations)
        self._file = described
        self._secrets = Secrets()
        headers = {name: text_filled(value, {}, self._secrets) for name, value in described.headers.items()}
        if described.basic:
            headers["Authorization"] = basic(text_filled(described.basic, {}, self._secrets), self._secrets)
        trust = trust_of(folder / described.ca if described.ca else None)
        self._api = OperatorApi(described.timeout, trust, self._secrets, headers)

    def close(self) -> None:
        """Close the connection."""
        self._api.close()

    def call(self, operation: str, arguments: Mapping[str, Any]) -> Reply:
        """Send the request of an operation. Raises NorthboundError."""
        how = self._file.operations[operation]
        if how.request is None:
            return Reply({}, {"skipped": True})
        method, _, place = how.request.partition(" ")
        # `handle` and the like may hold anything: each argument is one segment or one value
        place = text_filled(place, arguments, self._secrets, lambda text: quote(text, safe=""))
        url = place if place.startswith("http") else f"{self.where}{place}"
        headers = {name: text_filled(value, arguments, self._secrets) for name, value in how.headers.items()}
        carried = _carried(how, arguments, self._secrets)
        answer, seen = self._api.send(method, url, how.expect or (), headers=headers, **carried)
        try:
            return Reply(_taken(how, answer) if how.take else {}, seen)
        except Strange as strange:
            raise NorthboundError(f"{seen['request']}: {self._secrets.hide(str(strange))}", seen) from None


def basic(given: str, secrets: Secrets) -> str:
    """Give the Authorization header of `user:password`, remembering both forms as secrets."""
    encoded = base64.b64encode(secrets.add(given).encode()).decode()
    return f"Basic {secrets.add(encoded)}"


def _carried(how: HttpOperation, arguments: Mapping[str, Any], secrets: Secrets) -> dict[str, Any]:
    """What the request carries, as httpx takes it."""
    if how.json_ is not None:
        return {"json": filled(how.json_, arguments, secrets)}
    if how.form is not None:
        return {"data": {name: text_filled(value, arguments, secrets) for name, value in how.form.items()}}
    if how.files is not None:
        parts = {name: filled(value, arguments, secrets) for name, value in how.files.items()}
        # a part without a file name is an ordinary field of the form
        return {
            "files": {
                name: ("package.tar.gz", part, "application/gzip") if isinstance(part, bytes) else (None, str(part))
                for name, part in parts.items()
            }
        }
    if how.body is not None:
        body = filled(how.body, arguments, secrets)
        return {"content": body if isinstance(body, bytes) else str(body)}
    return {}


def _taken(how: HttpOperation, answer: httpx.Response) -> Any:
    """Take the result out of the answer. Raises Strange."""
    if how.each is not None:
        entries = value_at(how.each, json_of(answer))
        if not isinstance(entries, list):
            raise Strange(f"expected a list {how.each} in the answer, found {shown(entries)}")
        return [{name: value_at(path, entry) for name, path in how.take.items()} for entry in entries]
    return {name: _one(path, answer) for name, path in how.take.items()}


def _one(path: str, answer: httpx.Response) -> Any:
    kind, colon, name = path.partition(":")
    if not colon:
        found = value_at(path, json_of(answer))
        # ids are compared as texts, and some APIs give numbers
        return str(found) if isinstance(found, int) and not isinstance(found, bool) else found
    value = answer.headers.get(name.strip())
    if value is None:
        raise Strange(f"expected a header {name.strip()}, found none")
    return value.rstrip("/").rpartition("/")[2] if kind == "last-segment" else value
