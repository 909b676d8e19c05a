"""WFMs that handle their trust wrongly are found out."""

from pathlib import Path

import pytest

from conformance.bench import wfm_seat
from conformance.bench.applications import applications
from conformance.bench.ics import Ics
from conformance.bench.run import RunPlan, run
from conformance.bench.scenarios import Selection
from conformance.record.verdict import RequirementVerdict
from simulator.identity.authority import Authority
from simulator.identity.bundle import TrustBundle
from simulator.identity.mis_trust import MisTrust, Refresh

ELSEWHERE = Authority.new(wfm_seat.TRUST_DOMAIN).bundle()
ICS = Ics.of_reference("wfm")


class Merging(MisTrust):
    """Adds new anchors to the old ones."""

    def replace(self, bundle: TrustBundle) -> None:
        held = self._bundle.anchors if self._bundle else ()
        merged = tuple(dict.fromkeys((*held, *bundle.anchors)))
        super().replace(TrustBundle(bundle.trust_domain, merged, bundle.sequence, bundle.refresh_hint))


class Stubborn(MisTrust):
    """Keeps the first bundle for good."""

    def replace(self, bundle: TrustBundle) -> None:
        if self._bundle is None:
            super().replace(bundle)


class Forgetful(MisTrust):
    """Turns to a root of its own when a refresh fails."""

    async def refresh(self) -> Refresh:
        result = await super().refresh()
        if result.outcome == "failed":
            self.replace(ELSEWHERE)
        return result


@pytest.mark.parametrize(
    ("broken", "statement"), [(Merging, "ID-84"), (Stubborn, "ID-84"), (Stubborn, "ID-76"), (Forgetful, "ID-83")]
)
def test_wrong_handling_of_trust_is_found(
    broken: type[MisTrust], statement: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wfm_seat, "MisTrust", broken)
    seat = wfm_seat.simulated_seat(ICS, None, applications())
    found = run(RunPlan((seat,), tmp_path, selection=Selection(requirements=(statement,)))).assessments[0]
    assert found.requirements[statement] is RequirementVerdict.FAIL
