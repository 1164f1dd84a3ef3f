"""Slides of a lesson: where they begin, what they show and hide, and a whole show in a browser without a network."""

import hashlib
import html
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from playwright.sync_api import sync_playwright

from course_utils.errors import CourseError
from course_utils.exercises.specs import find
from course_utils.paths import NOTEBOOKS
from tests.browser.conftest import require_chromium
from tests.browser.lab import CHROMIUM_FLAGS, find_chromium
from tools import slides
from tools.notebooks.files import Notebook, lesson_paths, read, tag_value

LESSON = NOTEBOOKS / "06_attention.ipynb"
SCREEN = {"width": 1280, "height": 720}
STATE = """() => { const now = Reveal.getCurrentSlide();
    return {at: Reveal.getSlidePastCount(), height: now.scrollHeight, width: now.scrollWidth, text: now.innerText,
            seen: now.querySelectorAll("img, svg, iframe, math").length,
            bare: !now.querySelector(".jp-CodeCell, p, li, pre, table, math")}; }"""


def kinds(*cells):
    """Pairs of slide type and source that the rule makes of these cells."""
    show = slides.slide_show(new_notebook(cells=list(cells)))
    return [(cell.metadata["slideshow"]["slide_type"], cell.source) for cell in show.cells]


# ---- where a slide begins


def test_a_title_begins_a_slide_also_in_the_middle_of_a_cell_and_prose_goes_on_while_there_is_room():
    made = kinds(new_markdown_cell("# One\n\npromise"), new_markdown_cell("prose\n## Two\nmore"))
    assert made == [("slide", "# One\n\npromise"), ("-", "prose"), ("slide", "## Two\n\nmore")]


def test_prose_and_lesser_headings_begin_a_slide_where_what_belongs_below_them_has_no_room():
    code, more = (new_code_cell("\n".join(["x = 1"] * 15)) for _ in range(2))
    small = new_markdown_cell("### Small\n\ntext")
    assert [kind for kind, _ in kinds(code, new_markdown_cell("it is so"), small)] == ["subslide", "-", "-"]
    assert [kind for kind, _ in kinds(code, new_markdown_cell("so:"), more)] == ["subslide", "subslide", "-"]
    assert [kind for kind, _ in kinds(code, small, more)] == ["subslide", "slide", "-"]


def test_a_heading_without_a_text_is_never_alone():
    long = new_code_cell("\n".join(["x = 1"] * 25))
    assert [kind for kind, _ in kinds(new_markdown_cell("## One\n### Two"), long)] == ["slide", "-"]
    made = kinds(new_code_cell("x"), new_markdown_cell("### Two"), long)
    assert [kind for kind, _ in made] == ["subslide", "slide", "-"]


def test_a_comment_in_a_fence_is_no_heading():
    fence = "```python\n# not a heading\n\nx = 1\n```"
    assert kinds(new_markdown_cell(f"see\n\n{fence}")) == [("subslide", f"see\n\n{fence}")]


def test_code_goes_on_below_its_prose_while_there_is_room_and_else_begins_a_slide():
    short, long = new_code_cell("x = 1"), new_code_cell("\n".join(["x = 1"] * 25))
    assert [kind for kind, _ in kinds(new_markdown_cell("so:"), short, long)] == ["subslide", "-", "subslide"]


def test_outputs_stand_below_their_code_or_where_it_is_long_on_the_next_slide():
    printed = new_output("stream", text="a\n" * 8)
    short, long = new_code_cell("x", outputs=[printed]), new_code_cell("x\n" * 24 + "x", outputs=[printed])
    assert [kind for kind, _ in kinds(short)] == ["subslide", "-"]
    assert [kind for kind, _ in kinds(long)] == ["subslide", "subslide"]


def test_a_text_that_is_longer_than_a_screen_is_cut_between_paragraphs_and_nothing_is_lost():
    paragraphs = [f"{number} " + "word " * 60 for number in range(9)]
    texts = [text for _, text in kinds(new_markdown_cell("\n\n".join(paragraphs)))]
    assert len(texts) > 2 and all(slides.text_height(text) <= slides.SCREEN for text in texts)
    assert "\n\n".join(texts).split() == " ".join(paragraphs).split()


def test_the_cell_for_colab_is_left_out_and_with_it_the_sentence_about_it():
    colab = new_code_cell("if 1: pass", metadata={"tags": ["colab"]})
    said = new_markdown_cell("Read on.\n\nThe first cell is for Google Colab; anywhere else it does nothing.")
    assert kinds(said, colab) == [("subslide", "Read on.")]


def test_what_a_check_or_a_question_says_to_this_reader_alone_is_left_out():
    said = [new_output("stream", text="hits 3\nNo guess kept. It came out: 3.\n")]
    check = new_code_cell('check("1.1", f)', metadata={"tags": ["check:1.1"]}, outputs=said)
    assert kinds(check) == [("subslide", 'check("1.1", f)')]
    assert kinds(new_code_cell('quiz("01")', outputs=said)) == [("subslide", "")]
    assert slides.shown(said[0]).text == "hits 3\nIt came out: 3.\n"


def test_a_long_list_is_cut_between_its_items():
    items = [f"- {number} " + "word " * 30 for number in range(20)]
    texts = [text for _, text in kinds(new_markdown_cell("## List\n\n" + "\n".join(items)))]
    assert len(texts) > 1 and all(slides.text_height(text) <= slides.SCREEN for text in texts)
    assert "\n".join(texts).split() == " ".join(["## List", *items]).split()


def test_links_that_lead_nowhere_from_here_are_text_and_links_to_the_web_stay():
    (_, text), = kinds(new_markdown_cell("[05](05_tokens.ipynb), [above](#top), [paper](https://arxiv.org/abs/1)"))
    assert text == "05, above, [paper](https://arxiv.org/abs/1)"


def test_a_bar_of_progress_is_dropped_and_a_widget_is_a_sentence():
    bar = new_output("display_data", {"text/plain": "  0%|          | 0/600 [00:00<?, ?step/s]"})
    widget = new_output("display_data", {"text/plain": "interactive(children=(Text(value='a'), Output()))"})
    assert slides.shown(bar) is None
    assert slides.shown(widget).text == slides.MOVE_IT


# ---- formulas


def test_a_formula_is_mathml_that_says_what_it_is():
    made = slides.markdown_to_html(r"so $\frac{a}{b}$ and" + "\n\n" + r"$$x^2 < 3$$")
    assert "<mfrac><mi>a</mi><mi>b</mi></mfrac>" in made
    assert 'display="block"' in made and made.count("<math") == 2


@pytest.mark.parametrize("path", lesson_paths(), ids=lambda path: path.stem)
def test_every_formula_of_every_lesson_is_drawn_and_no_command_is_left_as_text(path):
    made = "".join(slides.markdown_to_html(cell.source) for _, cell in Notebook(path).cells("markdown"))
    text = re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<(code|pre|annotation)\b.*?</\1>", "", made))
    assert not re.findall(r"\\[a-zA-Z]+|\$[^$]{1,40}\$", text)


def test_a_formula_that_cannot_be_drawn_is_quoted_in_the_error():
    with pytest.raises(CourseError, match=r"'.*nosuchcommand.*' cannot be drawn as a formula"):
        slides.markdown_to_html(r"$\nosuchcommand{x}$")


# ---- a whole show


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of lesson 06, and beside it what it needs; the notebook is as it was."""
    before = hashlib.sha256(LESSON.read_bytes()).hexdigest()
    page = slides.build(LESSON, tmp_path_factory.mktemp("slides"))
    assert hashlib.sha256(LESSON.read_bytes()).hexdigest() == before
    return page


def test_stubs_are_shown_and_solutions_are_not(show):
    text = html.unescape(re.sub(r"<[^>]+>", "", show.read_text(encoding="utf-8")))
    given = "".join(cell.source for _, cell in Notebook(LESSON).cells())
    numbers = [number for _, cell in Notebook(LESSON).cells("code") if (number := tag_value(cell, "exercise"))]
    assert len(numbers) > 5 and text.count("raise NotImplementedError") >= 5
    lines = {line.strip() for number in numbers for line in find(number).solution_source().splitlines()}
    telling = [line for line in lines if len(line) > 25 and not line.startswith("#") and line not in given]
    assert len(telling) > 5 and not [line for line in telling if line in text]


def test_every_picture_keeps_its_alt_text(show):
    outputs = [output for cell in read(LESSON).cells for output in cell.get("outputs", [])]
    written = [output.metadata["image/png"]["alt"] for output in outputs if "image/png" in output.get("data", {})]
    shown = re.findall(r'<img alt="([^"]+)"[^>]* src="data:image/png', show.read_text(encoding="utf-8"))
    assert [html.unescape(alt) for alt in shown] == written and len(written) > 5


def test_the_page_asks_only_for_what_lies_beside_it(show):
    tags = r'<(?:script|link|img)\b[^>]*?(?:src|href)="(?!data:)([^"]+)"'
    asked = re.findall(tags, show.read_text(encoding="utf-8"))
    assert len(asked) == 4 and all((show.parent / name).is_file() for name in asked)


def test_one_key_leads_through_the_whole_show_and_every_slide_fits_the_screen_and_shows_more_than_a_heading(show):
    require_chromium()
    asked, complaints = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), headless=True, args=CHROMIUM_FLAGS)
        page = browser.new_context(viewport=SCREEN, offline=True).new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(show.as_uri())
        page.wait_for_function("window.Reveal && Reveal.isReady()")
        total = page.evaluate("Reveal.getTotalSlides()")
        seen = [page.evaluate(STATE)]
        for _ in range(total - 1):
            page.keyboard.press("ArrowRight")
            seen.append(page.evaluate(STATE))
        browser.close()
    outside = [url for url in asked if urlsplit(url).scheme not in ("file", "data", "about", "blob")]
    assert not outside and not complaints
    files = [Path(unquote(urlsplit(url).path)) for url in asked if url.startswith("file:")]
    assert len(files) == 6 and all(path.is_relative_to(show.parent) for path in files)
    assert 50 < total < 100 and [state["at"] for state in seen] == list(range(total))
    assert not [state for state in seen if state["height"] > SCREEN["height"] or state["width"] > SCREEN["width"]]
    assert all((state["text"].strip() or state["seen"]) and not state["bare"] for state in seen)


def test_a_lesson_that_is_not_there_is_a_sentence(capsys):
    assert slides.main(["99"]) == 1
    assert "no notebook begins with '99'; there are 00_start_here" in capsys.readouterr().err
