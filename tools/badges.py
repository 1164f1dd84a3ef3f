"""Write the repository's address everywhere it stands: `make badges REPO=owner/name`.

The one setting is `[tool.course]` in pyproject.toml. From it follow the first code cell of every notebook, and the
links that open a notebook on Colab: in README.md, and below each notebook's title. `--check` writes nothing and exits
with 1 where one of them does not agree with the setting. A link is text: no badge has to be fetched to show a page.
"""

import argparse
import re
import sys
from pathlib import Path

from course_utils.errors import CourseError
from course_utils.paths import REPOSITORY
from tools.notebooks import first_cell
from tools.notebooks.files import NotebookError, as_text, lesson_paths, read, tags, write_text

HOST = "https://github.com/"
OWNER_AND_NAME = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9])*/[A-Za-z0-9._-]+")
SETTING = re.compile(r'(?m)^(repository = )".*"$')
LINK = re.compile(r"\[Open in Colab\]\(\S*\)")
COSTS = re.compile(r"(?ms)^\*Runs in .*?\*$(?=\n\n|\n\[|\Z)")        # the paragraph of minutes and memory
README_LINK = re.compile(r"https://colab\.research\.google\.com/github/\S+/blob/\S+?/(?=notebooks/)")


def address(owner_and_name: str) -> str:
    """The repository's address. Raises CourseError for anything but owner/name."""
    if not OWNER_AND_NAME.fullmatch(owner_and_name) or owner_and_name.endswith((".git", "/.", "/..")):
        raise CourseError(
            f"REPO is {owner_and_name!r}; expected owner/name as on GitHub, such as make badges REPO=ada/course."
        )
    return HOST + owner_and_name


def opened_on_colab(course: dict[str, str]) -> str:
    """The beginning of the addresses at which Colab opens a file of the repository at its tag."""
    place = course["repository"].removeprefix(HOST)
    return f"https://colab.research.google.com/github/{place}/blob/{course['tag']}/"


def with_setting(text: str, repository: str) -> str:
    """pyproject.toml's text with the address. Raises CourseError where it has not exactly one line for it."""
    text, count = SETTING.subn(rf'\g<1>"{repository}"', text)
    if count != 1:
        raise CourseError(f'pyproject.toml has {count} lines repository = "…"; expected one, under [tool.course].')
    return text


def notebook_text(path: Path, course: dict[str, str]) -> str:
    """A notebook's text with its first code cell and its link to Colab as the setting has them.

    A missing link is put at the end of the paragraph of minutes and memory. Raises NotebookError where that paragraph
    is not in the first cell, or the first code cell is not the one tagged for Colab.
    """
    notebook = read(path)
    title, code = notebook.cells[0], first_cell.first_code_cell(notebook)
    if not COSTS.search(title.source) or code is None or first_cell.TAG not in tags(code):
        raise NotebookError(
            f"{path.name}: expected a title with the line *Runs in …*, and a first code cell tagged {first_cell.TAG!r}."
        )
    code.source = first_cell.line(**course)
    link = f"[Open in Colab]({opened_on_colab(course)}notebooks/{path.name})"
    if not LINK.search(title.source):
        title.source = COSTS.sub(lambda found: f"{found[0]}\n{link}", title.source, count=1)
    title.source = LINK.sub(link, title.source)
    return as_text(notebook)


def readme_text(path: Path, course: dict[str, str]) -> str:
    """README.md's text with its links to Colab as the setting has them."""
    return README_LINK.sub(opened_on_colab(course), path.read_text(encoding="utf-8"))


def wanted(repository: Path) -> dict[Path, str]:
    """Each file that depends on the setting, with the text that it should have."""
    course, readme = first_cell.setting(repository / "pyproject.toml"), repository / "README.md"
    notebooks = lesson_paths(folder=repository / "notebooks")
    return {path: notebook_text(path, course) for path in notebooks} | {readme: readme_text(readme, course)}


def write(repository: Path, owner_and_name: str) -> list[str]:
    """Write the setting and all that depends on it; the names of the files that changed."""
    pyproject = repository / "pyproject.toml"
    text = with_setting(pyproject.read_text(encoding="utf-8"), address(owner_and_name))
    changed = [pyproject.name] if text != pyproject.read_text(encoding="utf-8") else []
    write_text(pyproject, text)
    for path, text in wanted(repository).items():
        if text != path.read_text(encoding="utf-8"):
            write_text(path, text)
            changed.append(path.name)
    return changed


def disagreeing(repository: Path) -> list[str]:
    """The names of the files that are not what the setting makes of them."""
    return [path.name for path, text in wanted(repository).items() if text != path.read_text(encoding="utf-8")]


def main(arguments: list[str] | None = None, repository: Path = REPOSITORY) -> int:
    """The command line; 1 where something does not agree, or could not be written."""
    parser = argparse.ArgumentParser(prog="python -m tools.badges", description=__doc__)
    parser.add_argument("repo", nargs="?", default="", metavar="owner/name", help="the repository on GitHub")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a file does not agree")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.check:
            found = disagreeing(repository)
            print(f"not as the setting has it: {', '.join(found)}" if found else "everything agrees with the setting")
            return 1 if found else 0
        changed = write(repository, chosen.repo)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"written: {', '.join(changed)}" if changed else "nothing to change")
    return 0


if __name__ == "__main__":
    sys.exit(main())
