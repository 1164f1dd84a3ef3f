"""One setting, and everything that is written from it: first cells, links to Colab, README."""

import shutil
from pathlib import Path

import pytest
import yaml

from course_utils import __version__
from course_utils.errors import CourseError
from course_utils.paths import NOTEBOOKS, REPOSITORY
from course_utils.text.lesson_texts import lesson_passages
from tools import badges
from tools.notebooks import first_cell, taught
from tools.notebooks.files import Notebook, NotebookError, as_text, read

CHOSEN = ("00_start_here", "07_transformer")
COLAB = "https://colab.research.google.com/github/ada/course/blob/v0.1.0/notebooks/"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The setting, README and two notebooks, as they stand, in a folder of their own."""
    (tmp_path / "notebooks").mkdir()
    for name in ("pyproject.toml", "README.md", *(f"notebooks/{slug}.ipynb" for slug in CHOSEN)):
        shutil.copyfile(REPOSITORY / name, tmp_path / name)
    return tmp_path


def sources(folder: Path, slug: str) -> list[str]:
    """The source of every cell."""
    return [cell.source for cell in read(folder / "notebooks" / f"{slug}.ipynb").cells]


def test_setting_first_cells_and_links_follow_the_one_address(copy, capsys):
    assert badges.main(["ada/course"], copy) == 0
    assert first_cell.setting(copy / "pyproject.toml")["repository"] == "https://github.com/ada/course"
    for slug in CHOSEN:
        before, after = sources(REPOSITORY, slug), sources(copy, slug)
        changed = [number for number, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]]
        assert changed == [0, 2]
        assert after[2] == first_cell.line("https://github.com/ada/course", "v0.1.0")
        assert f"\n[Open in Colab]({COLAB}{slug}.ipynb)" in after[0] and "github/OWNER/" not in after[0]
    readme = (copy / "README.md").read_text()
    assert f"({COLAB}00_start_here.ipynb)" in readme and "github/OWNER/" not in readme
    assert badges.main(["--check"], copy) == 0
    assert "everything agrees with the setting" in capsys.readouterr().out


def test_a_second_run_changes_nothing_and_another_address_replaces_the_link(copy):
    badges.write(copy, "ada/course")
    assert badges.write(copy, "ada/course") == []
    assert set(badges.write(copy, "bo/kurs")) == {"pyproject.toml", "README.md", *(f"{slug}.ipynb" for slug in CHOSEN)}
    assert sources(copy, CHOSEN[0])[0].count("[Open in Colab]") == 1
    assert "/github/bo/kurs/blob/v0.1.0/notebooks/" in sources(copy, CHOSEN[0])[0]


def test_a_notebook_without_a_link_gets_one(copy):
    path = copy / "notebooks" / f"{CHOSEN[0]}.ipynb"
    notebook = read(path)
    notebook.cells[0].source = badges.LINK.sub("", notebook.cells[0].source).rstrip()
    path.write_text(as_text(notebook))
    assert badges.disagreeing(copy) == [path.name]
    badges.write(copy, "ada/course")
    assert f"[Open in Colab]({COLAB}{CHOSEN[0]}.ipynb)" in sources(copy, CHOSEN[0])[0]


def without_links(folder: Path) -> Path:
    """The notebooks in a folder, their links to Colab taken out."""
    for path in folder.glob("*.ipynb"):
        notebook = read(path)
        notebook.cells[0].source = badges.LINK.sub("", notebook.cells[0].source).replace("*\n\n", "*\n").rstrip()
        path.write_text(as_text(notebook))
    return folder


def test_a_link_below_the_title_changes_no_passage_of_the_lessons_and_breaks_no_rule_of_the_title(copy):
    shutil.copytree(NOTEBOOKS, copy / "notebooks", dirs_exist_ok=True)
    assert lesson_passages(folder=without_links(copy / "notebooks")) == lesson_passages()
    badges.write(copy, "ada/course")
    for slug in CHOSEN:
        notebook = Notebook(copy / "notebooks" / f"{slug}.ipynb")
        assert not taught.title_and_promise(notebook) and not taught.costs_as_measured(notebook)


@pytest.mark.parametrize("name", ["README.md", "notebooks/07_transformer.ipynb"])
def test_a_file_that_does_not_agree_is_named_and_left_alone(copy, capsys, name):
    badges.write(copy, "ada/course")
    text = (copy / name).read_text().replace("ada/course", "eve/course")
    (copy / name).write_text(text)
    assert badges.main(["--check"], copy) == 1
    assert capsys.readouterr().out == f"not as the setting has it: {Path(name).name}\n"
    assert (copy / name).read_text() == text


REFUSED = ["", "course", "ada/", "/course", "https://github.com/a/c", "ada/course/more", "a da/c", "-a/c", "a/c.git"]


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_owner_and_name_is_refused_and_nothing_is_written(copy, capsys, name):
    before = (copy / "pyproject.toml").read_text()
    assert badges.main(["--", name], copy) == 1
    assert f"REPO is {name!r}; expected owner/name as on GitHub" in capsys.readouterr().err
    assert (copy / "pyproject.toml").read_text() == before


def test_a_notebook_without_the_tagged_cell_is_somebodys_work_and_refused(copy):
    path = copy / "notebooks" / "00_start_here.ipynb"
    path.write_text(path.read_text().replace('"colab"', '"mine"'))
    with pytest.raises(NotebookError, match="00_start_here.ipynb: expected a title .* first code cell tagged 'colab'"):
        badges.write(copy, "ada/course")


def test_a_setting_that_stands_twice_or_not_at_all_is_refused():
    with pytest.raises(CourseError, match='0 lines repository = "…"; expected one'):
        badges.with_setting("[tool.course]\n", "https://github.com/ada/course")


def test_the_tag_that_colab_and_the_cluster_ask_for_is_that_of_this_version():
    values = yaml.safe_load((REPOSITORY / "classroom/jupyterhub/values.yaml").read_text(encoding="utf-8"))
    assert first_cell.setting()["tag"] == values["singleuser"]["image"]["tag"] == f"v{__version__}"


def test_everything_committed_agrees_with_the_setting():
    assert badges.disagreeing(REPOSITORY) == []
