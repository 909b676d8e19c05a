"""Broken WFMs of revision 1.0.0-rc.2-signed: what only that revision has, done wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulator.wfm.server import ReferenceWfm, WfmConfig
from simulator.wfm.signed import SignedApi, SignedFront, SignedState
from simulator.wfm.signed_server import SignedWfm


@dataclass(frozen=True, slots=True)
class SignedMutant:
    """A broken WFM of this revision: its name, the requirement it breaks, and what is wrong in one line."""

    name: str
    breaks: str
    description: str
    core_class: type[SignedState] = SignedState
    api_class: type[SignedApi] = SignedApi
    wfm_class: type[SignedWfm] = SignedWfm

    def build(self, config: WfmConfig, front: SignedFront, **options: Any) -> ReferenceWfm:
        """A WFM with this defect."""
        return self.wfm_class(config, front, core_class=self.core_class, api_class=self.api_class, **options)


SIGNED_MUTANTS: Mapping[str, SignedMutant] = {}
