"""The lessons as a reader leaves them: opened in JupyterLab, exercises solved, run from top to bottom, a slider moved.

As a reader meets them, unsolved, nbval runs them.
"""

import time
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import ElementHandle, Locator, expect
from playwright.sync_api import TimeoutError as NotSeen

from tests.browser.lab import Lab, browse, sessions
from tools.notebooks.files import lesson_paths
from tools.notebooks.solve import unsolved
from tools.verified import Verified

pytestmark = pytest.mark.timeout(600)                              # longer than a lesson may take, and a chat after it
RUN_SECONDS = 360                                                  # where another test runs beside it
FIRST_RESULT_SECONDS = 60
VERIFIES = [
    Verified("all", "the pages", "a real JupyterLab in headless Chromium, network blocked", "no error, widgets answer"),
    Verified("all", "every notebook with its solutions filled in", "a run without a network", "every check is green"),
]


def run_and_look(lab: Lab, name: str, screenshots: Path) -> float:
    """Open and run a solved notebook, photograph its end; seconds from opening to the first result.

    Fails on an error on the page, and where the check of an exercise is not green.
    """
    start = time.monotonic()
    lab.open(f"notebooks/{name}.ipynb")
    lab.start_run()
    lab.wait_for_first_output(FIRST_RESULT_SECONDS)
    first_result = time.monotonic() - start
    lab.wait_until_run(RUN_SECONDS)
    lab.hide_sidebar()
    lab.page.screenshot(path=screenshots / f"{name}.png")
    assert not lab.errors(), "\n".join(lab.errors())
    assert not unsolved(lab.notebook()), "\n".join(unsolved(lab.notebook()))
    return first_result


def move_slider_and_compare(lab: Lab, name: str, screenshots: Path) -> ElementHandle:
    """Move the first slider that has a picture; fails where its pixels stay as they were. Returns the slider's cell."""
    cell = lab.slider_with_picture()
    before = lab.photograph_picture(cell, screenshots / f"{name}-slider-before.png")
    lab.move_slider(cell)
    after = lab.photograph_picture(cell, screenshots / f"{name}-slider-after.png")
    assert before != after, "the slider moved, but the pixels of the picture are the same"
    return cell


def test_every_lesson_is_run_here():
    assert [path.stem for path in lesson_paths() if path.stem not in Path(__file__).read_text(encoding="utf-8")] == []


def test_no_kernel_outlives_its_page(address: str):
    with browse(address) as lab:
        lab.open("notebooks/00_start_here.ipynb")
        assert len(sessions(address)) == 1
    assert not sessions(address)


def test_lesson_00_shows_a_result_within_a_minute_and_runs_without_error(lab: Lab, screenshots: Path):
    assert run_and_look(lab, "00_start_here", screenshots) < FIRST_RESULT_SECONDS
    assert not lab.traffic.outside and not lab.traffic.failed, lab.traffic


@pytest.mark.parametrize("name", ["01_ngrams", "02_recurrent", "03_lstm_gru", "05_tokens"])
def test_a_lesson_runs_without_error_and_its_slider_changes_the_picture(name: str, lab: Lab, screenshots: Path):
    run_and_look(lab, name, screenshots)
    move_slider_and_compare(lab, name, screenshots)
    assert not lab.traffic.outside and not lab.traffic.failed, lab.traffic


def test_lesson_04_runs_without_error_and_reads_the_word_that_is_typed(lab: Lab, screenshots: Path):
    run_and_look(lab, "04_seq2seq_attention", screenshots)
    cell = lab.page.locator(".jp-CodeCell", has=lab.page.locator(".widget-text input"))
    word = cell.locator(".widget-text input")
    for typed, answer in (("knight", "N AY T"), ("año", "'ñ' is no letter"), ("", "Cannot read ''")):
        word.fill(typed)
        word.press("Enter")
        cell.get_by_text(answer).first.wait_for(timeout=20_000)
    assert not lab.traffic.outside and not lab.traffic.failed, lab.traffic


def test_lesson_06_runs_without_error_and_shows_the_view_of_bertviz_that_is_chosen(lab: Lab, screenshots: Path):
    run_and_look(lab, "06_attention", screenshots)
    lab.page.locator(".widget-dropdown select").select_option("model view")
    lab.page.locator("iframe[title*='bertviz model view']").wait_for(timeout=20_000)
    assert lab.page.locator("iframe").count() == 4                  # three viewers of our own, and bertviz
    assert not lab.traffic.outside and not lab.traffic.failed, lab.traffic


def test_lesson_07_runs_without_error_and_its_chat_answers(lab: Lab, screenshots: Path):
    run_and_look(lab, "07_transformer", screenshots)
    field = lab.page.get_by_placeholder("Your message")
    field.fill("What is the capital of France?")
    field.press("Enter")
    expect(lab.page.get_by_role("log")).to_contain_text("Model: The capital of France is Paris.", timeout=60_000)
    field.scroll_into_view_if_needed()
    lab.page.screenshot(path=screenshots / "07_transformer-chat.png")
    assert not lab.traffic.outside and not lab.traffic.failed, lab.traffic


def test_lesson_08_runs_without_error_its_slider_works_and_its_chatbot_answers(lab: Lab, screenshots: Path):
    name = "08_generation"
    run_and_look(lab, name, screenshots)
    move_slider_and_compare(lab, name, screenshots)
    field, log = lab.page.get_by_placeholder("Your message"), lab.page.get_by_role("log")
    field.fill("What is the capital of France?")
    field.press("Enter")
    expect(log).to_contain_text("Paris", timeout=60_000)
    again = lab.page.get_by_role("button", name="Again")
    expect(again).to_be_enabled(timeout=60_000)
    again.click()
    expect(lab.page.get_by_text("Another answer: seed 2.")).to_be_visible(timeout=60_000)
    field.scroll_into_view_if_needed()
    lab.page.screenshot(path=screenshots / f"{name}-chatbot.png")
    assert not lab.traffic.outside and not lab.traffic.failed, lab.traffic


def type_until_answered(cell: Locator, typed: str, answer: str) -> None:
    """Type into the box of a cell, and once more where nothing came of it: on a busy machine a key gets lost."""
    field, said = cell.locator(".widget-text input"), cell.get_by_text(answer).first
    for seconds in (20, 60):
        field.fill(typed)
        field.press("Enter")
        with suppress(NotSeen):
            return said.wait_for(timeout=1000 * seconds)
    raise AssertionError(f"{typed!r} was typed twice, and {answer!r} did not come")


def test_lesson_09_runs_without_error_and_searches_and_translates_what_is_typed(lab: Lab, screenshots: Path):
    run_and_look(lab, "09_architectures", screenshots)
    cells = lab.page.locator(".jp-CodeCell", has=lab.page.locator(".widget-text input"))
    for number, typed, answer in (
        (0, "board game in which you trap the enemy's king", "by words: Chess"),
        (0, " ", "is empty"),
        (1, "Pulse el botón Aceptar.", "Click the OK button."),
        (1, " ", "is blank"),
    ):
        type_until_answered(cells.nth(number), typed, answer)
        lab.page.screenshot(path=screenshots / f"09_architectures-typed-{number}.png")
    assert not lab.traffic.outside and not lab.traffic.failed, lab.traffic


def test_lesson_10_runs_without_error_and_its_calculator_follows_its_sliders(lab: Lab, screenshots: Path):
    run_and_look(lab, "10_training", screenshots)
    calculator = lab.page.locator(".widget-vbox", has=lab.page.get_by_label("Accelerator")).first
    sheet = calculator.locator("table")
    expect(sheet).to_contain_text("135 million")
    handle = calculator.locator(".noUi-handle").first
    handle.focus()
    handle.press("ArrowRight")
    expect(sheet).to_contain_text("138 million", timeout=20_000)    # 10 to the 8.14: the next place of the slider
    calculator.scroll_into_view_if_needed()
    lab.page.screenshot(path=screenshots / "10_training-calculator.png")
    assert not lab.traffic.outside and not lab.traffic.failed, lab.traffic


def test_lesson_13_runs_without_error_and_its_emoji_form_for_the_phrase_that_is_typed(lab: Lab, screenshots: Path):
    name = "13_diffusion"
    run_and_look(lab, name, screenshots)
    cell = move_slider_and_compare(lab, name, screenshots)
    before = lab.photograph_picture(cell, screenshots / f"{name}-slider-after.png")
    widget = lab.page.locator(".jp-CodeCell", has=lab.page.locator(".widget-text input"))
    field = widget.locator(".widget-text input")
    field.fill(" ")
    field.press("Enter")
    widget.get_by_text("is empty").first.wait_for(timeout=20_000)
    field.fill("a green circle")
    field.press("Enter")
    expect(widget.locator("img")).to_be_visible(timeout=30_000)
    assert before != lab.photograph_picture(cell, screenshots / f"{name}-typed.png"), "another phrase, the same emoji"
    assert not lab.traffic.outside and not lab.traffic.failed, lab.traffic


def test_lesson_12_runs_without_error_and_its_slider_goes_through_the_rounds_of_the_game(lab: Lab, screenshots: Path):
    name = "12_gan"
    run_and_look(lab, name, screenshots)
    move_slider_and_compare(lab, name, screenshots)
    assert not lab.traffic.outside and not lab.traffic.failed, lab.traffic


def test_lesson_14_runs_without_error_and_leafs_through_the_images_of_a_family(lab: Lab, screenshots: Path):
    name = "14_comparison"
    run_and_look(lab, name, screenshots)
    cell = move_slider_and_compare(lab, name, screenshots)
    cell.query_selector("select").select_option("transformer")
    told = lab.page.get_by_text("Figure: Twenty images of: transformer, from number 20 on.")
    told.wait_for(state="attached", timeout=20_000)                 # for those who cannot see the picture
    assert not lab.traffic.outside and not lab.traffic.failed, lab.traffic


def test_lesson_11_runs_without_error_and_decodes_the_point_of_the_plane_that_is_chosen(lab: Lab, screenshots: Path):
    name = "11_vae"
    run_and_look(lab, name, screenshots)
    move_slider_and_compare(lab, name, screenshots)
    lab.page.get_by_text("the one at (0.2, 0.0)").first.wait_for(state="attached")      # one step to the right
    assert not lab.traffic.outside and not lab.traffic.failed, lab.traffic


def test_lesson_15_runs_without_error_and_weighs_the_occupation_that_is_typed(lab: Lab, screenshots: Path):
    name = "15_challenges"
    run_and_look(lab, name, screenshots)
    cell = lab.page.locator(".jp-CodeCell", has=lab.page.locator(".widget-text input")).first
    picture = cell.element_handle()
    field = cell.locator(".widget-text input")
    before = lab.photograph_picture(picture, screenshots / f"{name}-occupation-before.png")
    field.fill("midwife")
    field.press("Enter")
    cell.get_by_text("after midwife").first.wait_for(state="attached", timeout=60_000)     # what stands for the picture
    expect(cell.locator("img").first).to_be_visible(timeout=20_000)
    after = lab.photograph_picture(picture, screenshots / f"{name}-occupation-after.png")
    assert before != after, "another occupation was typed, but the pixels of the picture are the same"
    assert not lab.traffic.outside and not lab.traffic.failed, lab.traffic


def test_lesson_16_runs_without_error_and_its_helper_answers_with_the_passages_it_read(lab: Lab, screenshots: Path):
    name = "16_capstone"
    run_and_look(lab, name, screenshots)
    field, log = lab.page.get_by_placeholder("Your message"), lab.page.get_by_role("log")
    field.fill("What do the letters GPT stand for?")
    field.press("Enter")
    expect(log).to_contain_text("[1] 00 · Start here", timeout=90_000)
    field.fill("Who composed the Moonlight Sonata?")
    field.press("Enter")
    expect(log).to_contain_text("do not say", timeout=90_000)
    field.scroll_into_view_if_needed()
    lab.page.screenshot(path=screenshots / f"{name}-helper.png")
    assert not lab.traffic.outside and not lab.traffic.failed, lab.traffic
