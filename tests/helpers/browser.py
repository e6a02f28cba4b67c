"""A headless Chromium for tests of pages; tests that ask for it are skipped where it is absent."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class Visit:
    """A page that is open in a browser, and what happened to it.

    Attributes:
        page: The page, loaded.
        requests: Addresses that were asked for.
        complaints: Messages on the console, errors of scripts, and dialogs.
    """

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start a browser with fresh user data; skip the test where there is none."""
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install -e '.[dev]'")
    if CHROMIUM is None:
        pytest.skip("no Chromium: apt-get install chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_FLAGS))
        yield browser
        browser.close()


def wait_until(page: Page, condition: str) -> None:
    """Wait for something to become true in a page; Playwright's own way needs what the page's policy forbids."""
    for _ in range(500):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(10)
    pytest.fail(f"never came true: {condition}")


@contextmanager
def visit(
    browser: Browser, path: Path, *, width: int = 1200, height: int = 900, is_dark: bool = False
) -> Iterator[Visit]:
    """Open a file in a window of its own."""
    page = browser.new_page(
        viewport={"width": width, "height": height}, color_scheme="dark" if is_dark else "light", offline=True
    )
    seen = Visit(page)
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("console", lambda message: seen.complaints.append(message.text))
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))

    def close_dialog(dialog: Dialog) -> None:
        seen.complaints.append("dialog")
        dialog.dismiss()

    page.on("dialog", close_dialog)
    page.goto(path.as_uri())
    yield seen
    page.close()
