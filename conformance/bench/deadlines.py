"""Named deadlines: how long the bench waits for evidence. The effective values stand in the report."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Self

from conformance.bench.errors import UsageError
from conformance.catalogue import UnknownName


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds, by what is waited for. They are policy of the suite: the specification gives no numbers."""

    connect: float = 10.0
    """The subject connects and makes its first request."""
    poll: float = 6.0
    """The next poll arrives (derived from the polling interval of a real subject)."""
    apply: float = 15.0
    """A new desired state is reported applied."""
    retry: float = 10.0
    """A failed request is tried again."""
    settle: float = 4.0
    """Within this, two further polls show that something does not happen."""
    answer: float = 10.0
    """A WFM answers a request."""
    publish: float = 10.0
    """A change made northbound shows in the manifest."""
    window: float = 1.0
    """How long one second lasts that a scenario sets: a real device cannot keep hours of half a second."""

    @classmethod
    def of(cls, limits: Mapping[str, float], poll_interval: float | None = None) -> Self:
        """Take the defaults, stretched for a slow poller, and then what the subject's statement says.

        Raises UsageError for a name that is not known.
        """
        known = [item.name for item in fields(cls)]
        base = cls()
        if poll_interval:
            waits = {name: getattr(base, name) + factor * poll_interval for name, factor in _POLLS.items()}
            base = replace(base, **waits)
        for name in limits:
            if name not in known:
                raise UsageError(str(UnknownName(name, known, "deadlines")))
        return replace(base, **dict(limits))

    def __getitem__(self, name: str) -> float:
        return float(getattr(self, name))

    def as_dict(self) -> dict[str, float]:
        """Give every deadline by name, in seconds."""
        return asdict(self)


_POLLS = {"poll": 2.0, "apply": 4.0, "retry": 2.0, "settle": 3.0, "window": 3.0}
