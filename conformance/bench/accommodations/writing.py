"""Accommodations in words: each way past as a line, and an example of a file of one's own."""

from conformance.bench.accommodations.model import Step

EXAMPLE = """\
accommodations:
  - name: our-status-route
    role: wfm
    revisions: [1.0.0-rc.2-signed]
    breaks: [API-001]
    departs: A status is reported below `state`.
    expected: deployments/{deploymentId}/status
    found: deployments/{deploymentId}/state
    shown-by: [404, 405]
    past:
      - use: route
        operation: report-status
        from: /deployments/{deploymentId}/status
        to: /deployments/{deploymentId}/state
"""


def way_past(step: Step) -> str:
    """Tell a step by its name and its settings, such as `route: operation report-status, from A, to B`."""
    settings = step.model_dump(by_alias=True, exclude={"use"}, exclude_none=True)
    told = [f"{name} {_said(value)}" for name, value in settings.items() if value not in ((), "")]
    return f"{step.use}: {', '.join(told)}" if told else step.use


def _said(value: object) -> str:
    return (
        " ".join(map(str, value))
        if isinstance(value, tuple)
        else str(value).lower()
        if value in (True, False)
        else str(value)
    )
