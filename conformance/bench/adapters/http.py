"""The `http` adapter: requests from templates, results from simple paths into the answers."""

import base64
import json
import ssl
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from conformance.bench.adapters.files import HttpFile, HttpOperation
from conformance.bench.adapters.templates import NothingThere, Secrets, at, filled, text_filled
from conformance.bench.errors import UsageError
from conformance.bench.northbound import NorthboundError, Reply
from conformance.record import redact

MAX_ANSWER_BYTES = 16 * 1024 * 1024
TOLD = 4_000
"""So many characters of a body are kept in the record."""


@cache
def public_trust() -> ssl.SSLContext:
    """Give the context for operators' APIs over HTTPS, with the machine's anchors; made once, since that is slow."""
    return ssl.create_default_context()


class HttpAdapter:
    """An operator's API over HTTP, as an adapter file describes it. Raises UsageError for what cannot be used."""

    kind = "http"

    def __init__(self, described: HttpFile, folder: Path, *, kind: str = "http") -> None:
        self.kind = kind
        self.where = described.url.rstrip("/")
        self.operations = frozenset(described.operations)
        self._file = described
        self._secrets = Secrets()
        self._headers = {name: text_filled(value, {}, self._secrets) for name, value in described.headers.items()}
        if described.basic:
            given = self._secrets.add(text_filled(described.basic, {}, self._secrets))
            encoded = self._secrets.add(base64.b64encode(given.encode()).decode())
            self._headers["Authorization"] = f"Basic {encoded}"
        # an operator's API on this bench: no proxy of the environment, and redirects are told, not followed
        self._client = httpx.Client(
            timeout=described.timeout, verify=_trust(described, folder), trust_env=False, follow_redirects=False
        )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def call(self, operation: str, arguments: Mapping[str, Any]) -> Reply:
        """Send the request of an operation. Raises NorthboundError."""
        how = self._file.operations[operation]
        if how.request is None:
            return Reply({}, {"skipped": True})
        method, _, place = how.request.partition(" ")
        # `handle` and the like may hold anything: each argument is one segment or one value
        place = text_filled(place, arguments, self._secrets, lambda text: quote(text, safe=""))
        url = place if place.startswith("http") else f"{self.where}{place}"
        carried = _carried(how, arguments, self._secrets)
        headers = self._headers | {
            name: text_filled(value, arguments, self._secrets) for name, value in how.headers.items()
        }
        what = f"{method} {self._secrets.hide(url)}"
        seen: dict[str, Any] = {"request": what, **self._told("request", carried)}
        answer = self._sent(what, seen, method=method, url=url, headers=headers, **carried)
        body = self._secrets.hide(redact.without_secrets(answer.text[:TOLD]))
        seen |= {"status": answer.status_code, "answer": body}
        good = answer.status_code in how.expect if how.expect else answer.is_success
        if not good:
            wanted = " or ".join(map(str, how.expect)) if how.expect else "2xx"
            said = self._secrets.hide(_said(answer))
            raise NorthboundError(f"{what}: expected {wanted}, found {answer.status_code}{said}", seen)
        try:
            return Reply(_taken(how, answer) if how.take else {}, seen)
        except _Strange as strange:
            raise NorthboundError(f"{what}: {self._secrets.hide(str(strange))}", seen) from None

    def _sent(self, what: str, seen: Mapping[str, Any], **request: Any) -> httpx.Response:
        try:
            answer = self._client.request(**request)
        except httpx.TimeoutException:
            raise NorthboundError(f"{what}: no answer within {self._file.timeout:g} s", seen) from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            said = self._secrets.hide(str(error) or type(error).__name__)
            raise NorthboundError(f"{what}: {said}", seen) from None
        if len(answer.content) > MAX_ANSWER_BYTES:
            raise NorthboundError(f"{what}: expected at most {MAX_ANSWER_BYTES} bytes, found more", seen)
        return answer

    def _told(self, name: str, carried: Mapping[str, Any]) -> dict[str, Any]:
        kept = {key: value for key, value in carried.items() if key in ("json", "data")}
        return {f"{name}_body": self._secrets.hide_in(value) for value in kept.values()}


def _trust(described: HttpFile, folder: Path) -> ssl.SSLContext:
    if described.ca is None:
        return public_trust()
    file = folder / described.ca
    try:
        return ssl.create_default_context(cafile=file)
    except OSError as error:  # ssl.SSLError is one
        said = error.strerror or str(error)
        raise UsageError(f"{file}: expected certificates in PEM, found none that can be used ({said})") from None


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


class _Strange(Exception):
    """The answer is not what the file says it is."""


def _taken(how: HttpOperation, answer: httpx.Response) -> Any:
    """Take the result out of the answer. Raises _Strange."""
    if how.each is not None:
        entries = _at(how.each, _json(answer))
        if not isinstance(entries, list):
            raise _Strange(f"expected a list {how.each} in the answer, found {_shown(entries)}")
        return [{name: _at(path, entry) for name, path in how.take.items()} for entry in entries]
    return {name: _one(path, answer) for name, path in how.take.items()}


def _one(path: str, answer: httpx.Response) -> Any:
    kind, colon, name = path.partition(":")
    if not colon:
        found = _at(path, _json(answer))
        # ids are compared as texts, and some APIs give numbers
        return str(found) if isinstance(found, int) and not isinstance(found, bool) else found
    value = answer.headers.get(name.strip())
    if value is None:
        raise _Strange(f"expected a header {name.strip()}, found none")
    return value.rstrip("/").rpartition("/")[2] if kind == "last-segment" else value


def _at(path: str, value: Any) -> Any:
    try:
        return at(path, value)
    except NothingThere as nothing:
        raise _Strange(f"{nothing}, found {_shown(value)}") from None


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except (ValueError, RecursionError):
        kind = answer.headers.get("Content-Type", "no Content-Type")
        raise _Strange(f"expected JSON, found {kind} of {len(answer.content)} bytes") from None


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:120]


def _said(answer: httpx.Response) -> str:
    """What the answer says of itself: where it points, its problem's detail, or its kind."""
    if answer.is_redirect:
        return f", pointing to {answer.headers.get('Location', 'nowhere')}"
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        return f" ({answer.headers.get('Content-Type', 'no Content-Type')})"
    known = ("detail", "title", "message", "error")
    detail = next((body[name] for name in known if body.get(name)), None) if isinstance(body, dict) else None
    return f": {' '.join(str(detail).split())[:300]}" if detail else ""
