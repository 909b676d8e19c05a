"""Small runs to render, written through the public writer and read back from the file."""

from collections.abc import Mapping
from pathlib import Path

from conformance.record.events import (
    CatalogueEvent,
    Claim,
    Connection,
    Departure,
    Event,
    Exchange,
    Fact,
    Finding,
    Header,
    Outcome,
    RequirementEntry,
    Role,
    ScenarioFinished,
    ScenarioOutcome,
    ScenarioStarted,
    Severity,
    Standing,
    StepFinished,
    Subject,
    TlsFacts,
)
from conformance.record.file import EVENT_FILE, EventWriter, read
from conformance.record.redact import body, headers
from conformance.record.run import Run

MANIFEST = b'{"manifestVersion":12345678901234567890,"deployments":[{"deploymentId":"d-1","digest":"sha256:ab"}]}'
HOSTILE = '</script><script>document.title="owned"</script><img src=x onerror="document.title=\'owned\'">'
CONTROL = "bell\x07 escape\x1b[31m null-ish\x01 direction\u202e"


def subject(role: Role = "device", name: str = "Edge Controller X40", **changes: object) -> Subject:
    values: dict[str, object] = {
        "role": role,
        "name": name,
        "version": "2.3.1",
        "vendor": "Example Industries",
        "target": "0.0.0.0:8443",
        "profile": "standalone",
        "features": ("hosting",),
        "policies": {"retry": "exponential"},
    }
    return Subject.model_validate(values | changes)


def header(*subjects: Subject, **changes: object) -> Header:
    values: dict[str, object] = {
        "run": "run-0001",
        "started": "2026-03-04T05:06:07Z",
        "suite": "1.0.0rc3",
        "revision": "1.0.0-rc.3",
        "subjects": subjects or (subject(),),
        "seed": 7,
        "deadlines": {"adoption": 30.0},
        "digests": {"catalogue": "sha256:" + "c" * 64},
        "environment": {"python": "3.11"},
    }
    return Header.model_validate(values | changes)


def requirement(
    name: str,
    statement: str = "An older manifest is refused.",
    *,
    area: str = "Desired state",
    severity: Severity = "must",
    mandatory: tuple[Role, ...] = ("device",),
    **changes: object,
) -> RequirementEntry:
    values: dict[str, object] = {
        "id": name,
        "area": area,
        "severity": severity,
        "level": severity.upper(),
        "roles": ("device",),
        "statement": statement,
        "source": f"Desired state, {name}",
        "observable": "black-box",
        "mandatory": mandatory,
        "checks": {"device": (f"check_of_{name}",)} if not changes.get("reason") else {},
    }
    return RequirementEntry.model_validate(values | changes)


class Bench:
    """Writes a run to a directory: the few things a bench does, one method each."""

    def __init__(self, directory: Path, head: Header, *requirements: RequirementEntry) -> None:
        self._path = directory / EVENT_FILE
        self._writer = EventWriter(self._path)
        self._clock = 0.0
        self._scenario = 0
        self.write(head)
        self.write(CatalogueEvent(requirements=requirements))

    def write(self, event: Event) -> int:
        """Give the event the next moment and append it; returns its number."""
        self._clock += 0.25
        return self._writer.append(event.model_copy(update={"at": self._clock})).n

    def begin(self, name: str, *requirements: str, role: Role = "device", **changes: object) -> int:
        self._scenario += 1
        values: dict[str, object] = {
            "scenario": self._scenario,
            "role": role,
            "feature": "Desired state",
            "name": name,
            "uri": "device/desired_state.feature",
            "line": 10 + self._scenario,
            "requirements": requirements,
        }
        self.write(ScenarioStarted.model_validate(values | changes))
        return self._scenario

    def step(self, text: str, outcome: str = "passed", keyword: str = "Given", message: str | None = None) -> None:
        values = {
            "scenario": self._scenario,
            "keyword": keyword,
            "text": text,
            "line": 12,
            "outcome": outcome,
            "duration": 0.125,
            "message": message,
        }
        self.write(StepFinished.model_validate(values))

    def exchange(
        self,
        *,
        operation: str = "fetch-manifest",
        method: str = "GET",
        target: str = "/api/v1/clients/c-1/deployments",
        status: int | None = 200,
        request: bytes = b"",
        response: bytes = MANIFEST,
        extra: tuple[tuple[str, str], ...] = (),
        fault: str | None = None,
        error: str | None = None,
    ) -> int:
        return self.write(
            Exchange(
                scenario=self._scenario,
                seat="client",
                operation=operation,
                params={"deviceId": "dev-1"},
                client="spiffe://margo.example/wfm-1/client/c-1",
                method=method,
                target=target,
                http_version="1.1",
                request_headers=headers((("Accept", "application/json"), *extra)),
                request=body(request),
                status=status,
                response_headers=headers((("Content-Type", "application/json"), ("ETag", '"sha256:ab"'), *extra)),
                response=body(response),
                finished=self._clock + 0.3,
                tls=TlsFacts(version="TLSv1.3", cipher="TLS_AES_128_GCM_SHA256", peer_id="spiffe://margo.example/c-1"),
                fault=fault,
                error=error,
            )
        )

    def refused(self, offered: str) -> int:
        return self.write(
            Connection(scenario=self._scenario, seat="server", outcome="refused", reason="expired", offered=offered)
        )

    def fact(self, kind: str, data: Mapping[str, object]) -> int:
        return self.write(Fact(scenario=self._scenario, kind=kind, data=data))

    def finding(self, name: str, outcome: Outcome, *shown_by: int, message: str = "older version", **more: str) -> int:
        return self.write(
            Finding(
                scenario=self._scenario,
                requirement=name,
                check=f"check_of_{name}",
                outcome=outcome,
                message=message,
                shown_by=shown_by,
                expected=more.get("expected"),
                found=more.get("found"),
            )
        )

    def claim(self, name: str, standing: Standing, *shown_by: int, **more: object) -> int:
        values = {"role": "device", "about": "feature", "name": name, "standing": standing, "shown_by": shown_by}
        return self.write(Claim.model_validate({"evidence": f"evidence of {name}"} | values | more))

    def departure(self, name: str, *shown_by: int, uses: int = 0, **more: object) -> int:
        values = {
            "role": "device",
            "name": name,
            "departs": f"It departs: {name}.",
            "expected": "this",
            "found": "that",
        }
        return self.write(
            Departure.model_validate({"source": "shipped", "shown_by": shown_by, "uses": uses} | values | more)
        )

    def end(self, outcome: ScenarioOutcome, reason: str | None = None) -> None:
        self.write(ScenarioFinished(scenario=self._scenario, outcome=outcome, reason=reason, duration=1.5))

    def run(self) -> Run:
        """Seal the file and read it back."""
        self._writer.close()
        return Run.of(read(self._path))


def passing(directory: Path, **changes: object) -> Run:
    """One scenario, one requirement, all well."""
    bench = Bench(directory, header(**changes), requirement("DS-069"))
    bench.begin("An older manifest is refused", "DS-069")
    bench.step("the device runs version 3")
    bench.finding("DS-069", Outcome.PASS, bench.exchange())
    bench.end(ScenarioOutcome.PASSED)
    return bench.run()


def mixed(directory: Path) -> Run:
    """Every kind of verdict once, in the role of a device."""
    bench = Bench(
        directory,
        header(),
        requirement("DS-053", "A damaged deployment is refused."),
        requirement("DS-069", interpretations=("Equal counts as older.",)),
        requirement("ST-004", "Each status change is reported.", area="Deployment status"),
        requirement("DT-001", "Polling continues after an outage.", area="Downtime and polling"),
        requirement("ID-27", "An expired SVID is refused.", area="X.509-SVID profile"),
        requirement("ER-002", "A problem document carries a type.", area="Error responses", severity="should"),
        requirement("DC-013", "Capabilities name the runtimes.", area="Device capabilities"),
        requirement("DC-014", "Capacity is stated.", area="Device capabilities", reason="needs a second device"),
        requirement("OB-001", "The collector may be chosen.", area="Observability", severity="may", mandatory=()),
        requirement("DS-080", "Deployments are kept over a restart."),
        requirement("DS-081", "Old bundles are removed."),
    )
    bench.begin("An older manifest is refused", "DS-069")
    bench.step("the device runs version 3")
    bench.step("the WFM publishes version 2", keyword="When")
    bench.step("the device keeps version 3", "failed", "Then", "version 2 was adopted")
    bench.step("the device reports nothing", "not-reached", "And")
    seen = bench.exchange(fault="stale manifest: version 2 after 3")
    bench.finding(
        "DS-069", Outcome.FAIL, seen, message="an older manifest was adopted", expected="3 kept", found="2 adopted"
    )
    bench.end(ScenarioOutcome.FAILED)

    bench.begin("A damaged deployment is refused", "DS-053")
    bench.finding("DS-053", Outcome.PASS, bench.exchange(response=b"\x1f\x8b\x08\x00\xff\xfe binary"))
    bench.finding("ER-002", Outcome.WARNING, message="no type")
    bench.finding("OB-001", Outcome.OBSERVATION, message="uses its own collector")
    bench.end(ScenarioOutcome.PASSED)

    bench.begin("Status after an outage", "ST-004", "DT-001", feature="Status", uri="device/status.feature")
    bench.finding("ST-004", Outcome.INCONCLUSIVE, message="no status within 30 s")
    bench.finding("DT-001", Outcome.PASS, bench.exchange(status=None, error="connection reset", response=b""))
    bench.end(ScenarioOutcome.INCONCLUSIVE)

    bench.begin("Reboot keeps deployments", "DS-080", feature="Status")
    bench.end(ScenarioOutcome.BLOCKED, "the hook power-cut is missing")

    bench.begin("The suite stumbles", "DS-081", feature="Status")
    bench.end(ScenarioOutcome.ERROR, "RuntimeError: bench fell over")

    bench.begin("Expired credentials", "ID-27", feature="Identity")
    bench.refused("expired")
    bench.fact("published", {"deployment": "d-1", "version": 4})
    bench.end(ScenarioOutcome.NOT_RUN, "left out by --fast")

    bench.begin("Gateways only", "DC-013", feature="Identity", example={"runtime": "helm"})
    bench.end(ScenarioOutcome.NOT_APPLICABLE, "no gateway is claimed")
    return bench.run()


def both_roles(directory: Path) -> Run:
    """A device that fails a requirement which the WFM passes."""
    bench = Bench(
        directory,
        header(subject(), subject("wfm", "Fleet Manager", profile="full")),
        requirement("DS-069", roles=("device", "wfm"), mandatory=("device", "wfm")),
        requirement("DS-008", "304 has no body.", roles=("wfm",), mandatory=("wfm",)),
    )
    bench.begin("The device refuses an older manifest", "DS-069")
    bench.finding("DS-069", Outcome.FAIL, bench.exchange(), message="adopted")
    bench.end(ScenarioOutcome.FAILED)
    bench.begin("The WFM never serves an older manifest", "DS-069", role="wfm")
    bench.finding("DS-069", Outcome.PASS, bench.exchange())
    bench.end(ScenarioOutcome.PASSED)
    bench.begin("304 has no body", "DS-008", role="wfm")
    bench.finding("DS-008", Outcome.PASS, bench.exchange(status=304, response=b""))
    bench.end(ScenarioOutcome.PASSED)
    return bench.run()


def hostile(directory: Path) -> Run:
    """Markup and control characters wherever a subject, or whoever wrote a file, can put them."""
    bad = HOSTILE + CONTROL
    bench = Bench(
        directory,
        header(subject(name=bad, version=bad, vendor=bad, policies={bad: bad}), run=bad, environment={bad: bad}),
        requirement("DS-069", bad, area=bad, source=bad, interpretations=(bad,)),
        requirement("DS-070", bad, area=bad, reason=bad),
    )
    bench.begin(bad, "DS-069", bad, feature=bad, uri=bad, example={bad: bad}, tags=(bad,))
    bench.step(bad, "failed", bad, bad)
    extra = (("X-Evil", bad), (bad, "x"))
    seen = bench.exchange(
        operation=bad, method=bad, target=bad, request=bad.encode(), response=bad.encode(), extra=extra, fault=bad
    )
    shown = bench.fact(bad, {bad: bad})
    bench.finding("DS-069", Outcome.FAIL, seen, shown, bench.refused(bad), message=bad, expected=bad, found=bad)
    bench.end(ScenarioOutcome.FAILED, bad)
    bench.begin("Blocked", bad)
    bench.end(ScenarioOutcome.BLOCKED, bad)
    told = {"claimed": bad, "seen": bad, "evidence": bad, "advice": bad}
    for standing in Standing:
        bench.claim(bad, standing, seen, **told)
    return bench.run()


def claimed(directory: Path, **changes: object) -> Run:
    """A run of which four claims stand in four ways."""
    bench = Bench(directory, header(**changes), requirement("DS-069"))
    bench.begin("An older manifest is refused", "DS-069")
    shown = bench.exchange(operation="report-capabilities")
    bench.finding("DS-069", Outcome.PASS, shown)
    bench.end(ScenarioOutcome.PASSED)
    bench.claim("hosting", Standing.SEEN, shown, claimed="yes", seen="yes")
    bench.claim("gateway-see-thru", Standing.NEVER_SEEN, claimed="yes")
    bench.claim("helm", Standing.NOT_CLAIMED, shown, seen="yes", advice="add `helm` to `features`")
    bench.claim("retry", Standing.CONTRADICTED, about="policy", claimed="fixed", seen="otherwise", advice="mend it")
    return bench.run()


def departed(directory: Path, **changes: object) -> Run:
    """A run past one known departure, which also would have gone past one that the subject does not have."""
    bench = Bench(directory, header(**changes), requirement("DS-069"), requirement("DS-054"))
    bench.begin("An older manifest is refused", "DS-054")
    shown = bench.exchange()
    bench.finding("DS-054", Outcome.PASS, shown)
    bench.end(ScenarioOutcome.PASSED)
    bench.departure("older-taken", shown, uses=7, breaks=("DS-069",))
    bench.departure("never-there", breaks=("DS-054",))
    return bench.run()


def nothing(directory: Path) -> Run:
    """A run in which no scenario fitted."""
    return Bench(directory, header(), requirement("DS-069")).run()


def long(directory: Path, scenarios: int = 40) -> Run:
    """A monitor judges thirty requirements in every scenario; one of them fails in two."""
    names = [f"DS-{number:03}" for number in range(1, 31)]
    bench = Bench(directory, header(), *(requirement(name) for name in names))
    for number in range(1, scenarios + 1):
        bench.begin("A device is given <count> applications", names[number % 30], example={"count": str(number)})
        for _ in range(20):
            seen = bench.exchange(response=b'{"scenario": %d}' % number)
        for name in names:
            bad = name == "DS-007" and number in (5, 9)
            outcome = Outcome.FAIL if bad else Outcome.PASS
            bench.finding(
                name, outcome, seen, message="order is kept", expected="ascending", found=f"{number} in a row"
            )
        bench.end(ScenarioOutcome.FAILED if number in (5, 9) else ScenarioOutcome.PASSED)
    return bench.run()
