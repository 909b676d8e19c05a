import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.fleet.live.histogram import COARSE, FINE, QUANTILES, Histogram, quantile_name

DURATIONS = st.lists(st.floats(0.0, 3600.0), max_size=200)


def filled(values: list[float], sub_bits: int = FINE) -> Histogram:
    histogram = Histogram(sub_bits)
    for value in values:
        histogram.record(value)
    return histogram


@given(DURATIONS.filter(bool), st.sampled_from([FINE, COARSE]), st.sampled_from([0.0, 0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_is_never_too_small_and_at_most_a_bucket_too_large(
    values: list[float], sub_bits: int, share: float
) -> None:
    exact = sorted(int(value * 1e9) for value in values)[max(1, math.ceil(share * len(values))) - 1] / 1e9
    found = filled(values, sub_bits).quantile(share)
    assert found is not None
    assert exact <= found <= exact * (1 + 2**-sub_bits) + 1e-9
    assert filled(values).quantile(1.0) == int(max(values) * 1e9) / 1e9


@given(DURATIONS, DURATIONS, DURATIONS)
def test_merging_is_exact_in_any_order_and_grouping(
    first: list[float], second: list[float], third: list[float]
) -> None:
    together = filled(first + second + third).to_plain()
    left = Histogram.merged([Histogram.merged([filled(first), filled(second)]), filled(third)])
    right = Histogram.merged([filled(third), Histogram.merged([filled(second), filled(first)])])
    assert left.to_plain() == right.to_plain() == together


@given(DURATIONS)
def test_plain_data_is_the_whole_histogram(values: list[float]) -> None:
    histogram = filled(values)
    back = Histogram.from_plain(json.loads(json.dumps(histogram.to_plain())))
    assert back.to_plain() == histogram.to_plain()
    assert back.summary() == histogram.summary()


def test_an_empty_histogram_claims_nothing() -> None:
    summary = Histogram().summary()
    assert summary.pop("count") == 0
    assert set(summary.values()) == {None}
    assert [quantile_name(share) for share in QUANTILES] == ["p50", "p90", "p99", "p99.9"]


def test_what_cannot_be_merged_or_asked_is_refused() -> None:
    with pytest.raises(ValueError, match="sub_bits"):
        Histogram(FINE).merge(Histogram(COARSE))
    with pytest.raises(ValueError, match="share"):
        Histogram().quantile(1.5)
