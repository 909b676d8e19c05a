"""How a WFM is talked to past its known departures: as the text says first, and otherwise only where that is refused.

A way past that changes what is sent is found out once for each seat: the WFM refuses what the text says, and serves the
same request put otherwise. A WFM that serves what the text says does not depart, and is never asked otherwise again.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from conformance.bench.accommodations import speaking
from conformance.bench.accommodations.model import (
    Accommodation,
    AnswerStatus,
    CertificateIn,
    EntityTag,
    FromBundle,
    Prefix,
    Read,
    SentValue,
)
from conformance.bench.recorder import Recorder
from conformance.bench.wfm_manner import Outgoing
from conformance.checks.departures import DEPARTED, TRIED, as_read
from conformance.record.events import Exchange, Fact
from simulator.identity.client_certificate import CertificateEncoding
from simulator.protocol.operations import Call

MAX_TRIES = 5
"""How often one way past is tried before the WFM counts as one that does not depart so."""
Ask = Callable[[Outgoing], Exchange]


class Standing(StrEnum):
    """What is known of a way past that changes requests."""

    OPEN = "open"
    THERE = "there"
    ABSENT = "absent"


@dataclass
class Dialect:
    """The known departures of one WFM; lives as long as its seat."""

    given: tuple[Accommodation, ...] = ()
    tags: speaking.Tags = field(default_factory=speaking.Tags)
    _standing: dict[str, Standing] = field(default_factory=dict)
    _tries: Counter[str] = field(default_factory=Counter)

    def standing(self, item: Accommodation) -> Standing:
        """Tell what is known of one that changes requests."""
        return self._standing.get(item.name, Standing.OPEN)

    def settle(self, item: Accommodation, standing: Standing) -> None:
        """Decide about one that changes requests."""
        self._standing[item.name] = standing

    @property
    def unsettled(self) -> bool:
        """Whether something has still to be found out before scenarios count on it."""
        return any(self.standing(item) is Standing.OPEN for item in self.given if item.sent)

    def having(self, step: type) -> Accommodation | None:
        """Give the accommodation with a step of a kind, if there is one."""
        return next((item for item in self.given if any(isinstance(one, step) for one in item.past)), None)

    # --- requests -----------------------------------------------------------------------------------------------------

    def known(self, target: str) -> str:
        """Give a target without the path that the WFM puts before it."""
        paths = [step.path for item in self._in(Standing.THERE) for step in item.sent if isinstance(step, Prefix)]
        return next((target.removeprefix(path) for path in paths if target.startswith(f"{path}/")), target)

    def carried(self, call: Call, said: Outgoing, ask: Ask, recorder: Recorder) -> Exchange:
        """Have a request sent, put otherwise as far as this WFM is known to want it; gives the exchange as it is read.

        `ask` sends a request and gives the recorded exchange.
        """
        if not self.given:
            return ask(said)
        request = said
        used: list[Accommodation] = []
        for item in self._in(Standing.THERE):
            changed = speaking.put(item, call, request)
            used += [item] if changed != request else []
            request = changed
        tagged = speaking.with_known_tag(request, self.tags)
        exchange = ask(tagged)
        found = self._past_refusal(call, tagged, exchange, ask, recorder)
        used += found.used
        facts = [_note(recorder, item, found.exchange, {}, found.refused) for item in used]
        if tagged != request and (tagging := self.having(EntityTag)) is not None:
            facts.append(_note(recorder, tagging, found.exchange, {}))
        return self._as_read(found.exchange, facts, recorder)

    def _past_refusal(
        self, call: Call, request: Outgoing, exchange: Exchange, ask: Ask, recorder: Recorder
    ) -> "_Found":
        """Try what is still open where the WFM refuses what was sent; what leads nowhere is no evidence of anything."""
        candidates = [item for item in self._in(Standing.OPEN) if speaking.put(item, call, request) != request]
        if _served(exchange):
            for item in candidates:
                self.settle(item, Standing.ABSENT)
        tried: list[Exchange] = []
        used: list[Accommodation] = []
        last = exchange
        for item in candidates if not _served(exchange) else ():
            if last.status not in item.shown_by:
                continue
            changed = speaking.put(item, call, request)
            answer = ask(changed)
            tried.append(answer)
            self._count(item)
            if answer.status is not None and answer.status != last.status:
                request, last = changed, answer
                used.append(item)
        if used and _served(last):
            for item in used:
                self.settle(item, Standing.THERE)
            dropped(recorder, (one for one in tried if one is not last))
            return _Found(last, tuple(used), (exchange,))
        dropped(recorder, tried)
        return _Found(exchange)

    def _count(self, item: Accommodation) -> None:
        self._tries[item.name] += 1
        if self._tries[item.name] >= MAX_TRIES:
            self.settle(item, Standing.ABSENT)

    def _in(self, standing: Standing) -> Iterator[Accommodation]:
        return (item for item in self.given if item.sent and self.standing(item) is standing)

    # --- answers ------------------------------------------------------------------------------------------------------

    def _as_read(self, exchange: Exchange, facts: list[Fact], recorder: Recorder) -> Exchange:
        for item, step in self._readings():
            reading = speaking.read(step, as_read((exchange,), facts)[0], self.tags)
            if reading:
                facts.append(_note(recorder, item, exchange, reading))
        return as_read((exchange,), facts)[0]

    def _readings(self) -> Iterator[tuple[Accommodation, Read]]:
        return ((item, step) for item in self.given for step in item.read)

    def meant(self, exchange: Exchange, recorder: Recorder, *, known: bool | None, expects: str | None) -> Exchange:
        """Read the answer to a request of which is told what was meant by it, and whether its subject was known."""
        facts: list[Fact] = []
        for item, step in self._readings():
            if isinstance(step, AnswerStatus) and step.unless_accept is None:
                read = as_read((exchange,), facts)[0]
                reading = speaking.read_status(step, read, known=known, expects=expects)
                facts += [_note(recorder, item, exchange, reading)] if reading else []
        return as_read((exchange,), facts)[0] if facts else exchange

    def took_from_bundle(self, exchange: Exchange, document: bytes, recorder: Recorder) -> Exchange:
        """Read a deployment that was not found as the document that the bundle has for it."""
        item = self.having(FromBundle)
        if item is None:
            return exchange
        sharing = {"ETag": f'"{exchange.params.get("digest")}"', "Content-Type": "application/yaml"}
        reading = {"status": 200, "headers": sharing, "response": document.decode("utf-8", "replace")}
        fact = _note(recorder, item, exchange, reading)
        return as_read((exchange,), [fact])[0]

    # --- what the binding asks for ------------------------------------------------------------------------------------

    @property
    def encoding(self) -> CertificateEncoding | None:
        """In which encoding this WFM has to be given certificates; None where either will do."""
        item = self.having(CertificateIn)
        if item is None or self.standing(item) is not Standing.THERE:
            return None
        return next(step.encoding for step in item.sent if isinstance(step, CertificateIn))

    def one_device(self, client_id: str) -> str | None:
        """Give the only device that a client can have, where the WFM knows it by the client's id."""
        for item in self._in(Standing.THERE):
            for step in item.sent:
                if isinstance(step, SentValue) and step.value == "{clientId}":
                    return client_id
        return None

    def used_encoding(self, exchange: Exchange, recorder: Recorder, instead_of: Iterable[Exchange] = ()) -> None:
        """Remember that a certificate was written as this WFM wants it."""
        item = self.having(CertificateIn)
        if item is not None and self.standing(item) is Standing.THERE:
            _note(recorder, item, exchange, {}, tuple(instead_of))


@dataclass(frozen=True, slots=True)
class _Found:
    """The exchange that counts, what was got past for it, and the refusals that showed the need."""

    exchange: Exchange
    used: tuple[Accommodation, ...] = ()
    refused: tuple[Exchange, ...] = ()


def _served(exchange: Exchange) -> bool:
    return exchange.status is not None and (200 <= exchange.status < 300 or exchange.status == 304)


def _note(
    recorder: Recorder,
    item: Accommodation,
    exchange: Exchange,
    reading: speaking.Reading,
    instead_of: Iterable[Exchange] = (),
) -> Fact:
    refs: dict[str, Exchange | tuple[Exchange, ...]] = {"exchange": exchange, "instead-of": tuple(instead_of)}
    what = {"name": item.name, "breaks": list(item.breaks), "hides": list(item.hides), "read": reading}
    return recorder.note(DEPARTED, refs, **what)


def dropped(recorder: Recorder, tried: Iterable[Exchange]) -> None:
    """Have exchanges be evidence of nothing but the departures they show: they were the bench's own attempts."""
    for number, exchange in zip(itertools.count(1), tried, strict=False):
        recorder.note(TRIED, {"exchange": exchange}, attempt=number)
