"""The report in a real browser: it loads from a file, filters, expands, and nothing in the evidence runs."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from conformance.record.run import Run
from reports import write_all
from tests.reports import samples

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1400,1200",
)
Page = Callable[[Callable[[Path], Run]], webdriver.Chrome]


def executable(*names: str) -> str:
    """Find a browser or its driver; without one the tests are skipped, but fail on a CI server."""
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        reason = f"none of {', '.join(names)} is installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = Options()
    options.binary_location = executable("chromium", "chromium-browser", "google-chrome")
    service = Service(executable("chromedriver"))
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


@pytest.fixture
def page(browser: webdriver.Chrome, tmp_path: Path) -> Iterator[Page]:
    """Opens the report of a run; in the end there is no error on the console and no request beyond the file."""

    def opened(sample: Callable[[Path], Run]) -> webdriver.Chrome:
        path = write_all(sample(tmp_path), tmp_path, ["html"])["html"]
        emulate(browser, "light")
        browser.get(path.as_uri())
        return browser

    browser.get("about:blank")
    log(browser, "browser")
    log(browser, "performance")
    yield opened
    assert log(browser, "browser") == []
    sent = [message["params"]["request"]["url"] for message in messages(browser, "Network.requestWillBeSent")]
    assert sent
    assert [url for url in sent if not url.startswith(("file://", "data:"))] == []


def log(driver: webdriver.Chrome, kind: str) -> list[dict[str, Any]]:
    """What was logged since the last call."""
    entries: list[dict[str, Any]] = driver.get_log(kind)  # type: ignore[no-untyped-call]
    return entries


def messages(driver: webdriver.Chrome, method: str) -> list[dict[str, Any]]:
    parsed = [json.loads(entry["message"])["message"] for entry in log(driver, "performance")]
    return [message for message in parsed if message["method"] == method]


def emulate(driver: webdriver.Chrome, scheme: str, media: str = "") -> None:
    features = [
        {"name": "prefers-color-scheme", "value": scheme},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})


def one(driver: webdriver.Chrome, selector: str) -> WebElement:
    return driver.find_element(By.CSS_SELECTOR, selector)


def visible(driver: webdriver.Chrome, selector: str) -> list[str]:
    """The ids of the rows that are shown."""
    return [
        row.get_attribute("id") or "" for row in driver.find_elements(By.CSS_SELECTOR, selector) if row.is_displayed()
    ]


def requirements(driver: webdriver.Chrome) -> list[str]:
    return sorted(name.removeprefix("req-") for name in visible(driver, "#requirements .row"))


def scenarios(driver: webdriver.Chrome) -> list[str]:
    return [name.removeprefix("scenario-") for name in visible(driver, "#scenarios .row")]


def click(driver: webdriver.Chrome, selector: str) -> None:
    # through the page: a sticky toolbar may stand over what is to be clicked
    driver.execute_script("arguments[0].click()", one(driver, selector))


def brightness(driver: webdriver.Chrome, selector: str = "body") -> float:
    """From 0, black, to 255, white: of the background."""
    colour = one(driver, selector).value_of_css_property("background-color")
    red, green, blue = (float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3])
    return (red + green + blue) / 3


def test_the_page_loads_with_everything_shown(page: Page) -> None:
    driver = page(samples.mixed)
    assert driver.title == "Not conformant: Edge Controller X40 2.3.1 · Margo 1.0.0-rc.3"
    assert len(requirements(driver)) == 11
    assert scenarios(driver) == ["1", "2", "3", "4", "5", "6", "7"]
    assert one(driver, "#shown").text == "11 of 11 requirements, 7 of 7 scenarios"


def test_search_finds_by_id_and_by_text(page: Page) -> None:
    driver = page(samples.mixed)
    search = one(driver, "#search")
    search.send_keys("ds-069")
    assert requirements(driver) == ["DS-069"]
    assert scenarios(driver) == ["1"]
    search.clear()
    search.send_keys("RESTART kept")
    assert requirements(driver) == ["DS-080"]
    search.clear()
    search.send_keys("no such words")
    assert requirements(driver) == []
    assert one(driver, "#requirements > .nothing").is_displayed()
    click(driver, "#clear")
    assert len(requirements(driver)) == 11
    assert not one(driver, "#requirements > .nothing").is_displayed()


def test_verdict_filters_show_only_what_was_asked_for(page: Page) -> None:
    driver = page(samples.mixed)
    click(driver, "input[name=verdict][value=fail]")
    assert requirements(driver) == ["DS-069"]
    assert scenarios(driver) == ["1"]
    click(driver, "input[name=verdict][value=blocked]")
    assert requirements(driver) == ["DS-069", "DS-080"]
    assert scenarios(driver) == ["1", "4"]
    click(driver, "input[name=verdict][value=fail]")
    assert requirements(driver) == ["DS-080"]


def test_severity_and_applicability_filters(page: Page) -> None:
    driver = page(samples.mixed)
    driver.execute_script(
        "const s = document.querySelector('#severity'); s.value = 'should'; s.dispatchEvent(new Event('change'))"
    )
    assert requirements(driver) == ["ER-002"]
    click(driver, "#clear")
    click(driver, "#applicable")
    assert "OB-001" not in requirements(driver)
    assert len(requirements(driver)) == 10


def test_the_role_filter_looks_at_the_verdict_of_that_role(page: Page) -> None:
    driver = page(samples.both_roles)
    click(driver, "input[name=verdict][value=fail]")
    assert requirements(driver) == ["DS-069"]
    driver.execute_script(
        "const s = document.querySelector('#role'); s.value = 'wfm'; s.dispatchEvent(new Event('change'))"
    )
    assert requirements(driver) == []
    click(driver, "input[name=verdict][value=fail]")
    assert requirements(driver) == ["DS-008", "DS-069"]
    assert scenarios(driver) == ["2", "3"]


def test_opening_a_failed_requirement_shows_the_exchange_that_proves_it(page: Page) -> None:
    driver = page(samples.mixed)
    click(driver, "#req-DS-069 > summary")
    card = wait_for(driver, "#req-DS-069 .event-body")
    for words in (
        "GET /api/v1/clients/c-1/deployments HTTP/1.1",
        "HTTP 200",
        "Accept",
        "application/json",
        "TLSv1.3, TLS_AES_128_GCM_SHA256",
        "stale manifest: version 2 after 3",
        "deviceId dev-1",
        # laid out, and with digits that no JavaScript number could hold
        '\n  "manifestVersion": 12345678901234567890,\n',
    ):
        assert words in card.text
    click(driver, "#req-DS-069 .body-facts button")
    assert one(driver, "#req-DS-069 pre.body").text == samples.MANIFEST.decode()


def test_a_scenario_shows_steps_and_all_that_happened(page: Page) -> None:
    driver = page(samples.mixed)
    click(driver, "#scenario-1 > summary")
    wait_for(driver, "#scenario-1 .event")
    steps = [item.text for item in driver.find_elements(By.CSS_SELECTOR, "#scenario-1 .step")]
    assert len(steps) == 4
    assert "version 2 was adopted" in steps[2]
    assert "(not reached)" in steps[3]
    click(driver, "#scenario-6 > summary")
    wait_for(driver, "#scenario-6 .event")
    lines = [item.text for item in driver.find_elements(By.CSS_SELECTOR, "#scenario-6 .event > summary")]
    assert "connection with expired" in lines[0]
    assert "published" in lines[1]


def test_details_are_made_when_somebody_opens_them(page: Page) -> None:
    driver = page(samples.long)
    assert driver.find_elements(By.CSS_SELECTOR, ".row-body") == []
    assert one(driver, "#scenario-6 .row-text").text.startswith("A device is given 6 applications")
    click(driver, "#scenario-6 > summary")
    wait_for(driver, "#scenario-6 .row-body")
    assert len(driver.find_elements(By.CSS_SELECTOR, ".row-body")) == 1


def test_a_cut_timeline_says_how_much_is_elsewhere(page: Page) -> None:
    driver = page(samples.long)
    click(driver, "#scenario-6 > summary")
    # twelve from the beginning, and the last, which a finding points at
    assert "… 7 more exchanges in events.ndjson, from line " in wait_for(driver, "#scenario-6 .gap").text
    assert len(driver.find_elements(By.CSS_SELECTOR, "#scenario-6 .event")) == 13
    click(driver, "#scenario-5 > summary")
    wait_for(driver, "#scenario-5 .event")
    assert len(driver.find_elements(By.CSS_SELECTOR, "#scenario-5 .event")) == 20


def test_what_else_held_in_a_scenario_is_listed_on_demand(page: Page) -> None:
    driver = page(samples.long)
    click(driver, "#scenario-5 > summary")
    held = wait_for(driver, "#scenario-5 .held")
    assert held.text == "28 other statements were seen to hold in this scenario"
    click(driver, "#scenario-5 .held > summary")
    wait_for(driver, "#scenario-5 .held a")
    links = driver.find_elements(By.CSS_SELECTOR, "#scenario-5 .held a")
    assert len(links) == 28
    assert links[0].get_dom_attribute("href") == "#req-DS-001"


def test_an_event_opens_next_to_the_button_that_asked_for_it(page: Page) -> None:
    driver = page(samples.long)
    click(driver, "#req-DS-007 > summary")
    wait_for(driver, "#req-DS-007 .event-body")
    click(driver, "#req-DS-007 .is-fail .others .event-button")
    assert wait_for(driver, "#req-DS-007 .is-fail .others .event-body").is_displayed()
    assert len(driver.find_elements(By.CSS_SELECTOR, "#req-DS-007 .event-body")) == 1


def test_search_looks_into_details_that_nobody_opened(page: Page) -> None:
    driver = page(samples.mixed)
    one(driver, "#search").send_keys("own collector")
    assert requirements(driver) == ["OB-001"]


def test_permalinks_open_their_target_even_when_it_is_filtered_away(page: Page) -> None:
    driver = page(samples.mixed)
    one(driver, "#search").send_keys("DS-053")
    for fragment in ("req-DS-069", "scenario-4"):
        driver.execute_script("location.hash = arguments[0]", fragment)
        wait_for(driver, f"#{fragment}[open]")
        assert one(driver, f"#{fragment}").is_displayed()


def test_a_permalink_to_an_event_opens_its_scenario(page: Page) -> None:
    driver = page(samples.mixed)
    number = driver.execute_script(
        "return Object.keys(JSON.parse(document.getElementById('evidence').textContent).events)[0]"
    )
    driver.get(f"{driver.current_url}#event-{number}")
    assert wait_for(driver, f"#event-{number}[open] .event-body").is_displayed()


def test_it_follows_the_system_theme_and_the_toggle_overrides_it(page: Page) -> None:
    driver = page(samples.mixed)
    assert brightness(driver) > 200
    emulate(driver, "dark")
    assert brightness(driver) < 60
    emulate(driver, "light")
    click(driver, "#theme")
    assert brightness(driver) < 60
    assert one(driver, "#theme").text == "Light theme"
    driver.refresh()
    assert brightness(driver) < 60
    click(driver, "#theme")
    assert brightness(driver) > 200


CONTRAST = """
const luminance = (colour) => {
  const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((c) => c / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const opaque = (colour) => !/^rgba\\(.*, 0\\)$/.test(colour);
const behind = (element) => {
  for (; element; element = element.parentElement) {
    const colour = getComputedStyle(element).backgroundColor;
    if (opaque(colour)) return colour;
  }
  return "rgb(255, 255, 255)";
};
for (const row of document.querySelectorAll("details")) row.open = true;
const bad = [];
let seen = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  const element = node.parentElement;
  if (!node.textContent.trim() || !element.checkVisibility()) continue;
  if (/^(SCRIPT|TITLE|OPTION)$/i.test(element.tagName)) continue;
  seen += 1;
  const [a, b] = [luminance(getComputedStyle(element).color), luminance(behind(element))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) bad.push(`${ratio.toFixed(2)} ${element.className || element.tagName}: ${node.textContent.trim()}`);
}
return [seen, bad];
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_the_contrast_of_wcag_aa(page: Page, scheme: str) -> None:
    driver = page(samples.mixed)
    driver.execute_script("localStorage.clear(); delete document.documentElement.dataset.theme")
    driver.execute_script("for (const row of document.querySelectorAll('.row')) row.open = true")
    WebDriverWait(driver, 10).until(lambda found: not found.find_elements(By.CSS_SELECTOR, ".row > template"))
    emulate(driver, scheme)
    seen, bad = driver.execute_script(CONTRAST)
    assert seen > 100
    assert bad == []
    driver.execute_script("document.documentElement.style.setProperty('--soft', '#888')")
    assert driver.execute_script(CONTRAST)[1], "this test cannot fail"


def test_every_control_has_a_name(page: Page) -> None:
    driver = page(samples.both_roles)
    driver.execute_script("for (const row of document.querySelectorAll('.row')) row.open = true")
    WebDriverWait(driver, 10).until(lambda found: not found.find_elements(By.CSS_SELECTOR, ".row > template"))
    controls = driver.find_elements(By.CSS_SELECTOR, "button, input, select, [role=img]")
    assert len(controls) > 20
    for control in controls:
        assert control.accessible_name, control.get_attribute("outerHTML")


def test_the_keyboard_reaches_search_and_opens_rows(page: Page) -> None:
    driver = page(samples.mixed)
    one(driver, "body").send_keys("/")
    assert driver.switch_to.active_element.get_attribute("id") == "search"
    one(driver, "#req-DS-069 > summary").send_keys("\ue007")
    assert one(driver, "#req-DS-069").get_attribute("open") is not None


def test_paper_has_no_controls(page: Page) -> None:
    driver = page(samples.mixed)
    emulate(driver, "dark", media="print")
    assert not one(driver, ".toolbar").is_displayed()
    assert not one(driver, "#theme").is_displayed()
    assert brightness(driver) > 250
    driver.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert one(driver, "#req-DS-069").get_attribute("open") is not None
    assert one(driver, "#req-DS-053").get_attribute("open") is None


def test_hostile_evidence_is_shown_and_never_runs(page: Page) -> None:
    driver = page(samples.hostile)
    title = driver.title
    for row in driver.find_elements(By.CSS_SELECTOR, ".row"):
        driver.execute_script("arguments[0].open = true", row)
    wait_for(driver, ".timeline .event")
    # open everything there is to open, one after the other
    for selector in (".event-button", ".timeline .event > summary"):
        for element in driver.find_elements(By.CSS_SELECTOR, selector):
            driver.execute_script("arguments[0].click()", element)
    assert samples.HOSTILE in wait_for(driver, ".timeline pre.body").text
    assert driver.find_elements(By.CSS_SELECTOR, "img, iframe, [onerror]") == []
    assert len(driver.find_elements(By.TAG_NAME, "script")) == 2
    assert driver.title == title != "owned"


def wait_for(driver: webdriver.Chrome, selector: str) -> WebElement:
    """The first such element, as soon as the page has made it."""
    return WebDriverWait(driver, 10, poll_frequency=0.02).until(
        lambda found: found.find_element(By.CSS_SELECTOR, selector)
    )
