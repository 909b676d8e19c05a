"""The trust bundle as it goes over the wire: a SPIFFE bundle, which is a JWK Set.

Source: ID-80 (members), ID-81 (other keys are ignored); SPIFFE Trust Domain and Bundle section 4; RFC 7517.
"""

from typing import Annotated, Any

from pydantic import Field, StrictInt

from simulator.protocol.documents import Document

X509_SVID = "x509-svid"
"""The `use` of a key that carries an X.509 anchor."""

Count = Annotated[StrictInt, Field(ge=0)]


class JsonWebKey(Document):
    """One key of the set. Only `use` and `x5c` matter here; the rest is kept as sent.

    Keys of another `use` are ignored by readers, so nothing but their being an object is demanded of them.
    """

    use: Any = None
    x5c: Any = Field(default=None, alias="x5c")

    @property
    def is_x509_svid(self) -> bool:
        """Tell whether this key is an X.509 anchor (ID-81)."""
        return bool(self.use == X509_SVID)


class TrustBundleDocument(Document):
    """A SPIFFE bundle; unknown members are ignored (ID-76).

    `spiffe_sequence` counts the versions of the bundle; `spiffe_refresh_hint` is in seconds.
    """

    keys: tuple[JsonWebKey, ...]
    spiffe_sequence: Count | None = Field(default=None, alias="spiffe_sequence")
    spiffe_refresh_hint: Count | None = Field(default=None, alias="spiffe_refresh_hint")
