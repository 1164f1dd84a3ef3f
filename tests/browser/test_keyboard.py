"""Every kind of widget by the keyboard alone, in a real JupyterLab: reached by Tab, named, worked, seen to have the
focus. And axe-core on what our cells show, in the light theme and in the dark one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, expect

from tests.browser.conftest import run_cells
from tests.browser.lab import Lab

pytestmark = pytest.mark.usefixtures("nothing_leaves_the_machine")
SETTLES = 100                                                      # milliseconds: a frame has a process of its own

CELLS = (
    """from course_utils.exercises import predict, progress, quiz
quiz("01")""",
    """predict("99.1", "How many?", ["one", "two", "three"])""",
    """from ipywidgets import FloatSlider, IntSlider, SelectionSlider, Text, interact
def say(number, share, stage, family, phrase):
    print(f"{number} {share:.1f} {stage} {family} {phrase}")
interact(say, number=IntSlider(3, 0, 9), share=FloatSlider(0.5, min=0, max=1, step=0.1),
         stage=SelectionSlider(options=["raw", "tuned", "aligned"]), family=["VAE", "GAN"],
         phrase=Text("sad", continuous_update=False));""",
    """from course_utils.viz import chat_box, cost_calculator
chat_box(lambda messages: iter(["Heard: ", messages[-1]["content"]]))""",
    """cost_calculator()""",
    """from course_utils.viz import alignment_viewer, attention_viewer
attention_viewer(["le", "chat"], ["the", "cat"], [[[[0.9, 0.1], [0, 1]], [[1, 0], [0.2, 0.8]]]] * 2, title="Cross")""",
    """alignment_viewer("OX", ["AA", "K", "S"], [[0.9, 0.1], [0.2, 0.8], [0, 1]], title="Aligned")""",
    """progress()""",
    """from course_utils.architectures import MODELS
from course_utils.viz import coloured_text, cost_sheet, models_table, new_figure, show
coloured_text("a text", [-1, -0.6, -0.2, 0.2, 0.6, 1], "Units")""",
    """models_table(MODELS[:3])""",
    """cost_sheet()""",
    """figure, axes = new_figure()
show(figure, "An empty pair of axes, with nothing drawn")""",
)
SLOW = 20_000                                                      # milliseconds for a kernel on a busy machine
# What the Tab key goes through in each cell, in this order.
STOPS = {
    0: ["radio"] * 15,
    1: ["radio"] * 3,
    2: ["slider", "number"] * 3 + ["list", "text"],
    3: ["text", "button", "button"],
    4: ["slider", "number"] * 2 + ["list", "slider", "number", "text", "list"],
    5: ["frame"] * 3,                                              # layer, head, tokens
    6: ["frame"] * 3,                                              # three symbols
}
# JavaScript: what has the focus, in which cell, how it is named, and whether it looks otherwise without the focus.
FOCUSED = """() => {
    const focused = document.activeElement, cell = focused.closest('.jp-CodeCell');
    if (!focused.closest('.jp-OutputArea-output')) return null;
    const kind = focused.matches('[type=radio]') ? 'radio' : focused.matches('.noUi-handle') ? 'slider'
        : focused.matches('.widget-readout') ? 'number' : focused.matches('iframe') ? 'frame'
        : {SELECT: 'list', INPUT: 'text', BUTTON: 'button'}[focused.tagName] || focused.tagName;
    const row = focused.closest('.widget-hslider'), label = row && row.querySelector('.widget-label');
    const name = label ? label.textContent : focused.ariaLabel || focused.title
        || [...(focused.labels || [])].map(label => label.textContent).join(' ')
        || focused.placeholder || focused.textContent;
    const look = () => ['outlineStyle', 'outlineWidth', 'borderTopColor', 'backgroundColor', 'boxShadow', 'transform']
        .map(rule => getComputedStyle(focused)[rule]).join();
    const before = look();
    if (kind !== 'frame') { focused.blur(); }
    const marked = kind === 'frame' || look() !== before;
    if (kind !== 'frame') focused.focus({focusVisible: true});
    return {cell: [...document.querySelectorAll('.jp-CodeCell')].indexOf(cell), kind, name: name.trim(), marked};
}"""
# Faults of what draws our outputs, which no output can mend: axe's rule -> the elements that it is about.
NOT_OURS = {
    "aria-input-field-name": "noUi-handle",                        # ipywidgets labels the slider, not its handle
    "image-alt": "data:image/png",                                 # JupyterLab drops alt; a spoken text stands beside
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A notebook with one of each kind of widget and of table, run in a browser."""
    folder, home = tmp_path_factory.mktemp("keyboard"), tmp_path_factory.mktemp("home")
    with run_cells(CELLS, folder, home, seconds=180) as lab:
        yield lab


def cell(lab: Lab, number: int) -> Locator:
    """A cell by its number from 0."""
    return lab.page.locator(".jp-CodeCell").nth(number)


def press(lab: Lab, first: Locator, *keys: str) -> None:
    """Put the focus where Tab has been shown to come, and press keys from there."""
    first.focus()
    for key in keys:
        lab.page.wait_for_timeout(SETTLES)
        lab.page.keyboard.press(key)


def first(lab: Lab, number: int) -> Locator:
    """The first widget that Tab comes to in a cell."""
    return cell(lab, number).locator(".jp-OutputArea").locator("input, select, .noUi-handle").first


def enter_the_first_output(lab: Lab) -> None:
    """Tab from the first cell into what it shows. On a busy machine JupyterLab takes the focus back after the click."""
    for _ in range(5):
        cell(lab, 0).locator(".jp-InputPrompt").click()
        lab.page.wait_for_timeout(SETTLES)
        lab.page.keyboard.press("Tab")
        lab.page.wait_for_timeout(SETTLES)
        if lab.page.evaluate(FOCUSED):
            return


def test_tab_goes_through_every_widget_in_the_order_of_the_page_and_shows_where_it_is(lab: Lab):
    enter_the_first_output(lab)
    found: dict[int, list[dict]] = {}
    for _ in range(60):
        lab.page.wait_for_timeout(SETTLES)
        stop = lab.page.evaluate(FOCUSED)
        if stop is None or stop["cell"] not in STOPS:
            break
        found.setdefault(stop["cell"], []).append(stop)
        lab.page.keyboard.press("Tab")
    assert {number: [stop["kind"] for stop in stops] for number, stops in found.items()} == STOPS
    assert list(found) == sorted(found)
    assert not [stop for stops in found.values() for stop in stops if not stop["name"] or not stop["marked"]]
    assert [stop["name"] for stop in found[2]] == [
        "number", "number", "share", "share", "stage", "stage", "family", "phrase",
    ]  # fmt: skip


def test_the_space_bar_answers_a_quiz_and_keeps_a_guess(lab: Lab):
    press(lab, first(lab, 0), "Tab", "Space")
    expect(cell(lab, 0).get_by_role("radio").nth(1)).to_be_checked()
    expect(cell(lab, 0).locator(".widget-html").nth(1)).to_contain_text(". ")          # why it is right, or not so
    press(lab, first(lab, 1), "Tab", "Tab", "Space")
    expect(cell(lab, 1)).to_contain_text("Kept: three. Now run the next cell.")


def test_arrows_typing_and_enter_work_sliders_lists_and_boxes(lab: Lab):
    said = cell(lab, 2).locator(".jp-OutputArea-output pre")
    expect(said).to_have_text("3 0.5 raw VAE sad\n", timeout=SLOW)
    next_one = ("Tab", "Tab")                                      # past the number beside the slider
    press(lab, first(lab, 2), "ArrowRight", *next_one, "ArrowLeft", *next_one, "ArrowRight", *next_one)
    expect(said).to_have_text("4 0.4 tuned VAE sad\n", timeout=SLOW)
    families = cell(lab, 2).get_by_role("combobox")
    press(lab, families, "End")                                    # an arrow alone is JupyterLab's way to the next cell
    expect(said).to_have_text("4 0.4 tuned GAN sad\n", timeout=SLOW)
    press(lab, families, "Alt+ArrowDown", "ArrowUp", "Enter", "Tab")
    expect(said).to_have_text("4 0.4 tuned VAE sad\n", timeout=SLOW)
    lab.page.keyboard.insert_text("glad")
    lab.page.keyboard.press("Enter")
    expect(said).to_contain_text("glad", timeout=SLOW)


def test_a_chat_is_held_and_begun_anew_by_keys(lab: Lab):
    press(lab, first(lab, 3))
    lab.page.keyboard.insert_text("Hello")
    lab.page.keyboard.press("Enter")
    log = cell(lab, 3).get_by_role("log")
    expect(log).to_contain_text("Heard: Hello")
    cell(lab, 3).get_by_role("button", name="New").press("Enter")
    expect(log).to_contain_text("Write a message below")


def test_the_calculator_follows_the_keys(lab: Lab, screenshots: Path):
    row = cell(lab, 4).get_by_role("row", name="Parameters N")
    before = row.inner_text()
    press(lab, first(lab, 4), *["ArrowRight"] * 5)
    expect(row).not_to_have_text(before)
    lab.page.screenshot(path=screenshots / "keyboard.png")


def test_both_viewers_are_worked_from_within_their_frames(lab: Lab):
    attention = lab.page.frame_locator("iframe[title='Cross']")
    press(lab, attention.get_by_label("Layer"), "ArrowDown", "Tab", "ArrowDown", "Tab", "ArrowDown")
    expect(attention.get_by_role("status")).to_have_text("Layer 1, head 1: chat looks at cat 80 %, the 20 %")
    alignment = lab.page.frame_locator("iframe[title='Aligned']")
    press(lab, alignment.get_by_role("img", name="AA looked at"), "Tab")
    second = alignment.get_by_role("img", name="K looked at X 80 %, O 20 %")
    expect(second).to_be_focused()
    assert second.locator(".w").evaluate("lights => getComputedStyle(lights).opacity") == "1"


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_axe_finds_no_serious_fault_of_ours_in_the_outputs(lab: Lab, theme: str, screenshots: Path):
    lab.page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
    lab.page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)
    checked = Axe().run(lab.page, context={"include": [[".jp-OutputArea-output"]]}).response
    assert len(checked["passes"]) > 15
    grave = [
        (fault["id"], node["html"][:200])
        for fault in checked["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
        if NOT_OURS.get(fault["id"], "no such element") not in node["html"]
    ]
    assert not grave
    lab.page.screenshot(path=screenshots / f"outputs-{theme[-5:].strip().lower()}.png")


@pytest.mark.parametrize("title", ["Cross", "Aligned"])
def test_axe_finds_no_serious_fault_within_the_viewers(lab: Lab, title: str):
    source = lab.page.locator(f"iframe[title='{title}']").get_attribute("srcdoc")
    page = lab.page.context.new_page()
    try:
        page.set_content(source.replace("http-equiv='Content-Security-Policy'", ""))   # axe is a script of its own
        faults = Axe().run(page, context={"include": [["body > div"]]}).response["violations"]
        assert not [fault["id"] for fault in faults if fault["impact"] in ("serious", "critical")]
    finally:
        page.close()
