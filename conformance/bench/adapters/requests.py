"""Requests to an operator's API over HTTP: sent once, told without secrets, and refused in one sentence."""

import json
import ssl
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from conformance.bench.adapters.templates import NothingThere, Secrets, at
from conformance.bench.errors import UsageError
from conformance.bench.northbound import NorthboundError
from conformance.record import redact

MAX_ANSWER_BYTES = 16 * 1024 * 1024
TOLD = 4_000
"""So many characters of a body are kept in the record."""


class Strange(Exception):
    """The answer is not what was expected; the message says what was."""


@cache
def public_trust() -> ssl.SSLContext:
    """Give the context for operators' APIs over HTTPS, with the machine's anchors; made once, since that is slow."""
    return ssl.create_default_context()


def trust_of(ca: Path | None) -> ssl.SSLContext:
    """Give the context that trusts a PEM file, or this machine's anchors. Raises UsageError."""
    if ca is None:
        return public_trust()
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:  # ssl.SSLError is one
        said = error.strerror or str(error)
        raise UsageError(f"{ca}: expected certificates in PEM, found none that can be used ({said})") from None


class OperatorApi:
    """One server. `headers` go with every request; `secrets` are hidden in all that is told."""

    def __init__(
        self, timeout_s: float, trust: ssl.SSLContext, secrets: Secrets, headers: Mapping[str, str] | None = None
    ) -> None:
        self._timeout_s = timeout_s
        self._secrets = secrets
        self._headers = dict(headers or {})
        # an operator's API on this bench: no proxy of the environment, and redirects are told, not followed
        self._client = httpx.Client(timeout=timeout_s, verify=trust, trust_env=False, follow_redirects=False)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def send(
        self, method: str, url: str, expect: Collection[int] = (), **carried: Any
    ) -> tuple[httpx.Response, dict[str, Any]]:
        """Send a request; gives the answer, and what can be told of both. Without `expect` every 2xx is right.

        `carried` is what httpx takes as `json`, `data`, `files`, `content` and `headers`. Raises NorthboundError.
        """
        what = f"{method} {self._secrets.hide(url)}"
        headers = self._headers | carried.pop("headers", {})
        bodies = [self._secrets.hide_in(value) for key, value in carried.items() if key in ("json", "data")]
        seen: dict[str, Any] = {"request": what, **({"request_body": bodies[0]} if bodies else {})}
        answer = self._answered(what, seen, method=method, url=url, headers=headers, **carried)
        body = self._secrets.hide(redact.without_secrets(answer.text[:TOLD]))
        seen |= {"status": answer.status_code, "answer": body}
        if answer.status_code not in expect if expect else not answer.is_success:
            wanted = " or ".join(map(str, expect)) or "2xx"
            said = self._secrets.hide(_said(answer))
            raise NorthboundError(f"{what}: expected {wanted}, found {answer.status_code}{said}", seen)
        return answer, seen

    def _answered(self, what: str, seen: Mapping[str, Any], **request: Any) -> httpx.Response:
        try:
            answer = self._client.request(**request)
        except httpx.TimeoutException:
            raise NorthboundError(f"{what}: no answer within {self._timeout_s:g} s", seen) from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            said = self._secrets.hide(str(error) or type(error).__name__)
            raise NorthboundError(f"{what}: {said}", seen) from None
        if len(answer.content) > MAX_ANSWER_BYTES:
            raise NorthboundError(f"{what}: expected at most {MAX_ANSWER_BYTES} bytes, found more", seen)
        return answer


def json_of(answer: httpx.Response) -> Any:
    """Give an answer's JSON. Raises Strange."""
    try:
        return answer.json()
    except (ValueError, RecursionError):
        kind = answer.headers.get("Content-Type", "no Content-Type")
        raise Strange(f"expected JSON, found {kind} of {len(answer.content)} bytes") from None


def value_at(path: str, value: Any) -> Any:
    """Follow a path into JSON. Raises Strange."""
    try:
        return at(path, value)
    except NothingThere as nothing:
        raise Strange(f"{nothing}, found {shown(value)}") from None


def shown(value: Any) -> str:
    """Give the beginning of a JSON value as text."""
    return json.dumps(value, ensure_ascii=False)[:120]


def _said(answer: httpx.Response) -> str:
    """What the answer says of itself: where it points, its problem's detail, or its kind."""
    if answer.is_redirect:
        return f", pointing to {answer.headers.get('Location', 'nowhere')}"
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        return f" ({answer.headers.get('Content-Type', 'no Content-Type')})"
    known = ("detail", "title", "message", "error", "Error")
    detail = next((body[name] for name in known if body.get(name)), None) if isinstance(body, dict) else None
    return f": {' '.join(str(detail).split())[:300]}" if detail else ""
