"""A headless Chromium, where there is one."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Error, Page, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """The installed one, or Playwright's own. Skips the test when there is none."""
    installed = next(filter(None, map(shutil.which, _NAMES)), None)
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=installed,
                args=["--no-sandbox"],  # root in a container has none
            )
        except Error as exc:
            pytest.skip(f"no Chromium starts here: {str(exc).splitlines()[0]}")
        yield browser
        browser.close()


class Complaints:
    """What a page told its console, content security policy included, and what it threw.

    A refused request is told there too; `expected` are beginnings of what a test provokes.
    """

    def __init__(self, page: Page) -> None:
        self._said: list[str] = []
        page.on("console", lambda message: self._add(message.type, message.text))
        page.on("pageerror", lambda error: self._said.append(str(error)))

    def _add(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self._said.append(text)

    def beside(self, *expected: str) -> list[str]:
        return [said for said in self._said if not said.startswith(expected)]
