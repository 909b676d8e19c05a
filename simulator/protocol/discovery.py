"""The discovery document of the identity service.

Source: ID-71, ID-72 (members), ID-76 (unknown members are ignored), ID-78 (only https).
"""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from simulator.protocol.documents import Document

DISCOVERY_PATH = "/.well-known/margo"
BUNDLE_PATH = "/.well-known/spiffe/bundle.json"
"""Where bundles commonly are; the path is only an example, the document names the address (ID-80)."""


def check_https_url(text: str) -> str:
    """Give back an absolute HTTPS URL unchanged.

    Raises:
        ValueError: it is anything else (ID-78).
    """
    parts = urlsplit(text)
    if parts.scheme != "https" or not parts.hostname:
        raise ValueError("an absolute https URL (ID-78)")
    return text


HttpsUrl = Annotated[str, AfterValidator(check_https_url)]


class DiscoveryDocument(Document):
    """Where a trust domain's bundle is found; unknown members are ignored."""

    trust_domain: str = Field(min_length=1)
    trust_bundle_uri: HttpsUrl
