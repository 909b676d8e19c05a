"""Bodies, headers and addresses as they may be kept: bounded, and without secrets.

What counts as a secret: private keys (PEM, JWK), values that a JSON or YAML member, a form field, a query parameter or
a header has under a telling name (`..password`, `..token`, `..secret`, `..api-key`), cookies, bearer tokens, JSON Web
Tokens, and the user information of URLs. A digest is always that of the original, and what was replaced is marked.

Not found are secrets without any such sign, and those inside something packed or coded.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from conformance.record.events import Body

MAX_BODY_BYTES = 256 * 1024
REDACTED = "(redacted)"
_NAMED = r"(?:passw(?:or)?d|passphrase|secret|token|api[-_]?key|(?:private|secret|access|auth|session|signing)[-_]?key)"
"""How the name of a secret ends, in any case."""
_TELLING = ("passw", "passphrase", "secret", "token", "key")
"""One of them is in every such name. Asked first: few texts have one, and the expressions for the places are slow."""
_TELLING_PAIRS = tuple(
    f"{name}=" for name in ("password", "passwd", "passphrase", "secret", "token", "key", "jwt", "sig", "signature")
)
_SECRET_HEADER = re.compile(rf"(?:authorization|cookie2?|{_NAMED})\Z", re.IGNORECASE)
_CHALLENGES = frozenset({"www-authenticate", "proxy-authenticate", "authentication-info", "proxy-authentication-info"})
_BEGIN, _END = (rf"-----{word} [A-Z ]*PRIVATE KEY(?: BLOCK)?-----" for word in ("BEGIN", "END"))
# a key whose end was cut off is a secret all the same
_PRIVATE_KEY = re.compile(rf"{_BEGIN}.*?(?:{_END}|\Z)", re.DOTALL)
_PRIVATE_KEY_IN_JSON = re.compile(rf"{_BEGIN}[^\"]*")  # inside one JSON string: never beyond its closing quote
_HALF_A_KEY = re.compile(rf"{_BEGIN}(?!.*?{_END})", re.DOTALL)
_KEY_OF_JWK = re.compile(r'("(?:d|p|q|dp|dq|qi|k)"\s*:\s*)"[\w-]{16,}={0,2}"')
# user information of a URL, RFC 3986 section 3.2.1; the last `@` before the path ends it
_TYPED_PASSWORD = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s]*@")
# within documents never beyond a quote; `image@sha256:` names no user, and a SPIFFE ID with one is evidence
_URL_PASSWORD = re.compile(r"(\b(?!spiffe)[A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s\"'<>\\]+@(?!sha\d+:)", re.IGNORECASE)
_PAIR = re.compile(
    rf"((?:^|[?&;\s])[\w.%[\]-]{{0,60}}?(?:{_NAMED}|jwt|sig|signature)=)[^&;\s\"'<>#\\]+", re.IGNORECASE | re.MULTILINE
)
_STRING = r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)'
_JSON_MEMBER = re.compile(
    rf'("[^"\\\n]{{0,200}}?{_NAMED}"\s*+:\s*+)(?:{_STRING}|-?\d[\d.eE+-]*|\[\s*+(?:{_STRING}\s*+,?\s*+)*+\])',
    re.IGNORECASE | re.DOTALL,
)
_MEMBER_IN_STRING = re.compile(rf'(\\"[^"\\\n]{{0,200}}?{_NAMED}\\"\s*+:\s*+)\\"[^"]*+(?:"|\Z)', re.IGNORECASE)
_FLOW_MEMBER = re.compile(
    rf"([{{,]\s*+[\"']?[\w .$/-]{{0,200}}?{_NAMED}[\"']?\s*+:\s++)"
    rf"(?!(?:null|true|false|~)\s*+[,}}])(?:{_STRING}|'[^']*+'?|[^\s,{{}}\[\]\"'][^,}}\]\n]*+)",
    re.IGNORECASE | re.DOTALL,
)
_YAML_MEMBER = re.compile(
    rf"([ \t]*(?:[-?][ \t]+)*)[\"']?[\w .$/-]{{0,200}}?{_NAMED}[\"']?[ \t]*:(?=[ \t\r]|\Z)", re.IGNORECASE
)
_YAML_INNER = re.compile(r"""[ \t]*(?:-[ \t]|[{[#&*!]|["']?[\w .$/-]+["']?[ \t]*:(?:[ \t\r]|\Z))""")
_NO_SECRETS = frozenset({"null", "~", "true", "false", REDACTED, f'"{REDACTED}"'})
_BEARER = re.compile(r"\b((?:Bearer|Basic|Negotiate)\s+)(?=[A-Za-z.~+/_-]*\d)[\w.~+/-]{6,}={0,2}", re.IGNORECASE)
_JWT = re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*")
_CHALLENGE = re.compile(r"((?:nonce|opaque|rspauth)\s*=\s*)(?:\"[^\"]*\"?|[^\s,]+)", re.IGNORECASE)


def body(data: bytes) -> Body:
    """Record a body: its exact size and digest, and its bytes but for secrets, unless it is too long.

    Bytes that are no UTF-8 are kept in base64, unless a secret stands among them: then none of them are kept. A
    document stays readable when secrets are replaced; one that would not is marked as cut.
    """
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    kept = data[:MAX_BODY_BYTES]
    cut = len(kept) < len(data)
    try:
        text = kept.decode("utf-8")
    except UnicodeDecodeError:
        latin = kept.decode("latin-1")
        if without_secrets(latin) != latin:
            return Body(size=len(data), digest=digest, text=REDACTED, cut=True, redacted=True)
        return Body(size=len(data), digest=digest, base64=base64.b64encode(kept).decode(), cut=cut)
    clean = without_secrets(text)
    redacted = clean != text
    cut = cut or (redacted and not _still_reads(text, clean))
    return Body(size=len(data), digest=digest, text=clean, cut=cut, redacted=redacted)


def headers(items: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Record headers, in order, with secrets replaced and bytes that are no UTF-8 spelled as escapes."""
    return tuple((_printable(name), _header(name.strip().lower(), _printable(value))) for name, value in items)


def without_secrets(text: str) -> str:
    """Replace every secret in a document or a text; JSON and YAML stay what they are."""
    text = _PRIVATE_KEY.sub(REDACTED, text)
    if '"kty"' in text:
        text = _KEY_OF_JWK.sub(rf'\1"{REDACTED}"', text)
    if _has(text, _TELLING):
        text = _MEMBER_IN_STRING.sub(rf'\1\\"{REDACTED}\\"', _JSON_MEMBER.sub(rf'\1"{REDACTED}"', text))
        text = _FLOW_MEMBER.sub(rf'\1"{REDACTED}"', text)
        if text.lstrip()[:1] not in ("{", "["):
            text = "\n".join(_yaml(text.split("\n")))
    return address(_JWT.sub(REDACTED, _BEARER.sub(rf"\1{REDACTED}", text)))


def address(text: str) -> str:
    """Replace the user information of URLs, and the values of query parameters and form fields that are secret."""
    if "@" in text:
        text = _URL_PASSWORD.sub(rf"\1{REDACTED}@", text)
    return _PAIR.sub(rf"\1{REDACTED}", text) if _has(text, _TELLING_PAIRS) else text


def without_passwords(text: str) -> str:
    """Replace the user information of every URL in a text: what was typed as `https://user:password@host` stays out."""
    return _PAIR.sub(rf"\1{REDACTED}", _TYPED_PASSWORD.sub(rf"\1{REDACTED}@", text))


def line_without_secrets(line: str) -> str:
    """Replace what is secret by its form or its name in one line of JSON; the line stays JSON."""
    line = _PRIVATE_KEY_IN_JSON.sub(REDACTED, line)
    if _has(line, _TELLING):
        line = _MEMBER_IN_STRING.sub(rf'\1\\"{REDACTED}\\"', _JSON_MEMBER.sub(rf'\1"{REDACTED}"', line))
    return address(line)


def _has(text: str, words: Iterable[str]) -> bool:
    """Whether one of some words is in a text, in any case."""
    folded = text.casefold()
    return any(word in folded for word in words)


@lru_cache(maxsize=4096)  # most headers say the same in every exchange
def _header(name: str, value: str) -> str:
    if _SECRET_HEADER.search(name):
        return REDACTED
    if name in _CHALLENGES:
        value = _CHALLENGE.sub(rf'\1"{REDACTED}"', value)
    return address(_JWT.sub(REDACTED, _BEARER.sub(rf"\1{REDACTED}", value)))


def _yaml(lines: list[str]) -> Iterator[str]:
    """Replace the scalars of secret members, with every line that a scalar goes on over."""
    deeper: int | None = None  # what is indented by more belongs to the secret
    awaited: int | None = None  # the secret begins on one of the next lines, if it is a scalar
    for line in lines:
        indent = len(line) - len(line.lstrip(" \t"))
        if deeper is not None and (not line.strip() or indent > deeper):
            continue
        deeper = None
        if awaited is not None and line.strip():
            begins = indent > awaited and not _YAML_INNER.match(line)
            deeper, awaited = (awaited if begins else None), None
            if begins:
                yield f"{line[:indent]}{REDACTED}"
                continue
        found = _YAML_MEMBER.match(line)
        value = line[found.end() :].strip() if found else ""
        if found and (not value or value.startswith("#")):
            awaited = found.end(1)
        if not found or not value or value in _NO_SECRETS or value[0] in "#{":
            yield line
        else:
            deeper = found.end(1)
            yield f"{line[: found.end()]} {REDACTED}"


def _still_reads(text: str, clean: str) -> bool:
    """Whether a document from which secrets were taken is still whole: nothing else went with them."""
    if _HALF_A_KEY.search(text):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return True
    try:
        json.loads(clean)
    except ValueError:
        return False
    return True


def _printable(text: str) -> str:
    # servers hand over foreign bytes as lone surrogates, which no UTF-8 file can hold
    return text.encode("utf-8", "backslashreplace").decode()
