"""The site, built once from the committed notebooks and read in a headless Chromium that reaches nothing else."""

import re
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright

from course_utils.paths import NOTEBOOKS, REPOSITORY
from tests.browser.conftest import require_chromium
from tests.browser.lab import CHROMIUM_FLAGS, VIEWPORT, Traffic, find_chromium
from tools.notebooks.files import lesson_paths, read, tag_value
from tools.notebooks.first_cell import setting

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
LONGEST_BUILD = 120                                                # seconds of one core, however busy the machine is
PHONE = {"width": 390, "height": 844}
# With sound, a widget, viewers in frames, tables in the dark, wide formulas, and pages that are no lesson.
LOOKED_AT = (
    "index.html", "notebooks/03_lstm_gru.html", "notebooks/06_attention.html", "notebooks/09_architectures.html",
    "notebooks/10_training.html", "notebooks/14_comparison.html", "notebooks/15_challenges.html", "glossary.html",
    "classroom/README.html", "data/README.html", "search.html",
)  # fmt: skip
# A colour of the code is judged twice on a page instead of a thousand times.
ONE_OF_EACH_COLOUR = """() => {
    const seen = {};
    for (const span of document.querySelectorAll('.highlight pre span[class]')) {
        seen[span.className] = (seen[span.className] || 0) + 1;
        if (seen[span.className] > 2) span.replaceWith(...span.childNodes);
    }
}"""

BOXES = """() => [...document.querySelectorAll('article pre, article .course-map, article .course-map > *')].map(
    box => ({text: box.innerText.slice(0, 60), needs: box.scrollWidth, has: box.clientWidth}))"""


@dataclass
class Reading(HTMLParser):
    """What a page points to, the ids that can be pointed to, and the alt text of each of its pictures."""

    links: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    alts: list[str | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        values = dict(attrs)
        self.links += [values[name] for name in ("href", "src") if values.get(name)]
        self.ids |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "img":
            self.alts.append(values.get("alt"))


@dataclass(frozen=True)
class Site:
    """The built site: its folder, its address, and the seconds of a core that the build took."""

    folder: Path
    address: str
    seconds: float

    def pages(self) -> list[str]:
        """Every page, named from the site's root."""
        return sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*.html"))


class Quiet(SimpleHTTPRequestHandler):
    """A server of files that logs nothing."""

    def log_message(self, *arguments) -> None:
        """Say nothing."""


def core_seconds() -> float:
    """What the processes that this one started, and that have ended, used of a core."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site, built by the command that `make site` runs, and served to this machine."""
    require_chromium()
    folder = tmp_path_factory.mktemp("made") / "site"
    began = core_seconds()
    command = [sys.executable, "-m", "tools.site", "--out", str(folder)]
    built = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    seconds = core_seconds() - began
    assert built.returncode == 0, built.stdout + built.stderr
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Site(folder, f"http://127.0.0.1:{server.server_port}/", seconds)
    server.shutdown()
    server.server_close()


@contextmanager
def reader(mode: str = "light", viewport: dict[str, int] = VIEWPORT) -> Iterator[tuple[Page, Traffic]]:
    """A fresh browser that reaches nothing but this machine, and what it asked for in vain."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), headless=True, args=CHROMIUM_FLAGS)
        context = browser.new_context(viewport=viewport, color_scheme=mode)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page, traffic = context.new_page(), Traffic()
        page.route("**/*", lambda route: traffic.guard(route))
        page.on("requestfailed", lambda request: traffic.note_failure(request))
        page.on("response", lambda answer: answer.ok or traffic.failed.append(f"{answer.url}: {answer.status}"))
        yield page, traffic
        browser.close()


@pytest.fixture(scope="module")
def read_pages(site: Site) -> dict[str, Reading]:
    """Every page, parsed."""
    known = {}
    for name in site.pages():
        known[name] = Reading()
        known[name].feed((site.folder / name).read_text(encoding="utf-8"))
    return known


def test_the_site_is_built_in_under_two_minutes_and_has_a_page_for_every_lesson(site):
    assert site.seconds < LONGEST_BUILD
    assert {f"notebooks/{path.stem}.html" for path in lesson_paths()} < set(site.pages())


def test_every_link_within_the_site_leads_to_a_file_and_to_a_place_on_it(site, read_pages):
    broken, checked = [], 0
    for name, reading in read_pages.items():
        for link in reading.links:
            address, fragment = urldefrag(link)
            if urlsplit(address).scheme or address.startswith("//"):
                continue
            target = (site.folder / name).parent / unquote(urlsplit(address).path) if address else site.folder / name
            place = target.resolve().relative_to(site.folder.resolve()).as_posix()
            ids = read_pages[place].ids if place in read_pages else {unquote(fragment)}
            checked += 1
            if not target.is_file() or (fragment and unquote(fragment) not in ids):
                broken.append(f"{name}: {link}")
    assert not broken
    assert checked > 3_000


def test_every_picture_has_an_alt_text_and_those_of_the_lessons_are_the_notebooks_own(read_pages):
    for name, reading in read_pages.items():
        assert all(reading.alts), name
    for path in lesson_paths():
        outputs = [output for cell in read(path).cells for output in cell.get("outputs", [])]
        alts = [output.metadata["image/png"]["alt"] for output in outputs if "image/png" in output.get("data", {})]
        assert [alt for alt in read_pages[f"notebooks/{path.stem}.html"].alts if alt in alts] == alts


def test_every_exercise_has_one_folded_solution(site):
    checks = [cell for path in lesson_paths() for cell in read(path).cells if tag_value(cell, "check")]
    text = "".join((site.folder / "notebooks" / f"{path.stem}.html").read_text() for path in lesson_paths())
    boxes = re.findall(r"<details[^>]*course-solution[^>]*>", text)
    assert len(boxes) == len(checks) > 100
    assert not [box for box in boxes if " open" in box]


def test_no_page_asks_for_anything_outside_or_is_wider_than_a_phone(site):
    wide = {}
    with reader(viewport=PHONE) as (page, traffic):
        for name in site.pages():
            page.goto(site.address + name)
            if (width := page.evaluate("document.documentElement.scrollWidth")) > PHONE["width"]:
                wide[name] = width
    assert traffic.outside == []
    assert traffic.failed == []
    assert wide == {}


@pytest.mark.parametrize("width", [1280, 390])
def test_no_line_of_code_or_output_and_no_row_of_the_map_is_cut_at_the_edge(site, width):
    cut, shown = [], 0
    with reader(viewport={"width": width, "height": 844}) as (page, _):
        for name in ("notebooks/15_challenges.html", "index.html"):
            page.goto(site.address + name)
            page.evaluate("document.querySelectorAll('details').forEach(box => box.open = true)")
            boxes = page.evaluate(BOXES)
            shown += len(boxes)
            cut += [box for box in boxes if box["needs"] > box["has"]]
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not cut
    assert shown > 100


def test_the_search_finds_a_word_and_leads_to_a_page_that_has_it(site):
    with reader() as (page, traffic):
        page.goto(site.address + "index.html")
        page.keyboard.press("Control+k")
        page.keyboard.type("perplexity")
        page.keyboard.press("Enter")
        page.locator("ul.search li a").first.click()
        page.wait_for_load_state()
        assert "search.html" not in page.url
        assert "perplexity" in page.inner_text("article").lower()
        assert not traffic.outside + traffic.failed


def test_the_dark_mode_is_chosen_with_a_button_and_kept_on_the_next_page(site):
    darkness = "getComputedStyle(document.body).backgroundColor"
    with reader() as (page, _):
        page.goto(site.address + "index.html")
        light = page.evaluate(darkness)
        page.get_by_label("Color mode").first.click()
        page.get_by_role("button", name="Dark", exact=True).click()
        dark = page.evaluate(darkness)
        page.goto(site.address + "glossary.html")
        assert page.evaluate(darkness) == dark != light
        assert sum(map(int, re.findall(r"\d+", dark)[:3])) < 150


def test_the_copy_button_copies_the_code_of_its_cell(site):
    with reader() as (page, _):
        page.goto(site.address + "index.html")
        page.locator("div.highlight").first.hover()
        page.locator("button.copybtn").first.click()
        page.wait_for_function("navigator.clipboard.readText().then(text => text.startsWith('make lab'))")
        page.goto(site.address + "notebooks/06_attention.html")
        assert page.locator("button.copybtn").count() > 50


def test_a_solution_is_opened_with_the_keyboard(site):
    with reader() as (page, _):
        page.goto(site.address + "notebooks/01_ngrams.html")
        box = page.locator("details.course-solution, .course-solution details").first
        code = box.locator("pre")
        assert not code.is_visible()
        box.locator("summary").focus()
        page.keyboard.press("Enter")
        code.wait_for(state="visible", timeout=5_000)
        assert code.inner_text().startswith("def ")


def test_the_attention_viewer_works_without_a_server(site):
    with reader() as (page, traffic):
        page.goto(site.address + "notebooks/06_attention.html")
        frame = page.frame_locator('iframe[title="MiniLM: the cat was tired"]')
        before = frame.locator("body").inner_text()
        frame.locator("select").first.select_option(index=0)
        assert frame.locator("body").inner_text() != before
        assert not traffic.outside + traffic.failed


def test_a_lesson_opens_on_colab_and_its_download_is_the_committed_notebook(site, read_pages):
    course = setting()
    name = course["repository"].removeprefix("https://github.com/")
    links = read_pages["notebooks/06_attention.html"].links
    assert f"https://colab.research.google.com/github/{name}/blob/{course['tag']}/notebooks/06_attention.ipynb" in links
    offered = next(link for link in links if link.endswith("_sources/notebooks/06_attention.ipynb"))
    downloaded = (site.folder / "notebooks" / offered).resolve()
    assert downloaded.read_bytes() == (NOTEBOOKS / "06_attention.ipynb").read_bytes()


@pytest.mark.parametrize("name", LOOKED_AT)
def test_axe_finds_no_serious_fault_in_light_and_no_bad_contrast_in_dark(site, name):
    in_dark = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
    for mode, options in (("light", {}), ("dark", in_dark)):
        with reader(mode) as (page, _):
            page.goto(site.address + name)
            assert page.locator("html").get_attribute("data-theme") == mode
            page.evaluate(ONE_OF_EACH_COLOUR)
            found = Axe().run(page, options={"preload": False, "resultTypes": ["violations"], **options}).response
        grave = [fault for fault in found["violations"] if fault["impact"] in ("serious", "critical")]
        assert not grave, [(fault["id"], fault["nodes"][0]["html"][:300]) for fault in grave]
