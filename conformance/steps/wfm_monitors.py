"""The monitors of the WFM suite; importing them is what sets them to watch."""

from conformance.checks.monitors import wfm_contents, wfm_manifests, wfm_problems, wfm_transport

__all__ = ["wfm_contents", "wfm_manifests", "wfm_problems", "wfm_transport"]
