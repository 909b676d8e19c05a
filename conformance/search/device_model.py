"""What a device should come to: what the WFM wants of it, and what stands in its way just now."""

from dataclasses import dataclass, field

ROLES = ("primary", "secondary")
"""Applications that a search deploys."""
INTRUDER = "tertiary"
"""The application that only wrong desired states have: a sign of it shows that one was taken."""

NOVEL = 100
"""Releases above this are never published, only offered."""


@dataclass(slots=True)
class DeviceModel:
    """The WFM's side of a sequence so far.

    `releases` are the newest ones published by role, `desired` the roles that are wanted now; `open` are roles of
    which nothing defined says what they come to, until they are published anew.
    """

    releases: dict[str, int] = field(default_factory=dict)
    desired: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=set)
    offers: int = 0
    """Wrong desired states with a release of their own, so far."""
    network: bool = True
    wfm: bool = True

    @property
    def reachable(self) -> bool:
        """Whether the device can talk to the WFM."""
        return self.network and self.wfm

    @property
    def steady(self) -> bool:
        """Whether the device has to come to what is wanted, with nothing in its way."""
        return self.reachable and not self.open

    def next_release(self, role: str) -> int:
        """Give the number of the next release of a role, and take it as published."""
        self.releases[role] = self.releases.get(role, 0) + 1
        self.desired.add(role)
        self.open.discard(role)
        return self.releases[role]

    def novel_release(self) -> int:
        """Give the number of a release that was never offered or published: no other state has its content."""
        self.offers += 1
        return NOVEL + self.offers

    def one_wanted(self, role: str) -> str | None:
        """Give a role that is wanted now: the one that was drawn, or else another one; None when there is none."""
        return role if role in self.desired else next(iter(sorted(self.desired)), None)
