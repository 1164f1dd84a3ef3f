"""Wrong texts, arrays and numbers in the pictures: each is drawn, or an error says what is wrong.

To draw takes a tenth of a second. So a figure is made with every mistake by itself but other texts; and it is drawn
with none and with one pair of mistakes. Each text is drawn in one figure, as its title, label and name.
"""

from dataclasses import replace

import pytest
from matplotlib.figure import Figure

from course_utils import viz
from course_utils.viz import plots, style
from tests.bad_input.breaking import TEXT, TEXTS, Breakage
from tests.bad_input.cases import Case, fault_of
from tests.bad_input.table_viz import CASES
from tests.bad_input.trying import NOT_A_NUMBER, try_each, try_pairs

TOO_LONG_TO_DRAW = "one line of 100 kB"
# What is shown otherwise, by the tests named, or takes nothing that could be wrong.
ELSEWHERE = {
    "chat_box": "tests/browser/test_escaping.py",
    "chatbot_box": "tests/browser/test_escaping.py",
    "cost_calculator": "takes nothing",
    "show": "png draws in the same way",
    "stacks": "takes nothing",
    "transformer_block": "takes nothing",
    "COLOURS": "no function",
    "LiveCurve": "draws training_curve",
    "Measure": "a record",
    "new_figure": "sizes by the course alone",
    "level_panels": "tests/unit/test_viz_latent.py",
    "latent_plane": "tests/unit/test_viz_latent.py",
    "pixel_numbers": "tests/unit/test_viz_latent.py",
    "line_game": "tests/unit/test_viz_games.py",
    "phase_paths": "tests/unit/test_viz_games.py",
    "scaling_curves": "tests/unit/test_viz_curves.py",
}


def test_every_picture_has_a_case_or_a_reason():
    called = {case.name.rpartition(".")[2] for case in CASES}
    assert set(viz.__all__) - called - set(ELSEWHERE) == set()
    assert set(ELSEWHERE) - set(viz.__all__) == set() and not called & set(ELSEWHERE)


def undrawn(case: Case) -> Case:
    """The same call, whose figure is made and not drawn."""
    return replace(case, then=None)


def mistakes_of(case: Case) -> list[tuple[str, Breakage]]:
    """The mistakes that are tried by themselves: all of what is HTML, and of a figure all but other texts.

    What is wrong with a text shows only when a figure is drawn.
    """
    if isinstance(undrawn(case).call({}), Figure):
        return [(key, mistake) for key, mistake in case.mistakes() if mistake.kind != TEXT]
    return [(key, mistake) for key, mistake in case.mistakes() if TOO_LONG_TO_DRAW not in mistake.says]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_right_call_is_drawn_and_a_wrong_one_is_drawn_or_says_what_is_wrong(case: Case):
    assert fault_of(case, {}) is None
    try_each(undrawn(case), mistakes_of(case), NOT_A_NUMBER)
    drawable = [each for each in case.mistakes() if TOO_LONG_TO_DRAW not in each[1].says]
    try_pairs(case, drawable, 1, NOT_A_NUMBER)


@pytest.mark.parametrize("text", [*(text for says, text in TEXTS.items() if says != TOO_LONG_TO_DRAW), "$\\frac{$"])
def test_any_text_can_stand_in_a_figure(text):
    figure = plots.bars({text: 1.0}, x_label=text, title=text)
    assert style.png(figure).startswith(b"\x89PNG")


def test_what_is_no_formula_is_drawn_as_it_is_written_and_a_formula_as_one():
    figure, axes = style.new_figure(1.0)
    wrong, right = axes.text(0, 0, r"$\\no{$"), axes.text(0, 0.5, "$x^2$")
    style.png(figure)
    assert not wrong.get_parse_math() and right.get_parse_math()
