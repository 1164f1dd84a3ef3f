"""Hostile text through everything that writes HTML, opened in a real Chromium: nothing runs, and it is seen as typed.

A page with hostile texts has to be made of the same elements, with the same attributes, as the same page with harmless
texts of equal length. `python -m tests.browser.test_escaping` prints how many texts go through how many viewers.
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from html import escape, unescape
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Frame, Page

from tests.browser.skeletons import SKELETON, WORDS, is_seen
from tests.support.hostile import HARMLESS, STRINGS
from tests.support.viewers import VIEWERS, Write

EMPTY = "document.querySelector('p:empty')"
PATIENCE = 20.0                                                    # seconds in which a busy machine has drawn a page
SETTLED = 200                                                      # milliseconds more, in which what lurks can run
# Ways to write a page that are wrong, each of which some of the texts must give away.
UNESCAPED: dict[str, Callable[[str], str]] = {
    "nothing escaped": lambda text: f"<p>{text}</p>",
    "in double quotes": lambda text: f'<p title="{escape(text, quote=False)}"></p>',
    "in single quotes": lambda text: f"<p title='{escape(text, quote=False)}'></p>",
    "without quotes": lambda text: f"<p title={escape(text)}></p>",
    "within a script": lambda text: f"<script>var words = {json.dumps(text)}</script>",
    "escaped and taken back": lambda text: f"<p>{unescape(escape(text))}</p>",
    "the sign & not escaped": lambda text: f"<p>{text.replace('<', '&lt;')}</p>",
    "put in by a script": lambda text: f"<p></p><script>{EMPTY}.innerHTML = {safe(text)}</script>",
    "within a style": lambda text: f'<p style="color:{escape(text)}"></p>',
    "as an address": lambda text: f'<a href="{escape(text)}">{escape(text)}</a>',
}


def safe(text: str) -> str:
    """A text as JavaScript has it, without a sign that could end the script."""
    return json.dumps(text).replace("<", "\\u003c")


class Watched:
    """A page that reaches nothing, and what was tried on it."""

    def __init__(self, page: Page):
        self.page, self.tried = page, []
        page.on("dialog", lambda dialog: (self.tried.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.route("**/*", lambda route: (self.tried.append(f"request {route.request.url}"), route.abort()))
        page.on("console", lambda message: "Security Policy" in message.text and self.tried.append(message.text))
        page.on("framenavigated", lambda frame: self._note_leaving(frame))

    def _note_leaving(self, frame: Frame) -> None:
        if frame.url not in ("about:blank", "about:srcdoc"):
            self.tried.append(f"navigation to {frame.url}")

    def open(self, html: str, texts: Sequence[str], patience: float) -> None:
        """Show a page until its texts can be read or patience ends, click on it, and press a key."""
        self.page.set_content(f"<!doctype html><meta charset=utf-8><body>{html}</body>", wait_until="load")
        end = time.monotonic() + patience
        while self.unseen(texts) and time.monotonic() < end:
            self.page.wait_for_timeout(SETTLED)
        self.page.wait_for_timeout(SETTLED)
        self.page.mouse.click(150, 150)
        self.page.keyboard.press("Tab")

    def skeleton(self) -> list[list[str]]:
        """What each frame is made of."""
        return [self._ask(frame, f"({SKELETON})(document)") for frame in self.page.frames]

    def words(self) -> str:
        """What can be read in all frames."""
        words = [self._ask(frame, f"({WORDS})(document.documentElement)") for frame in self.page.frames]
        return "\n".join(filter(None, words))

    def unseen(self, texts: Sequence[str]) -> list[str]:
        """Those of the texts that cannot be read as they were typed."""
        words = self.words()
        return [text for text in texts if not is_seen(text, words)]

    def misdeeds(self) -> list[str]:
        """What ran, asked for an address, went there, or opened a dialog."""
        ran = [f"ran in {frame.url}" for frame in self.page.frames if self._ask(frame, "'__ran' in window")]
        return self.tried + ran

    def _ask(self, frame: Frame, script: str) -> Any:
        """What a script gives in a frame; of one that is being left, in the page that comes after it.

        None where no answer comes. Either is noted as a misdeed.
        """
        for _ in range(2):
            try:
                return frame.evaluate(script)
            except Error as error:
                self.tried.append(f"no answer from {frame.url}: {error.message}")
            with contextlib.suppress(Error):
                frame.wait_for_load_state()
        return None


@contextlib.contextmanager
def opened(browser: Browser, write: Write, texts: Sequence[str], patience: float) -> Iterator[Watched]:
    """A fresh page of these texts."""
    page = browser.new_page()
    view = Watched(page)
    view.open(write(texts), texts, patience)
    yield view
    page.close()


def faults(browser: Browser, write: Write, patience: float = PATIENCE) -> list[str]:
    """All that is wrong with a viewer's page of hostile texts."""
    with opened(browser, write, HARMLESS, patience) as view:
        expected = view.skeleton()
    with opened(browser, write, STRINGS, patience) as view:
        found = view.misdeeds()
        found += [] if view.skeleton() == expected else ["made of other elements or attributes"]
        return found + [f"not seen as typed: {text}" for text in view.unseen(STRINGS)]


@pytest.mark.parametrize("name", VIEWERS)
def test_hostile_text_runs_nothing_adds_nothing_to_the_page_and_is_seen_as_typed(browser: Browser, name: str):
    assert faults(browser, VIEWERS[name]) == []


@pytest.mark.parametrize("way", UNESCAPED)
def test_a_viewer_that_escapes_wrongly_is_noticed(browser: Browser, way: str):
    assert faults(browser, lambda texts: "\n".join(map(UNESCAPED[way], texts)), patience=0)


def test_a_page_that_draws_late_is_waited_for(browser: Browser):
    def late(texts: Sequence[str]) -> str:
        html = safe("".join(f"<p>{escape(text)}</p>" for text in texts))
        return f"<p></p><script>setTimeout(() => {{{EMPTY}.innerHTML = {html}}}, 1500)</script>"

    assert faults(browser, late) == []


if __name__ == "__main__":
    print(f"{len(VIEWERS)} viewers × {len(STRINGS)} texts")
