"""Known delays are found again, in numbers made up and against a WFM that answers late."""

import asyncio
import math
import random
import time
from statistics import NormalDist
from typing import Any

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.fleet.calibration import Calibration, CannotCalibrate, calibrate, distance, read_results
from simulator.fleet.description import Fleet
from simulator.fleet.live.histogram import Histogram
from simulator.fleet.live.tally import Tally
from simulator.fleet.quantities import Distribution, Sampled, quantile
from simulator.wfm.server import ReferenceWfm
from tests.fleet.test_equal_traces import BASE
from tests.fleet_live.support import Seen, document, plan, shard_of
from tests.wfm.support import config

KINDS = {"unchanged": ("fetch-manifest", 304), "status": ("report-status", 201)}


def drawn(median: float, p95: float, number: random.Random) -> float:
    """One time of a lognormal distribution."""
    return median * math.exp(math.log(p95 / median) / NormalDist().inv_cdf(0.95) * number.gauss(0, 1))


def results(rtt: tuple[float, float], **work: tuple[float, float]) -> dict[str, Any]:
    """What a live run would have measured."""
    number = random.Random(7)  # noqa: S311 - not for secrets
    tally = Tally()
    for _ in range(4000):
        tally.connected(0.0, 0.03, drawn(*rtt, number))
        for kind, (operation, status) in KINDS.items():
            if kind in work:
                took = drawn(*rtt, number) + drawn(*work[kind], number)
                tally.answered(operation, status, 0.0, took, 300, sent=200, body=50)
    return {**tally.to_plain()}


@given(
    rtt=st.sampled_from([(0.0002, 0.0005), (0.02, 0.05), (0.04, 0.2)]),
    median=st.floats(0.002, 0.2),
    spread=st.floats(1.05, 4.0),
)
@settings(max_examples=12, deadline=None)
def test_the_work_is_told_apart_from_the_way(rtt: tuple[float, float], median: float, spread: float) -> None:
    fitted = calibrate(results(rtt, unchanged=(median, median * spread)))
    assert quantile(fitted.rtt.of, 0.5) == pytest.approx(rtt[0], rel=0.1)
    assert fitted.service["unchanged"].distance < 0.09
    noise = rtt[1] - rtt[0]  # what the way does by chance cannot be taken away from single answers
    assert quantile(fitted.service["unchanged"].of, 0.5) == pytest.approx(median, rel=0.15, abs=0.25 * noise)


def test_the_distance_tells_a_fit_from_a_misfit() -> None:
    seen = Histogram()
    number = random.Random(1)  # noqa: S311 - not for secrets
    for _ in range(4000):
        seen.record(drawn(0.02, 0.06, number))
    assert distance(seen, Distribution(lognormal=(0.02, 0.06))) < 0.03
    assert distance(seen, Distribution(lognormal=(0.03, 0.06))) > 0.2
    assert distance(seen, 0.02) > 0.4


def test_the_distance_sees_what_was_never_measured() -> None:
    """Between two heaps nothing was seen; a distribution that has most of its times there is far away."""
    seen = Histogram()
    for _ in range(500):
        seen.record(0.001)
        seen.record(0.8)
    assert distance(seen, Distribution(lognormal=(0.001, 0.8))) > 0.4
    assert distance(seen, Distribution(percentiles={0: 0.001, 49.9: 0.001, 50.1: 0.8, 100: 0.8})) < 0.02


def test_times_below_a_millisecond_are_fitted_with_the_simplest_form() -> None:
    fitted = calibrate(results((0.000_002, 0.000_003), unchanged=(0.0004, 0.0016)))
    of = fitted.service["unchanged"].of
    assert isinstance(of, Distribution)
    assert of.lognormal == pytest.approx((0.0004, 0.0016), rel=0.1)


def test_sizes_are_means_and_a_kind_that_was_hardly_seen_is_left_out_by_name() -> None:
    fitted = calibrate(results((0.02, 0.05), unchanged=(0.01, 0.02)))
    assert fitted.sizes == {"unchanged": 500}
    assert "bundle: 0 requests, at least 20 are needed" in fitted.left_out
    fleet = fitted.applied(Fleet.model_validate(BASE))
    assert fleet.wfm.sizes.unchanged == 500
    assert fleet.wfm.sizes.bundle == Fleet.model_validate(BASE).wfm.sizes.bundle
    assert fleet.cohorts[0].network.rtt == Distribution.model_validate(fitted.fragment()["network"]["rtt"])


def test_too_little_is_refused(tmp_path: Any) -> None:
    with pytest.raises(CannotCalibrate, match=r"unchanged: 0 requests, at least 20 are needed.*run longer"):
        calibrate(results((0.02, 0.05)))
    (tmp_path / "summary.json").write_text("{}")
    with pytest.raises(CannotCalibrate, match=r"found summary\.json"):
        read_results(tmp_path)


NUMBER = random.Random(5)  # noqa: S311 - not for secrets
DELAYS: dict[str, Sampled] = {
    "unchanged": Distribution(lognormal=(0.12, 0.24)),
    "manifest": Distribution(uniform=(0.1, 0.3)),
    "bundle": 0.16,
    "status": 0.24,
}


def late(number: random.Random, took: dict[str, Histogram]) -> Any:
    """A WFM that takes its time for each kind of request, and notes how much it took in the end."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        of = {"/bundles/": "bundle", "/status": "status", "/capabilities/": "capabilities"}
        kind = next((kind for part, kind in of.items() if part in request.path), "manifest")
        if kind == "manifest" and response.status == 304:
            kind = "unchanged"
        if kind in DELAYS:
            began = time.monotonic()
            await asyncio.sleep(quantile(DELAYS[kind], number.random()))
            took.setdefault(kind, Histogram()).record(time.monotonic() - began)
        return response

    return answer


def test_the_delays_of_a_wfm_are_found_again_within_a_fifth() -> None:
    took: dict[str, Histogram] = {}

    async def scenario() -> Seen:
        seen = Seen()
        async with ReferenceWfm(config(), middlewares=[late(NUMBER, took)]) as wfm:
            shard = shard_of(wfm, plan(40, 60.0, 0.8, ramp_s=2.0))
            running = asyncio.create_task(shard.run(time.monotonic(), seen.take, every_s=0.1))
            await seen.until(lambda: seen.count("fetch-manifest", 304) > 20)
            for device in range(40):
                await wfm.service.publish(f"fleet-{device:06d}", document(f"fleet-{device:06d}"))
            await seen.until(lambda: seen.count("report-status") >= 80)
            shard.stop()
            await running
        return seen

    tally = asyncio.run(scenario()).tally
    fitted: Calibration = calibrate(tally.to_plain())
    noise = 2 * (tally.lag.quantile(0.9) or 0.0)  # both sides share one loop, which a busy machine makes late
    for kind in DELAYS:
        for share in (0.25, 0.5, 0.75):
            found = quantile(fitted.service[kind].of, share)
            assert found == pytest.approx(took[kind].quantile(share), rel=0.2, abs=0.02 + noise), (kind, share)
    assert quantile(fitted.rtt.of, 0.5) < 0.01  # the loopback; the WFM's delays are not taken for the network's
