"""Hostile text in what JupyterLab itself draws, widgets and outputs without a frame: it stays text."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import run_cells
from tests.browser.lab import Lab
from tests.browser.skeletons import SKELETON, WORDS, is_seen
from tests.support.hostile import STRINGS

# All of them as one text, for each takes JupyterLab a second; and one by itself, which it could take for a formula.
FORMULA = next(place for place, text in enumerate(STRINGS) if text.startswith("$"))
SHOWN = [STRINGS, STRINGS[FORMULA : FORMULA + 1]]
CELLS = [
    "from tests.support.hostile import HARMLESS, STRINGS",
    "from tests.support.viewers import show_in_notebook",
    *(f"show_in_notebook('  '.join({texts}))" for texts in ("HARMLESS", "STRINGS")),
    *(f"show_in_notebook({texts}[{FORMULA}])" for texts in ("HARMLESS", "STRINGS")),
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A notebook of widgets, harmless and hostile texts in turn, run in JupyterLab."""
    folder, home = tmp_path_factory.mktemp("escaping"), tmp_path_factory.mktemp("home")
    with run_cells(CELLS, folder, home, seconds=90) as lab:
        yield lab


def test_hostile_text_in_widgets_and_outputs_of_jupyterlab_is_text(lab: Lab, screenshots: Path):
    outputs = lab.page.locator(".jp-CodeCell .jp-OutputArea")
    made = outputs.evaluate_all(f"all => all.map({SKELETON})")
    words = outputs.evaluate_all(f"all => all.map({WORDS})")
    lab.page.screenshot(path=screenshots / "escaping-lab.png")
    for number, texts in enumerate(SHOWN):
        harmless, hostile = 2 * number + 2, 2 * number + 3
        assert made[hostile] == made[harmless]
        assert not [text for text in texts if not is_seen(text, words[hostile])]
    assert not lab.page.evaluate("'__ran' in window") and not lab.traffic.outside, lab.traffic
