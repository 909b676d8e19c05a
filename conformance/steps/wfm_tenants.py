"""Sentences about clients that look for what is not theirs."""

from pytest_bdd import parsers, then, when

from conformance.bench import wfm_attempts as attempts
from conformance.bench import wfm_credentials as credentials
from conformance.bench.wfm_bench import WfmBench
from conformance.checks.wfm import tenancy


@when(parsers.parse("client {name:w} fetches its {content:w}"))
def fetch_own(bench: WfmBench, name: str, content: str) -> None:
    attempts.fetch_own(bench, name, content)


@when(parsers.parse("client {name:w} asks for the {content:w} of client {owner:w}"))
def fetch_foreign(bench: WfmBench, name: str, content: str, owner: str) -> None:
    attempts.fetch_foreign(bench, name, owner, content)


@when(parsers.parse("client {name:w} asks for its manifest, claiming to be client {owner:w} in {where}"))
def claim(bench: WfmBench, name: str, owner: str, where: str) -> None:
    bench.ask(name)
    credentials.claim(bench, name, owner, where)


@then("the WFM has given to each client its own only")
def given_to_owner(bench: WfmBench) -> None:
    bench.judge(tenancy.foreign_content_is_not_given)


@then(parsers.parse("the gateway of client {:w} was none for client {:w}"))
def foreign_gateway(bench: WfmBench) -> None:
    bench.judge(tenancy.foreign_gateways_are_none)


@then("the manifests of the two have nothing in common")
def nothing_in_common(bench: WfmBench) -> None:
    bench.judge(tenancy.manifests_have_nothing_in_common)


@then(parsers.parse("nothing has changed for client {:w}"))
def not_concerned(bench: WfmBench) -> None:
    bench.judge(tenancy.other_clients_are_not_concerned)


@then(parsers.parse("client {:w} is given its own manifest, or none"))
def own_manifest(bench: WfmBench) -> None:
    bench.judge(tenancy.claims_do_not_count)
