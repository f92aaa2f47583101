"""A real Chromium without a screen, and what is asked of every page in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import axe_core_python
from selenium import webdriver

from .process import program

AXE = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text("utf-8")


@contextmanager
def chromium(folder: Path) -> Iterator[webdriver.Chrome]:
    """Start a browser that speaks to nobody and keeps its profile in that folder."""
    options = webdriver.ChromeOptions()
    options.binary_location = program("chromium")
    for argument in (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--disable-dev-shm-usage", f"--user-data-dir={folder}",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options, webdriver.ChromeService(program("chromedriver")))
    try:
        yield browser
    finally:
        browser.quit()


def logged(browser: webdriver.Chrome, kind: str) -> list[dict[str, Any]]:
    """Return what the browser has logged since it was asked last."""
    found: list[dict[str, Any]] = browser.get_log(kind)  # type: ignore[no-untyped-call]
    return found


def complaints(
    browser: webdriver.Chrome, page: Path, size: tuple[int, int], scheme: str
) -> list[str]:
    """Open a page in a window of that size, `light` or `dark`; return what is wrong with it.

    That is a console message, a request for anything but itself, a page wider than the window, and
    a serious fault that axe finds.
    """
    browser.set_window_size(*size)
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    logged(browser, "performance")
    logged(browser, "browser")
    browser.get(page.as_uri())
    found = [f"console: {each['message']}" for each in logged(browser, "browser")]
    messages = [json.loads(each["message"])["message"] for each in logged(browser, "performance")]
    asked = {
        each["params"]["request"]["url"]
        for each in messages
        if each["method"] == "Network.requestWillBeSent"
    }
    expected = page.as_uri()
    found += [f"request: {url}" for url in asked if url != expected and not url.startswith("data:")]
    if expected not in asked:
        found.append("the browser did not log the request for the page itself")
    width = browser.execute_script("return document.documentElement.scrollWidth")
    if width > browser.execute_script("return window.innerWidth"):
        found.append(f"wider than the window: {width}")
    browser.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})
    browser.execute_script(AXE)
    faults: list[Any] = browser.execute_async_script(
        "const done = arguments[0]; axe.run().then(found => done(found.violations))"
    )
    found += [
        f"axe: {each['id']}: {each['nodes'][0]['html'][:120]}"
        for each in faults
        if each["impact"] in ("serious", "critical")
    ]
    return found
