"""What a run of a fleet says of its rollouts, one line each."""

from collections.abc import Mapping
from typing import Any

from conformance.cli.console import plain


def tell_rollouts(summary: Mapping[str, Any], covered: float) -> None:
    """Say how each went in the seconds that were covered; one that would have begun later says so."""
    end_of_run = "after the end of the run" if summary["complete"] else f"the run broke off at {covered:,.0f} s"
    for rollout in summary["rollouts"]:
        if rollout["begins_at_s"] >= covered:
            plain(f"  {rollout['revision']}: begins at {rollout['begins_at_s']:,.0f} s, {end_of_run}")
            continue
        told = f"{rollout['succeeded']:,} of {rollout['devices']:,} succeeded, {rollout['failed']:,} failed"
        if (silent := rollout["devices"] - rollout["succeeded"] - rollout["failed"]) > 0:
            told += f", {silent:,} reported neither"
        if rollout["paused_at_s"] is not None:
            told += f"; paused at {rollout['paused_at_s']:,.0f} s"
        plain(f"  {rollout['revision']}: {told}")
