"""What a live run does not write itself and its fleet.yaml tells: the waves of rollouts, and the question."""

from typing import Any

import yaml

from reports.fleet.folder import Folder, Table

PARTS = {"s_until_50%": 0.5, "s_until_90%": 0.9, "s_until_99%": 0.99}


def described(folder: Folder) -> dict[str, Any]:
    """The description as plain values; empty when there is none that can be read."""
    try:
        value = yaml.safe_load(folder.description)
    except yaml.YAMLError:
        return {}
    return value if isinstance(value, dict) else {}


def question_of(folder: Folder) -> str:
    """What the run is to answer, or the fleet's name."""
    return folder.summary.question or str(described(folder).get("question") or f"Fleet {folder.summary.name}")


def waves_of(folder: Folder) -> Table:
    """The table `waves` as the run wrote it, or from the description: then devices are the share that is expected."""
    if "waves" in folder.tables:
        return folder.tables["waves"]
    fleet, table = described(folder), folder.table("convergence")
    times = table.get("time_s", ())
    rows: dict[str, list[Any]] = {
        name: [] for name in ("rollout", "application", "revision", "wave", "at_s", "devices", "adopted", *PARTS)
    }
    for n, rollout in enumerate(fleet.get("rollouts", ()), 1):
        devices = sum(c["count"] for c in fleet.get("cohorts", ()) if c["application"] == rollout["application"])
        for k, wave in enumerate(rollout["waves"], 1):
            counts = table.get(f"rollout {n} ({rollout['revision']}) wave {k}")
            if counts:
                # chance may give a wave more devices than its share
                wanted = max(round(devices * wave.get("share", 1.0)), counts[-1])
                row = [n, rollout["application"], rollout["revision"], k, wave["at"], wanted, counts[-1]]
                row += [_until(times, counts, part * wanted, wave["at"]) for part in PARTS.values()]
                for column, value in zip(rows.values(), row, strict=True):
                    column.append(value)
    return rows if rows["wave"] else {}


def _until(times: Any, counts: Any, wanted: float, at: float) -> float | None:
    return next((time - at for time, count in zip(times, counts, strict=True) if wanted and count >= wanted), None)
