"""Pages in headless Chromium: offline, and every request, console error and broken policy is a failure."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# The headless shell is the same engine without windows: it opens a page in a quarter of the time.
CHROMIUMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, started once.  Without it the tests are skipped, but in CI they fail."""
    program = next((p for name in CHROMIUMS if (p := shutil.which(name))), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sync_playwright = None
    if program is None or sync_playwright is None:
        missing = "Chromium" if program is None else "the package playwright (pip install -e '.[browser]')"
        if os.environ.get("TINYGRAD_EDU_REQUIRE_TOOLS"):
            pytest.fail(f"the browser tests need {missing}")
        pytest.skip(f"the browser tests need {missing}")
    quiet = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=quiet.split())
        yield chromium
        chromium.close()


@pytest.fixture
def view(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """view(html or a Page, dark=False, width=1280, height=800): the page opened from a file, as a user would."""
    contexts, complaints = [], []

    def opened(page: Any, *, dark: bool = False, width: int = 1280, height: int = 800, still: bool = True) -> Any:
        path = tmp_path / f"page{len(contexts)}.html"
        path.write_text(page if isinstance(page, str) else page.html, encoding="utf-8")
        context = browser.new_context(
            offline=True,
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce" if still else "no-preference",
            accept_downloads=True,
        )
        contexts.append(context)
        tab = context.new_page()
        tab.set_default_timeout(60_000)  # a slow machine, busy with other tests
        tab.on("console", lambda m: complaints.append(f"console: {m.text}") if m.type in ("error", "warning") else None)
        tab.on("pageerror", lambda e: complaints.append(f"error: {e}"))
        tab.on("request", lambda r: complaints.append(f"request: {r.url:.80}") if asks(r.url, path) else None)
        tab.goto(path.as_uri())
        return tab

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def asks(url: str, path: Path) -> bool:
    """Is it a request for something other than the page itself?"""
    return url.split("#")[0] != path.as_uri() and not url.startswith(("data:", "about:", "blob:"))


@pytest.fixture
def findings() -> Callable[[Any], list[str]]:
    """findings(tab): what axe-core holds against the page, serious or worse."""
    from axe_playwright_python.sync_playwright import Axe

    def serious(tab: Any) -> list[str]:
        violations = Axe().run(tab).response["violations"]
        return [
            f"{v['id']}: {v['help']}: {v['nodes'][0]['html'][:120]}"
            for v in violations
            if v["impact"] in ("serious", "critical")
        ]

    return serious
