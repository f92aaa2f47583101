"""`promferry status --html` in a real Chromium: rendered, quiet, accessible, the same numbers."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.keys import Keys

from promferry.core.intervals import Intervals
from promferry.core.state import Failure, MetricState, State
from promferry.core.status.coverage import coverage
from promferry.core.status.document import document
from promferry.core.status.holdings import Held
from promferry.core.status.page import render
from promferry.core.windows import DAY, Grid
from tests.servers import browser
from tests.servers.browser import logged
from tests.status.conftest import Staged

T0 = 1761868800
HOUR = 3600
WIDTHS = [(1400, 1000), (420, 900)]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """Give a browser without a screen that speaks to nobody."""
    with browser.chromium(tmp_path_factory.mktemp("chromium")) as started:
        yield started


@pytest.fixture(scope="module")
def page(staged: Staged, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the page of the staged export."""
    path = tmp_path_factory.mktemp("page") / "status.html"
    said = staged.status("--html", str(path))
    assert said.status == 1, said.text
    assert str(path) in said.out
    return path


def text(chromium: webdriver.Chrome, selector: str) -> str:
    found: str = chromium.execute_script(
        "return document.querySelector(arguments[0]).textContent", selector
    )
    return found


@pytest.mark.parametrize("size", WIDTHS, ids=["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_rendered_without_a_complaint(
    size: tuple[int, int], scheme: str, chromium: webdriver.Chrome, page: Path
) -> None:
    """No console message, no request but itself, not wider than the window, no serious fault."""
    assert browser.complaints(chromium, page, size, scheme) == []


def test_the_numbers_are_those_of_the_document(
    chromium: webdriver.Chrome, page: Path, staged: Staged
) -> None:
    told = json.loads(staged.status("--json").out)
    chromium.get(page.as_uri())
    for name in ("objects", "holes", "lost", "empty"):
        assert int(text(chromium, f"#{name}")) == told["totals"][name]
    rows: list[list[str]] = chromium.execute_script(
        "return [...document.querySelectorAll('#metrics tbody tr')]"
        ".map(row => [...row.cells].map(cell => cell.textContent))"
    )
    assert [[row[0], row[3], row[4], row[5], row[6]] for row in rows] == [
        [each["name"], str(each["windows"]), str(each["empty"]),
         str(len(each["holes"]) + len(each["lost"])), str(each["objects"])]
        for each in told["metrics"]
    ]  # fmt: skip
    gaps: list[list[str]] = chromium.execute_script(
        "return [...document.querySelectorAll('#gaps tbody tr')]"
        ".map(row => [...row.cells].map(cell => cell.textContent))"
    )
    assert {(row[0], row[1], row[3]) for row in gaps} == {
        ("cpu_usage", told["metrics"][0]["holes"][0]["start"], "missing"),
        ("pod_info", told["metrics"][2]["lost"][0]["start"], "lost"),
    }
    cells = chromium.execute_script(
        "return [...document.querySelectorAll('#map td.hole, #map td.lost')]"
        ".map(cell => cell.getAttribute('aria-label'))"
    )
    assert len(cells) == 2
    assert any("1 h missing" in cell for cell in cells)
    assert any("1 h gone from the sink" in cell for cell in cells)


def test_the_arrow_keys_walk_the_map_and_say_where_they_are(
    chromium: webdriver.Chrome, page: Path
) -> None:
    chromium.get(page.as_uri())
    chromium.execute_script("document.querySelector('#map td[tabindex=\"0\"]').focus()")
    assert text(chromium, "#told").startswith("cpu_usage, 2025-10-31")
    for key, said in ((Keys.ARROW_RIGHT, "cpu_usage, 2025-11-01"),
                      (Keys.ARROW_DOWN, "nothing_there, 2025-11-01"),
                      (Keys.ARROW_LEFT, "nothing_there, 2025-10-31"),
                      (Keys.ARROW_LEFT, "nothing_there, 2025-10-31")):  # fmt: skip
        chromium.switch_to.active_element.send_keys(key)
        assert text(chromium, "#told").startswith(said)
    assert (
        chromium.execute_script(
            "return document.querySelectorAll('#map td[tabindex=\"0\"]').length"
        )
        == 1
    )


def large() -> dict[str, Any]:
    """Return the status of 50 metrics over 90 days, holes and hostile errors sprinkled in."""
    chance = random.Random(3)
    end = T0 + 90 * DAY
    metrics, held = {}, {}
    for number in range(50):
        spans, failed = Intervals.of([(T0, end)]), {}
        for _ in range(3):
            start = T0 + chance.randrange(90 * 24) * HOUR
            spans = spans.remove(start, start + HOUR)
            failed[start] = Failure(start + HOUR, "</td><script>alert(1)</script>", T0)
        name = f"metric_{number:02}"
        metrics[name] = MetricState(T0, spans, failed)
        held[name] = {at: Held(chance.randint(100, 9999), is_empty=False)
                      for at in range(T0, end, HOUR) if at not in failed}  # fmt: skip
    state = State(metrics, Grid(((0, HOUR),)))
    found = coverage(state, held, 0)
    return document(found, state, cluster="prod", place="s3://b/k8s/prod", now=end + 300)


def test_fifty_metrics_by_ninety_days_stay_small_and_show_every_hole(
    chromium: webdriver.Chrome, tmp_path: Path
) -> None:
    """And an error's text is text: no script of a server's ever runs."""
    told = large()
    path = tmp_path / "large.html"
    path.write_text(render(told), "utf-8")
    assert path.stat().st_size < 2_000_000
    logged(chromium, "browser")
    began = time.monotonic()
    chromium.get(path.as_uri())
    chromium.execute_script("return document.body.offsetHeight")
    assert time.monotonic() - began < 20  # it is quick (a second or so); hanging is the fault
    assert logged(chromium, "browser") == []
    assert int(text(chromium, "#holes")) == told["totals"]["holes"]
    marked = chromium.execute_script("return document.querySelectorAll('#map td.hole').length")
    days = sum(
        any(hour == "!" for hour in day["hours"])
        for each in told["metrics"]
        for day in each["days"]
    )
    assert marked == days
    assert chromium.execute_script("return document.scripts.length") == 1
