"""Sentences about who is let in."""

from pytest_bdd import parsers, then, when

from conformance.bench import wfm_attempts as attempts
from conformance.bench import wfm_credentials as credentials
from conformance.bench.wfm_bench import WfmBench
from conformance.checks.wfm import identity as checks


@when(parsers.parse("somebody presents a certificate with this defect: {defect}"))
def bad_certificate(bench: WfmBench, defect: str) -> None:
    credentials.bad_certificate(bench, defect)


@when("somebody asks without any certificate")
def no_certificate(bench: WfmBench) -> None:
    credentials.no_certificate(bench)


@when(parsers.parse("somebody without a certificate forwards that of client {name:w}"))
def forwarded_certificate(bench: WfmBench, name: str) -> None:
    credentials.forwarded_certificate(bench, name)


@when(parsers.parse("client {name:w} goes on as before"))
def goes_on(bench: WfmBench, name: str) -> None:
    bench.ask(name)
    bench.report(name, "press-of-nobody")


@when(parsers.parse("client {name:w} offers TLS {version} at most"))
def older_tls(bench: WfmBench, name: str, version: str) -> None:
    credentials.older_tls(bench, name, "1.1 only" if version == "1.1" else "1.2 only")


@when(parsers.parse("a client presents a sound certificate {kind}"))
def sound_certificate(bench: WfmBench, kind: str) -> None:
    credentials.sound_certificate(bench, kind)


@when(parsers.parse('client {name:w} presents a renewed certificate and reports device "{device}" again'))
def renewed(bench: WfmBench, name: str, device: str) -> None:
    credentials.renewed_certificate(bench, name, device)


@when("a client stays connected while its certificate expires")
def outlive(bench: WfmBench) -> None:
    credentials.outlive(bench)


@when(parsers.parse("the operator retires client {name:w}"))
def retire(bench: WfmBench, name: str) -> None:
    attempts.retire(bench, name)


@when(parsers.parse("client {name:w} tries everything it could do before"))
def try_everything(bench: WfmBench, name: str) -> None:
    attempts.everything(bench, name, bench.client(name).device)


@then("the WFM has turned away the bad certificate only")
def turned_away(bench: WfmBench) -> None:
    bench.judge(checks.bad_certificates_are_turned_away)


@then("outdated encryption has been turned down")
def outdated_turned_down(bench: WfmBench) -> None:
    bench.judge(checks.outdated_encryption_is_turned_down)


@then("it is noted whether TLS 1.2 is a way to fall back on")
def fallback_noted(bench: WfmBench) -> None:
    bench.judge(checks.falling_back_is_noted)


@then("the WFM lets it in")
def let_in(bench: WfmBench) -> None:
    bench.judge(checks.sound_certificates_are_let_in)


@then("it is noted whether the WFM lets it in")
def optional_noted(bench: WfmBench) -> None:
    bench.judge(checks.optional_keys_are_noted)


@then("the WFM knows the client with either certificate")
def known_with_either(bench: WfmBench) -> None:
    bench.judge(checks.a_renewed_certificate_is_the_same_client)


@then("the connection has ended with the certificate")
def ended_with_certificate(bench: WfmBench) -> None:
    bench.judge(checks.connections_end_with_their_certificate)


@then("a resumed session has not brought it back")
def not_resumed(bench: WfmBench) -> None:
    bench.judge(checks.resumption_does_not_prolong)


@then(parsers.parse("the WFM has refused client {:w} everything and client {:w} nothing"))
def retired_refused(bench: WfmBench) -> None:
    bench.judge(checks.retired_clients_are_not_served)
    bench.judge(checks.retired_clients_are_told_so)
