"""`--workers N` and `--scheduler ADDRESS`: the workers of a Dask cluster simulate, or are live devices."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from simulator.fleet.cluster import Cluster
    from simulator.fleet.description import Fleet
    from simulator.fleet.live.hands import Hire
    from simulator.fleet.plan import World
    from simulator.fleet.shards import Outcome

INCOMPLETE = 4
EXTRA = "shards run on Dask, which is in an extra: `pip install 'margo-conformance[scale]'`"
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="N",
        min=1,
        max=1024,
        help="Spread the devices over N processes of this machine (Dask); the result is the same.",
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        help="Spread them over all workers of this Dask scheduler, such as tls://10.0.0.5:8786.",
    ),
]

WorkerIdentity = Annotated[
    Path | None,
    typer.Option(
        "--worker-identity",
        metavar="DIR",
        help="The identity folder on the workers' machines, when it is not where --identity is here; no key is sent.",
    ),
]


def run(
    fleet: Fleet,
    world: World,
    engine: str,
    workers: int | None,
    scheduler: str | None,
    progress: Callable[[float], object],
) -> Outcome:
    """Simulate a fleet on a cluster; the counts are in `world` afterwards. Raises Misuse."""
    from conformance.cli.problems import Misuse
    from simulator.fleet import shards

    try:
        shards.check_independent(fleet, world)
    except shards.Coupled as error:
        hint = "leave out --workers and --scheduler: one process simulates it"
        raise Misuse("coupled", f"the fleet cannot be cut: {error}", hint) from None
    with _opened(workers, scheduler) as pool:
        return shards.simulate(fleet, world, pool, engine=engine, progress=progress)


@contextmanager
def hired(workers: int | None, scheduler: str | None, identity: Path | None) -> Iterator[tuple[int, Hire] | None]:
    """How many workers carry a live run, and how they are hired; None when no cluster is asked for. Raises Misuse."""
    if workers is None and scheduler is None:
        yield None
        return
    with _opened(workers, scheduler) as pool:
        from simulator.fleet.live.remote import Workers

        carriers = Workers(pool.client, identity)
        yield carriers.count, carriers.hire


@contextmanager
def _opened(workers: int | None, scheduler: str | None) -> Iterator[Cluster]:
    from conformance.cli.problems import Misuse

    if workers is not None and scheduler is not None:
        raise Misuse("usage", "expected either --workers or --scheduler", "a scheduler's workers are all used")
    try:
        from simulator.fleet import cluster
    except ModuleNotFoundError as error:
        raise Misuse("missing-extra", str(error), EXTRA) from None
    try:
        with cluster.opened(workers, scheduler) as pool:
            yield pool
    except cluster.ClusterProblem as error:
        raise Misuse("cluster", str(error), "docs/fleet-scale.md shows how a cluster is set up") from None


def tell(summary: dict[str, Any]) -> None:
    """Say what is missing, and end with the exit code of what is incomplete."""
    from conformance.cli.console import stderr
    from conformance.cli.problems import INTERRUPTED

    shards = summary.get("shards")
    if shards is None:
        return
    console = stderr()
    if shards["lost_workers"]:
        console.print(f"{shards['lost_workers']} workers were lost; others did their part again", markup=False)
    if not shards["missing_devices"]:
        return
    missing = ", ".join(f"{first:,}-{last:,}" for first, last in shards["missing_devices"])
    console.print(f"partial: the devices {missing} are missing from all counts", markup=False, soft_wrap=True)
    raise typer.Exit(INTERRUPTED if shards["interrupted"] else INCOMPLETE)
