"""How the site is laid out: what becomes of a notebook, where links lead, and what a formula turns into."""

import html
from base64 import b64encode
from pathlib import Path

import nbformat
import pytest
from docutils import nodes

from course_utils.exercises.specs import UnknownExerciseError, find
from course_utils.viz.style import SPOKEN
from tools.notebooks.files import as_text
from tools.site import pages, staging
from tools.site.extension import MATHML, formula

PIXEL = b64encode(b"the bytes of a picture").decode()
ALT = "Two bars: the left is 'twice' as high & orange."


def code_cell(*outputs, tags=(), source="1"):
    """A code cell with outputs and tags."""
    return nbformat.v4.new_code_cell(source, outputs=list(outputs), metadata={"tags": list(tags)})


def shown(text=None, **data):
    """An output of a cell: text alone, or a bundle."""
    return nbformat.v4.new_output("display_data", {"text/plain": text or "object", **data})


def page_of(*cells):
    """The cells of a notebook as the site shows it."""
    return pages.page(nbformat.v4.new_notebook(cells=list(cells))).cells


def test_a_progress_bar_that_stands_at_its_beginning_is_left_out_and_what_was_printed_stays():
    printed = nbformat.v4.new_output("stream", text="loss 1.3")
    bars = [shown("  0%|          | 0/400 [00:00<?, ?step/s]"), shown("runs:   0%|          | 0/6 [00:00<?, ?it/s]")]
    assert page_of(code_cell(*bars, printed))[0].outputs == [printed]
    table = shown("accuracy 50%\n10/20 | right")
    assert page_of(code_cell(table))[0].outputs == [table]


def test_the_text_of_a_widget_becomes_a_sentence_and_a_figures_text_stays():
    widget = shown("interactive(children=(Text(value='The sky is', description='text'), Output()), _dom_c…")
    figure = shown("Figure(value=1)", **{"image/png": PIXEL})
    first, second = page_of(code_cell(widget, figure))[0].outputs
    assert "running notebook" in first.data["text/html"] and "interactive(" not in str(first)
    assert second == figure


def test_a_figures_hidden_sentence_goes_once_the_figure_says_it_itself():
    figure = shown(**{"image/png": PIXEL})
    figure.metadata["image/png"] = {"alt": ALT}
    said = shown(**{"text/html": f'<p style="{SPOKEN}">Figure: {html.escape(ALT)}</p>'})
    assert page_of(code_cell(figure, said))[0].outputs == [figure]
    assert page_of(code_cell(said))[0].outputs == [said]


def test_a_figure_is_known_by_the_sha256_of_its_bytes():
    figure = shown(**{"image/png": PIXEL})
    figure.metadata["image/png"] = {"alt": ALT}
    assert pages.figures([figure, shown("text")]) == {
        "4a42edeb02a1245fabf0553c44ff50b69f3a04054f7747516e90d3e31ea3c03d": ALT
    }


def test_a_check_is_followed_by_its_exercises_solution_folded():
    check, solution, after = page_of(code_cell(tags=["check:1.2"]), nbformat.v4.new_markdown_cell("after"))
    assert solution.source.startswith("`````{dropdown} Solution to 1.2")
    assert find("1.2").solution_source() in solution.source
    assert after.source == "after"


def test_a_check_of_no_exercise_stops_the_build():
    with pytest.raises(UnknownExerciseError, match="99.9"):
        page_of(code_cell(tags=["check:99.9"]))


def test_the_colab_cell_is_folded_and_no_other():
    colab, other = page_of(code_cell(tags=["colab"]), code_cell(tags=["nbval-ignore-output"]))
    assert "hide-input" in colab.metadata["tags"]
    assert other.metadata["tags"] == ["nbval-ignore-output"]


@pytest.fixture
def house(tmp_path):
    """A small repository and the staging of its pages."""
    repository = tmp_path / "repository"
    names = "notebooks/01_a.ipynb", "data/README.md", "data/cards/one.md", "tools/x.py", "data/p.png", "README.md"
    for name in names:
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text(name)
    return staging.Staging(tmp_path / "source", repository, "https://example.org/{kind}/v1/")


def test_links_to_pages_stay_and_links_to_other_files_go_to_the_repository(house):
    text = "[a](01_a.ipynb) [b](../data/README.md#sotu) [c](../tools/x.py) [d](../tools) [e](https://example.com/x)"
    assert house.turned(text, Path("notebooks")) == (
        "[a](01_a.ipynb) [b](../data/README.md#sotu) [c](https://example.org/blob/v1/tools/x.py) "
        "[d](https://example.org/tree/v1/tools) [e](https://example.com/x)"
    )
    assert house.pages == {Path("data/README.md")}


def test_a_link_that_leads_nowhere_is_left_for_sphinx_to_complain_about(house):
    assert house.turned("[a](none.md)", Path("data")) == "[a](none.md)"
    assert not house.pages


def test_the_readme_is_no_page_and_a_picture_comes_along(house):
    assert house.turned("[r](README.md)", Path()) == "[r](https://example.org/blob/v1/README.md)"
    assert house.turned("![p](p.png)", Path("data")) == "![p](p.png)"
    assert (house.folder / "data/p.png").read_text() == "data/p.png"


def test_what_a_page_links_to_becomes_a_page_outside_the_menu(house, monkeypatch):
    monkeypatch.setattr(staging, "ROOTS", ("data/README.md",))
    (house.repository / "data/README.md").write_text("# Data\n[one](cards/one.md)")
    (house.repository / "data/cards/one.md").write_text("## One\n\n### What it is\n")
    staging.stage_markdown(house)
    assert (house.folder / "data/README.md").read_text() == "# Data\n[one](cards/one.md)"
    assert (house.folder / "data/cards/one.md").read_text() == staging.ORPHAN + "# One\n\n## What it is\n"


def test_an_anchor_in_a_notebook_is_written_as_the_site_writes_it():
    assert staging.slug("01_a.ipynb", "#Repair-3:-how-much?") == "#repair-3-how-much"
    assert staging.slug("01_a.ipynb", "#The-same,-fast:-%60NgramCounts%60") == "#the-same-fast-ngramcounts"
    assert staging.slug("README.md", "#Sotu") == "#Sotu"
    assert staging.slug("01_a.ipynb", "") == ""


def test_the_start_page_takes_the_readmes_picture_and_the_map_once_each():
    picture = "![Bars.](data/results/strip.png)"
    start = f"# A\n{staging.STRIP}\n{staging.MAP}\n"
    made = staging.filled(start, f"# README\n{picture}\n![Other.](data/results/samples.png)")
    assert made.startswith(f"# A\n{picture}\n:::{{div}} course-map\n| no. | lesson |")
    assert "(notebooks/16_capstone.ipynb)" in made
    with pytest.raises(SystemExit, match="has 0 lines <!-- lessons -->"):
        staging.filled(f"# A\n{staging.STRIP}\n", picture)
    with pytest.raises(SystemExit, match="strip.png"):
        staging.filled(start, "# README\n")


def test_every_lesson_is_laid_out_and_stays_a_notebook(house, monkeypatch):
    cells = [nbformat.v4.new_markdown_cell("# 01\n[code](../tools/x.py)"), code_cell(tags=["check:1.1"])]
    lesson = house.repository / "notebooks/01_a.ipynb"
    lesson.write_text(as_text(nbformat.v4.new_notebook(cells=cells)))
    before = lesson.read_bytes()
    monkeypatch.setattr(staging, "lesson_paths", lambda: [lesson])
    staging.stage_lessons(house)
    laid_out = nbformat.read(house.folder / "notebooks/01_a.ipynb", as_version=4)
    nbformat.validate(laid_out)
    assert laid_out.cells[0].source == "# 01\n[code](https://example.org/blob/v1/tools/x.py)"
    assert len(laid_out.cells) == 3
    assert lesson.read_bytes() == before


def test_a_formula_is_mathml_that_keeps_its_source():
    made = formula(nodes.math(text=r"\frac{1}{\sqrt{K}}"), block=False)
    assert "<mfrac>" in made and "<msqrt>" in made and r"\frac{1}{\sqrt{K}}" in made
    assert 'display="block"' in MATHML.convert_with_local_state("x", displaystyle=True)


def test_a_formula_that_cannot_be_converted_is_a_warning_and_shows_its_source(caplog):
    assert formula(nodes.math(text=r"\nosuchcommand<x>"), block=False) == r"\nosuchcommand&lt;x&gt;"
    assert "no MathML for" in caplog.text
