"""The policies a supplier may declare where no revision says what a device does; the first value is the default.

Names and values are those of the behaviours of failure and recovery (FB-*, RB-*, PF-*, MM-*, DR-*, RS-*, NW-*),
with `_` for `-` in Python.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, Self, get_args, get_type_hints


@dataclass(frozen=True, slots=True)
class Policies:
    """One device's declared policies."""

    first_boot: Literal["await", "default-workloads"] = "await"
    retry: Literal["backoff", "fixed", "give-up"] = "backoff"
    factory_reset: Literal["forget", "keep"] = "forget"
    reboot_offline: Literal["restore-last", "await-wos"] = "restore-last"
    offline_status: Literal["latest", "queue", "drop"] = "latest"
    offline_workloads: Literal["keep-running", "stop-after"] = "keep-running"
    component_failure: Literal["keep", "rollback", "stop"] = "keep"
    install_retry: Literal["retry", "wait-for-wos"] = "retry"
    update_failure: Literal["keep-old", "rollback", "failed-new"] = "keep-old"
    removal_failure: Literal["retry", "report-failed"] = "retry"
    drift: Literal["reconcile", "report"] = "reconcile"
    foreign: Literal["ignore", "report", "remove"] = "ignore"
    version_regression: Literal["refuse", "accept-after-reset"] = "refuse"
    runtime_status: Literal["otlp", "api", "both", "none"] = "otlp"
    proxy: Literal["connect", "none"] = "connect"

    def __post_init__(self) -> None:
        """Refuse values that no behaviour knows."""
        for name, values in policy_values().items():
            found = getattr(self, name.replace("-", "_"))
            if found not in values:
                raise ValueError(f"policy {name}: expected one of {', '.join(values)}, found {found!r}")

    @classmethod
    def of(cls, declared: Mapping[str, str]) -> Self:
        """Read declared policies by their names; raises ValueError for a name or value that is not known."""
        known = policy_values()
        for name in declared:
            if name not in known:
                raise ValueError(f"policy {name!r} is not known; known are {', '.join(known)}")
        return cls(**{name.replace("-", "_"): value for name, value in declared.items()})  # type: ignore[arg-type]


def policy_values() -> dict[str, tuple[str, ...]]:
    """Every policy with the values it may have, the default first."""
    hints = get_type_hints(Policies)
    return {item.name.replace("_", "-"): get_args(hints[item.name]) for item in fields(Policies)}
