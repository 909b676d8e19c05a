"""The report of a fleet in a real browser: it fits every width, tells values, and asks for nothing beyond the file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.keys import Keys

from reports.fleet import page
from tests.reports.test_browser import browser, emulate, log, messages, one
from tests.reports.test_fleet import left

__all__ = ["browser"]


@pytest.fixture
def report(browser: webdriver.Chrome, tmp_path: Path) -> Iterator[webdriver.Chrome]:
    file = page.write_report(left(tmp_path, complete=False, covered_s=900))
    browser.get("about:blank")
    log(browser, "browser")
    log(browser, "performance")
    emulate(browser, "light")
    browser.get(file.as_uri())
    yield browser
    assert log(browser, "browser") == []
    sent = [message["params"]["request"]["url"] for message in messages(browser, "Network.requestWillBeSent")]
    assert [url for url in sent if not url.startswith(("file://", "data:"))] == []


def widths(driver: webdriver.Chrome) -> tuple[int, int]:
    script = "return [document.documentElement.scrollWidth, innerWidth]"
    scroll, inner = driver.execute_script(script)
    return int(scroll), int(inner)


def test_pictures_are_drawn_and_tell_their_values(report: webdriver.Chrome) -> None:
    assert one(report, ".partial").is_displayed()
    chart = one(report, "#requests svg.chart")
    box = report.execute_script("return arguments[0].getBBox()", one(report, "#requests path.s1.line"))
    assert box["width"] > 900
    assert box["height"] > 100
    chart.send_keys(Keys.ARROW_RIGHT)
    tip = one(report, "#tip")
    assert tip.is_displayed()
    assert "rate" in tip.text
    first = tip.text
    for _ in range(100):
        chart.send_keys(Keys.ARROW_RIGHT)
    assert tip.text != first
    chart.send_keys(Keys.ESCAPE)
    assert not tip.is_displayed()


def test_a_chart_has_a_name_a_description_and_its_numbers(report: webdriver.Chrome) -> None:
    for chart in report.find_elements("css selector", "svg.chart, svg.bars"):
        named = (chart.get_attribute("aria-labelledby") or "").split()
        assert len(named) == 2
        assert all(one(report, f"[id='{name}']").text for name in named)
    details = one(report, "#convergence details.data")
    report.execute_script("arguments[0].open = true", details)
    assert "1 min 40 s" in details.text


def test_it_fits_a_telephone_and_a_dark_room(report: webdriver.Chrome) -> None:
    light = report.execute_script("return getComputedStyle(document.body).backgroundColor")
    emulate(report, "dark")
    assert report.execute_script("return getComputedStyle(document.body).backgroundColor") != light
    metrics = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    report.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        scroll, inner = widths(report)
        assert scroll <= inner
        text = report.execute_script("return arguments[0].getBoundingClientRect().height", one(report, ".chart text.y"))
        assert text >= 10  # not shrunk with the picture
    finally:
        report.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
