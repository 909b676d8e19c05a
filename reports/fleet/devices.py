"""Pictures of what devices bear: failures by cause and cohort, bytes."""

from collections.abc import Iterator, Sequence

from reports.fleet.figures import CAUSES
from reports.fleet.folder import Folder
from reports.fleet.section import Section
from reports.fleet.svg import Bars
from reports.fleet.units import size, written

KINDS = {
    "unchanged": "Polls, nothing new",
    "changed": "Polls, new manifest",
    "older": "Polls, older manifest",
    "bundles": "Bundles",
    "status": "Status reports",
    "capabilities": "Capabilities",
}


def failures(folder: Folder) -> Section | None:
    """Failures by cause and cohort; None without any."""
    table = folder.table("cohorts")
    names, devices = table.get("cohort", ()), _carried(folder)
    causes = [name for name in table if name in CAUSES and any(table[name])]
    if not causes or not names:
        return None
    per = [[1000 * table[cause][n] / (devices[n] or 1) for n in range(len(names))] for cause in causes]
    texts = [
        [
            f"{name if len(names) > 1 else ''} {written(value, 'count')} ({table[cause][n]:,})"
            for n, (name, value) in enumerate(zip(names, values, strict=True))
        ]
        for cause, values in zip(causes, per, strict=True)
    ]
    chart = Bars(
        "failures",
        "Failures for every thousand devices, by cause and cohort",
        "For every thousand devices of the cohort over the whole run; the count is in brackets.",
        "; ".join(f"{CAUSES[cause]}: {sum(table[cause]):,}" for cause in causes) + ".",
        names,
        [CAUSES[cause] for cause in causes],
        per,
        texts,
        header=("Cohort", "Devices", *(CAUSES[cause] for cause in causes)),
        rows=[[names[n], f"{devices[n]:,}", *(f"{table[cause][n]:,}" for cause in causes)] for n in range(len(names))],
    )
    return Section(
        "failures",
        "Failures by cause and cohort",
        "What happened to devices, beside requests that failed.",
        [chart],
        "cohorts.csv",
    )


def _carried(folder: Folder) -> Sequence[int]:
    """Devices of each cohort that the figures are of."""
    table = folder.table("cohorts")
    return table.get("simulated", table.get("devices", ()))


def sizes(folder: Folder) -> Section | None:
    """Bytes by what they are for, and by cohort; None where none were counted."""
    charts = []
    table = folder.table("bytes")
    kinds = [n for n, value in enumerate(table.get("bytes", ())) if value]
    if kinds:
        values = [table["bytes_per_device_and_day"][n] for n in kinds]
        labels = [KINDS.get(table["kind"][n], str(table["kind"][n])) for n in kinds]
        charts.append(
            Bars(
                "bytes-by-kind",
                "What the bytes are for",
                "Both directions, per device and day.",
                "; ".join(f"{label}: {size(value)}" for label, value in zip(labels, values, strict=True)) + ".",
                ("all devices",),
                labels,
                [[value] for value in values],
                [[size(value)] for value in values],
                header=("For", "Requests", "Bytes", "Per device and day"),
                rows=[
                    [
                        label,
                        f"{table['requests'][n]:,}",
                        size(table["bytes"][n]),
                        size(table["bytes_per_device_and_day"][n]),
                    ]
                    for label, n in zip(labels, kinds, strict=True)
                ],
            )
        )
    charts += _bytes_by_cohort(folder)
    return (
        Section(
            "bytes",
            "Bytes per device and day",
            "What a device's connection carries in a day, on average.",
            charts,
            "bytes.csv and cohorts.csv",
        )
        if charts
        else None
    )


def _bytes_by_cohort(folder: Folder) -> Iterator[Bars]:
    table, days = folder.table("cohorts"), (folder.summary.covered or folder.summary.duration_s) / 86400
    if not any(table.get("bytes", ())) or len(table["cohort"]) < 2:
        return
    values = [bytes_ / (devices or 1) / days for bytes_, devices in zip(table["bytes"], _carried(folder), strict=True)]
    rows = [
        [str(name), f"{devices:,}", size(value)]
        for name, devices, value in zip(table["cohort"], _carried(folder), values, strict=True)
    ]
    yield Bars(
        "bytes-by-cohort",
        "By cohort",
        "Both directions, per device and day.",
        "; ".join(f"{name}: {text}" for name, _, text in rows) + ".",
        ("bytes",),
        [str(name) for name in table["cohort"]],
        [[value] for value in values],
        [[size(value)] for value in values],
        header=("Cohort", "Devices", "Per device and day"),
        rows=rows,
    )
