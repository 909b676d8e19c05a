"""The search for devices: what is drawn, and how it is carried out."""

from hypothesis import strategies as st

from conformance.search import device_answers as answer
from conformance.search import device_changes as act
from conformance.search.actions import AnyAction
from conformance.search.device_model import ROLES
from conformance.search.device_promises import INVARIANTS, begin, finish
from conformance.search.trial import Game

GAME = Game(begin, finish, INVARIANTS)
LONGEST = 12
"""Actions in one sequence, at most."""

_roles = st.sampled_from(ROLES)
_plain: list[st.SearchStrategy[AnyAction]] = [
    st.builds(act.Publish, role=_roles),
    st.builds(act.Withdraw, role=_roles),
    st.builds(act.Settle),
    st.builds(act.Reboot),
    st.builds(act.PowerCut, role=_roles, moment=st.sampled_from(act.MOMENTS)),
    # ends of outages twice as often as beginnings: while there is one, most other actions do not fit
    st.one_of(st.builds(act.CutNetwork), st.builds(act.StopWfm)),
    st.one_of(st.builds(act.RestoreNetwork), st.builds(act.StartWfm)),
    st.one_of(st.builds(act.RestoreNetwork), st.builds(act.StartWfm)),
    st.builds(act.LetPass, seconds=st.integers(1, 3)),
    st.builds(
        act.ComponentFails,
        role=_roles,
        position=st.sampled_from(("first", "last")),
        behaviour=st.sampled_from(("fails", "cannot be fetched", "unhealthy")),
    ),
    st.builds(act.StopWorkload, role=_roles),
    st.builds(act.LoseState),
    st.builds(act.ChangeFacts),
    st.builds(answer.OfferDamaged, role=_roles, damage=st.sampled_from((*answer.DAMAGED, *answer.UNCHECKABLE))),
    st.builds(answer.OfferMalformed, role=_roles, defect=st.sampled_from(answer.UNREADABLE)),
    st.builds(answer.OfferOlder, role=_roles, steps=st.integers(0, 3)),
    st.builds(answer.ContentMissing, role=_roles),
    st.builds(answer.Overloaded),
]


def drawn() -> st.SearchStrategy[list[AnyAction]]:
    """Give sequences of actions that begin with a publication, since most actions need one before them.

    More are drawn than are carried out: those that do not fit where they stand are passed over.
    """
    later = st.lists(st.one_of(_plain), min_size=3, max_size=2 * LONGEST)
    return st.builds(lambda first, others: [first, *others], _plain[0], later)
