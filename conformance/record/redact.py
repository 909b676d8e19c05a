"""Bodies and headers as they may be kept: bounded, and without secrets."""

import base64
import hashlib
import re
from collections.abc import Iterable

from conformance.record.events import Body

MAX_BODY_BYTES = 256 * 1024
REDACTED = "(redacted)"
SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"})
_SECRET_TEXT = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL),
    re.compile(r"""(?<="client_secret":)\s*"[^"]*\"|(?<="password":)\s*"[^"]*\"|(?<="access_token":)\s*"[^"]*\""""),
)


def body(data: bytes) -> Body:
    """Record a body: its exact size and digest, and its bytes unless it is too long or holds a secret."""
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    kept = data[:MAX_BODY_BYTES]
    try:
        text = kept.decode("utf-8")
    except UnicodeDecodeError:
        encoded = base64.b64encode(kept).decode()
        return Body(size=len(data), digest=digest, base64=encoded, cut=len(kept) < len(data))
    clean = without_secrets(text)
    return Body(size=len(data), digest=digest, text=clean, cut=len(kept) < len(data) or clean != text)


def headers(items: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Record headers, in order, with secret values replaced."""
    return tuple((name, REDACTED if name.lower() in SECRET_HEADERS else value) for name, value in items)


def without_secrets(text: str) -> str:
    """Replace private keys and the values of members that are known to be secret."""
    for pattern in _SECRET_TEXT:
        text = pattern.sub(f'"{REDACTED}"', text)
    return text
