"""Typed errors of the identity package.

Each message is one sentence; those about files name file, field, expected and found.
"""

from pathlib import Path


class IdentityError(Exception):
    """Any failure of this package that a caller is meant to handle."""


class SvidRefused(IdentityError):
    """A credential broke a rule of its profile.

    `clause` is the requirement id of the broken rule, `reason` says in words what was found.
    """

    def __init__(self, clause: str, reason: str) -> None:
        super().__init__(f"{clause}: {reason}")
        self.clause = clause
        self.reason = reason


class SpiffeIdInvalid(SvidRefused):
    """A text is not a SPIFFE ID (SPIFFE-ID section 2; ID-07, ID-24, ID-27)."""


class NotRecognised(SvidRefused):
    """A valid SPIFFE ID is not the peer that is accepted here (ID-14, ID-50, ID-51, ID-52)."""


class BundleRejected(IdentityError):
    """A trust bundle or discovery document may not be used (ID-72, ID-78, ID-80, ID-82)."""

    def __init__(self, clause: str, reason: str) -> None:
        super().__init__(f"{clause}: {reason}")
        self.clause = clause
        self.reason = reason


class NoTrustMaterial(IdentityError):
    """No trust bundle has been accepted yet, so nothing can be validated (ID-82: fail closed)."""


class CredentialError(IdentityError):
    """A credential file given by a user cannot be used: which file and field, what was expected, what was found."""

    def __init__(self, file: Path, field: str, expected: str, found: str) -> None:
        super().__init__(f"{file}: {field}: expected {expected}, found {found}")
        self.file = file
        self.field = field
        self.expected = expected
        self.found = found
