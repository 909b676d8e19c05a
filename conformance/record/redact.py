"""Bodies and headers as they may be kept: bounded, and without secrets."""

import base64
import hashlib
import re
from collections.abc import Iterable

from conformance.record.events import Body

MAX_BODY_BYTES = 256 * 1024
REDACTED = "(redacted)"
SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"})
# a key whose end was cut off is a secret all the same
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
# inside one JSON string: never beyond its closing quote
_PRIVATE_KEY_IN_JSON = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[^\"]*")
# user information of a URL, RFC 3986 section 3.2.1; the last `@` before the path ends it
_URL_PASSWORD = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s]*@")
_SECRET_MEMBER = re.compile(r"""("(?:client_secret|password|access_token)"\s*:\s*)"(?:[^"\\]|\\.)*(?:"|\Z)""")


def body(data: bytes) -> Body:
    """Record a body: its exact size and digest, and its bytes unless it is too long or holds a secret.

    Bytes that are no UTF-8 are kept in base64, unless a private key stands among them: then none of them are kept.
    """
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    kept = data[:MAX_BODY_BYTES]
    try:
        text = kept.decode("utf-8")
    except UnicodeDecodeError:
        if _PRIVATE_KEY.search(kept.decode("latin-1")):
            return Body(size=len(data), digest=digest, text=REDACTED, cut=True)
        encoded = base64.b64encode(kept).decode()
        return Body(size=len(data), digest=digest, base64=encoded, cut=len(kept) < len(data))
    clean = without_secrets(text)
    return Body(size=len(data), digest=digest, text=clean, cut=len(kept) < len(data) or clean != text)


def headers(items: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Record headers, in order, with secret values replaced and bytes that are no UTF-8 spelled as escapes."""
    return tuple(
        (_printable(name), REDACTED if name.strip().lower() in SECRET_HEADERS else _printable(value))
        for name, value in items
    )


def without_secrets(text: str) -> str:
    """Replace private keys and the values of members that are known to be secret."""
    return _SECRET_MEMBER.sub(rf'\1"{REDACTED}"', _PRIVATE_KEY.sub(REDACTED, text))


def without_passwords(text: str) -> str:
    """Replace the user information of every URL in a text: what was typed as `https://user:password@host` stays out."""
    return _URL_PASSWORD.sub(rf"\1{REDACTED}@", text)


def line_without_secrets(line: str) -> str:
    """Replace private keys inside the strings of one line of JSON; the line stays JSON."""
    return _PRIVATE_KEY_IN_JSON.sub(REDACTED, line)


def _printable(text: str) -> str:
    # servers hand over foreign bytes as lone surrogates, which no UTF-8 file can hold
    return text.encode("utf-8", "backslashreplace").decode()
