"""Our attention viewer and bertviz's views in a real JupyterLab without network, worked by keys and by mouse."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import FrameLocator

from course_utils.encoders import load_minilm
from course_utils.viz.attention import HELP
from tests.browser.conftest import run_cells
from tests.browser.lab import Lab

TEXT = "The cat sat on the mat because it was warm."
IT = 8                                                              # [CLS] the cat sat on the mat because it
CELLS = (
    f"""from course_utils.encoders import load_minilm
from course_utils.viz import attention_viewer
from course_utils.viz.bertviz_offline import head_view, model_view
tokens, weights = load_minilm().attention({TEXT!r})
attention_viewer(tokens, tokens, weights, title="MiniLM")""",
    """import numpy as np
causal = np.array([[1, 0, 0], [0.3, 0.7, 0], [0.05, 0.15, 0.8]])
attention_viewer(["<b>The</b>", " cat", " sat"], ["<b>The</b>", " cat", " sat"], causal, title="Causal", query=1)""",
    """attention_viewer(["le", "chat"], ["the", "black", "cat"], [[0.9, 0.1, 0], [0, 0.2, 0.8]], title="Cross")""",
    """head_view(tokens, weights, title="Heads", layers=[2, 5], heads=[5])""",
    """model_view(tokens, weights, title="Model")""",
)


@pytest.fixture(scope="module")
def weights() -> np.ndarray:
    """What the viewers are given, as they keep it: in whole thousandths."""
    return np.rint(1000 * load_minilm().attention(TEXT)[1].double().numpy()) / 1000


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A notebook of all views, run in a browser that reaches nothing but this machine."""
    folder, home = tmp_path_factory.mktemp("views"), tmp_path_factory.mktemp("home")
    with run_cells(CELLS, folder, home, seconds=120) as lab:
        yield lab


@pytest.fixture(autouse=True)
def nothing_leaves_the_machine(lab: Lab) -> Iterator[None]:
    """No view asks another address, nor tries to and is stopped by its page's own rule."""
    refused = []
    lab.page.on("console", lambda message: refused.append(message.text) if "Security Policy" in message.text else None)
    yield
    assert not lab.traffic.outside and not lab.traffic.failed and not refused, (lab.traffic, refused)


def frame(lab: Lab, title: str) -> FrameLocator:
    return lab.page.frame_locator(f"iframe[title='{title}']")


def said(view: FrameLocator) -> str:
    return view.get_by_role("status").inner_text()


def press(lab: Lab, *keys: str) -> None:
    for key in keys:
        lab.page.keyboard.press(key)


def percent(weight: float) -> str:
    """Rounded as JavaScript does, a half upwards."""
    return "<1 %" if 0 < weight < 0.005 else f"{int(100 * weight + 0.5)} %"


def largest(row: np.ndarray, tokens: list[str]) -> str:
    return f"{tokens[row.argmax()]} {percent(row.max())}"


def test_keys_alone_choose_layer_head_and_token_and_the_page_says_where_it_looks(lab: Lab, weights, screenshots: Path):
    view, tokens = frame(lab, "MiniLM"), ["[CLS]", *TEXT[:-1].lower().split(), ".", "[SEP]"]
    assert said(view) == HELP
    view.get_by_label("Layer").focus()
    press(lab, "ArrowDown", "ArrowDown", "Tab", *["ArrowDown"] * 5, "Tab", *["ArrowDown"] * IT)
    assert said(view).startswith(f"Layer 2, head 5: it looks at {largest(weights[2, 5, IT], tokens)}, ")
    assert view.locator(".to small").all_inner_texts() == [percent(weight) for weight in weights[2, 5, IT]]
    assert view.locator("path.lit").count() == (weights[2, 5, IT] >= 0.01).sum()
    lab.page.screenshot(path=screenshots / "attention-viewer.png")
    press(lab, "Shift+Tab", "ArrowDown")                               # another head, the same token
    assert said(view).startswith(f"Layer 2, head 6: it looks at {largest(weights[2, 6, IT], tokens)}, ")
    press(lab, "Tab", "Home")
    assert said(view).startswith("Layer 2, head 6: [CLS] looks at ")
    press(lab, "Escape")
    assert said(view) == HELP
    assert view.locator("svg:not(.one) path").count() == (weights[2, 6] >= 0.01).sum()


def test_pointing_at_a_token_shows_where_it_looks_and_leaving_it_what_was_there_before(lab: Lab):
    view = frame(lab, "Causal")
    assert said(view) == "Layer 0, head 0: ␣cat looks at ␣cat 70 %, <b>The</b> 30 %"
    view.get_by_role("button", name="␣sat").hover()
    assert said(view) == "Layer 0, head 0: ␣sat looks at ␣sat 80 %, ␣cat 15 %, <b>The</b> 5 %"
    view.get_by_text("Causal").hover()
    assert said(view).startswith("Layer 0, head 0: ␣cat looks at ")


def test_each_frame_is_as_high_as_its_view(lab: Lab):
    for title in ("MiniLM", "Causal", "Cross", "Heads", "Model"):
        page = frame(lab, title).locator("html")
        high, needed = page.evaluate("html => [innerHeight, html.querySelector('body > div').offsetHeight]")
        assert 0 <= high - needed <= 24, (title, high, needed)


def test_masked_positions_have_no_line_and_there_is_nothing_to_choose_where_there_is_one_head(lab: Lab):
    view = frame(lab, "Causal")
    assert view.locator("path").count() == 6                           # of nine, three are masked
    assert view.locator("select:visible").count() == 0
    assert view.locator("b").all_inner_texts() == ["Causal"]           # the token's own <b> is text


def test_a_text_can_look_at_another(lab: Lab):
    view = frame(lab, "Cross")
    view.get_by_role("button", name="le").focus()
    press(lab, "ArrowDown")
    assert said(view) == "Layer 0, head 0: chat looks at cat 80 %, black 20 %"
    assert view.locator(".to small").all_inner_texts() == ["0 %", "20 %", "80 %"]


def test_bertvizs_head_view_draws_without_a_server_and_changes_with_layer_and_head(
    lab: Lab, weights, screenshots: Path
):
    view = frame(lab, "Heads")
    layer, lines = view.locator("#layer"), view.locator(".headAttention[head-index='5'] line")
    view.locator("#attention line").first.wait_for(state="attached")

    def opacities(at=lines) -> list[float]:
        return [float(line.get_attribute("stroke-opacity")) for line in at.all()[: len(TEXT.split()) + 3]]

    assert opacities() == pytest.approx(weights[2, 5, 0], abs=0.0011)  # what [CLS] looks at; rounding halves may differ
    layer.focus()
    press(lab, "ArrowDown")
    assert layer.input_value() == "5"
    assert opacities() == pytest.approx(weights[5, 5, 0], abs=0.0011)
    view.locator("#vis svg > g > rect").nth(6).click()                 # switch head 6 on: both share the ink
    assert opacities() == pytest.approx(weights[5, 5, 0] / 2, abs=0.0011)
    view.get_by_text("mat", exact=True).first.hover()
    assert view.locator("#attention line[visibility=visible]").count() == 12 * 13
    lab.page.screenshot(path=screenshots / "attention-bertviz-head.png")


def test_bertvizs_model_view_shows_a_head_large_when_clicked(lab: Lab, screenshots: Path):
    view = frame(lab, "Model")
    view.locator("#attn_background_2_5").wait_for(state="attached")
    assert view.locator(".attn_background").count() == 72
    view.locator("#attn_background_2_5 ~ rect").click()
    view.get_by_text("Layer 2, Head 5").wait_for(timeout=5000)
    lab.page.screenshot(path=screenshots / "attention-bertviz-model.png")
