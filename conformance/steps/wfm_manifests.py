"""Sentences about a client that asks for its manifest and for what the manifest names."""

from pytest_bdd import given, parsers, then, when

from conformance.bench import wfm_asking as asking
from conformance.bench.wfm_bench import WfmBench
from conformance.checks.wfm import caching, desired_state, lifecycle, negotiation


@given(parsers.parse("client {name:w} has asked for its manifest"))
@when(parsers.parse("client {name:w} asks for its manifest"))
def ask(bench: WfmBench, name: str) -> None:
    bench.ask(name)


@when(parsers.parse("client {name:w} asks for its manifest {count:d} times"))
def ask_often(bench: WfmBench, name: str, count: int) -> None:
    for _ in range(count):
        bench.ask(name)


@when(parsers.parse("client {name:w} asks for its manifest, naming {held}"))
def ask_naming(bench: WfmBench, name: str, held: str) -> None:
    asking.naming(bench, name, held)


@when(parsers.parse("client {name:w} asks for its manifest, accepting {forms}"))
def ask_accepting(bench: WfmBench, name: str, forms: str) -> None:
    asking.accepting(bench, name, forms)


@when(parsers.parse("client {name:w} fetches everything its manifest names"))
def fetch_all(bench: WfmBench, name: str) -> None:
    asking.everything(bench, name)


@when(parsers.parse("client {name:w} fetches everything the former manifest named"))
def fetch_former(bench: WfmBench, name: str) -> None:
    asking.everything_former(bench, name)


@when(parsers.parse("client {name:w} fetches it all again, naming what it holds"))
def fetch_held(bench: WfmBench, name: str) -> None:
    asking.everything_held(bench, name)


@when(parsers.parse("client {name:w} fetches it all again, with the colon of each digest escaped"))
def fetch_escaped(bench: WfmBench, name: str) -> None:
    asking.everything_escaped(bench, name)


@when(parsers.parse("client {name:w} fetches everything its manifest names, accepting compression"))
def fetch_compressed(bench: WfmBench, name: str) -> None:
    asking.everything_compressed(bench, name)


@given("the WFM compresses content for those who accept it")
def compresses(bench: WfmBench) -> None:
    bench.subject.hooks.need("compress")(True)


@then("it is the first version with nothing to run")
def first_version(bench: WfmBench) -> None:
    bench.need_new("A")
    bench.judge(desired_state.first_manifest_is_the_empty_first_version)


@then("the bundle and the single documents agree")
def bundle_agrees(bench: WfmBench) -> None:
    bench.judge(desired_state.bundle_and_single_documents_agree)


@then("the former content is unchanged or no longer there")
def former_content(bench: WfmBench) -> None:
    bench.judge(desired_state.replaced_content_is_itself_or_gone)


@then("an escaped address leads to the same content, or to none")
def escaped_address(bench: WfmBench) -> None:
    bench.judge(desired_state.escaped_addresses_lead_nowhere_else)


@then("every answer is the same to the last byte")
def same_answers(bench: WfmBench) -> None:
    bench.judge(desired_state.nothing_changes_by_itself)


@then("it is told that nothing has changed")
def nothing_changed(bench: WfmBench) -> None:
    bench.judge(caching.the_newest_manifest_is_not_sent_again)


@then("it is given the whole manifest")
def whole_manifest(bench: WfmBench) -> None:
    bench.judge(caching.another_manifest_is_sent_whole)


@then("what the WFM makes of it is noted, and a plain question still works")
def oddity_noted(bench: WfmBench) -> None:
    bench.ask("A")
    bench.judge(caching.odd_conditions_do_no_harm)


@then(parsers.parse("each manifest of client {:w} has a tag of its own"))
def own_tags(bench: WfmBench) -> None:
    bench.judge(caching.tags_follow_the_content)


@then("what may be kept and for how long has been said in every answer")
def caching_said(bench: WfmBench) -> None:
    bench.judge(caching.every_kind_of_answer_was_seen)


@then("it is told that nothing has changed, or given the same again")
def content_held(bench: WfmBench) -> None:
    bench.judge(caching.content_that_is_held_need_not_be_sent)


@then("it is given the manifest in the form of the first version")
def first_form(bench: WfmBench) -> None:
    bench.judge(negotiation.the_first_form_is_the_default)


@then("the WFM has refused the form that it does not have")
def refused_form(bench: WfmBench) -> None:
    bench.judge(negotiation.unknown_forms_cannot_be_given)


@then("what comes compressed unpacks to what was promised")
def unpacks(bench: WfmBench) -> None:
    bench.judge(negotiation.compressed_content_unpacks_to_what_was_promised)


@then("both ways gave the same content")
def both_ways(bench: WfmBench) -> None:
    bench.judge(negotiation.compression_changes_nothing)


@then("every operation of the interface has been served")
def every_operation(bench: WfmBench) -> None:
    bench.judge(lifecycle.every_operation_is_served)
