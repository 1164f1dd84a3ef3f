"""The source folder that Sphinx builds from: the repository's own files, at the places where they stand there.

Nothing is kept twice in git. Links between pages work unchanged, since the places are the same; a link to a file that
is no page goes to the repository's address. A Markdown file that a page links to becomes a page as well.
"""

import os
import re
import shutil
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

from course_utils.paths import REPOSITORY
from tools import glossary, readme
from tools.notebooks import first_cell
from tools.notebooks.files import as_text, lesson_paths, read
from tools.site.pages import page

DOCS = REPOSITORY / "docs"
ROOTS = ("CONTRIBUTING.md", "data/README.md", "classroom/README.md")
LINK = re.compile(r"(\]\()([^)\s#:]+)(#[^)\s]+)?")
NO_SLUG = re.compile(r"[^\w\- ]")
PICTURES = {".png", ".svg", ".jpg", ".gif"}
STRIP, MAP = "<!-- picture -->", "<!-- lessons -->"
PICTURE = re.compile(r"!\[[^\]]+\]\(data/results/strip\.png\)")
# The one free font for formulas that a package of ours brings; systems have others, or none.
FONT = Path(find_spec("ziamath").origin).parent / "fonts" / "STIXTwoMath-Regular.ttf"
ORPHAN = "---\norphan: true\n---\n"


@dataclass
class Staging:
    """The folder that is filled, the repository, its address, and the Markdown files found on the way."""

    folder: Path
    repository: Path = REPOSITORY
    address: str = ""
    pages: set[Path] = field(default_factory=set)

    def write(self, place: Path, text: str) -> None:
        """Write a page, or a notebook, at the place it has in the repository; its links are turned."""
        target = self.folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def turned(self, text: str, home: Path) -> str:
        """Markdown whose links work on the site; `home` is the folder of its file within the repository."""
        return LINK.sub(lambda found: found[1] + self.turn(found[2], home) + slug(found[2], found[3] or ""), text)

    def turn(self, link: str, home: Path) -> str:
        """A link as it has to be on the site; notes the Markdown file that it leads to, and copies the picture."""
        target = Path(os.path.normpath(self.repository / home / link))
        if not target.exists() or not target.is_relative_to(self.repository):
            return link
        place = target.relative_to(self.repository)
        if place.suffix == ".ipynb" and place.parent == Path("notebooks"):
            return link
        if place.suffix == ".md" and place != Path("README.md"):
            self.pages.add(place)
            return link
        if place.suffix in PICTURES:
            (self.folder / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(target, self.folder / place)
            return link
        kind = "tree" if target.is_dir() else "blob"
        return self.address.format(kind=kind) + place.as_posix()


def slug(link: str, anchor: str) -> str:
    """The anchor of a heading as the site writes it; within a notebook it is given as JupyterLab does."""
    return "#" + NO_SLUG.sub("", unquote(anchor).lower()) if anchor and link.endswith(".ipynb") else anchor


def stage(folder: Path) -> None:
    """Fill `folder`, emptied before, with everything that Sphinx needs."""
    shutil.rmtree(folder, ignore_errors=True)
    course = first_cell.setting()
    staging = Staging(folder, address=f"{course['repository']}/{{kind}}/{course['tag']}/")
    shutil.copytree(DOCS / "_static", folder / "_static")
    shutil.copyfile(DOCS / "conf.py", folder / "conf.py")
    shutil.copyfile(FONT, folder / "_static" / "formulas.ttf")
    stage_lessons(staging)
    start = (DOCS / "index.md").read_text(encoding="utf-8")
    start = filled(start, readme.README.read_text(encoding="utf-8"))
    staging.write(Path("index.md"), staging.turned(start, Path()))
    staging.write(Path("glossary.md"), staging.turned(glossary.markdown(), Path()))
    stage_markdown(staging)


def filled(text: str, read_me: str) -> str:
    """The start page with the README's first picture and the map of the lessons, which are kept in one place each.

    Raises SystemExit where the page has no place for one of them, or the README has no such picture.
    """
    picture = PICTURE.search(read_me)
    if picture is None:
        raise SystemExit("README.md shows no data/results/strip.png; the start page of the site takes it from there.")
    for mark, part in ((STRIP, picture[0]), (MAP, named_map())):
        if text.count(mark) != 1:
            raise SystemExit(f"docs/index.md has {text.count(mark)} lines {mark}; expected one, where it shall stand.")
        text = text.replace(mark, part)
    return text


def named_map() -> str:
    """The map of the lessons under a name that the style knows; its first column, empty in the README, has a head."""
    return f":::{{div}} course-map\n{readme.lesson_map().replace('| |', '| no. |', 1)}\n:::"


def stage_lessons(staging: Staging) -> None:
    """Write every lesson as the site shows it."""
    for path in lesson_paths():
        notebook = page(read(path))
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = staging.turned(cell.source, Path("notebooks"))
        staging.write(Path("notebooks") / path.name, as_text(notebook))


def stage_markdown(staging: Staging) -> None:
    """Write the Markdown pages: those that the menu names, and then what they and the lessons link to."""
    done: set[Path] = set()
    staging.pages |= set(map(Path, ROOTS))
    while missing := sorted(staging.pages - done):
        for place in missing:
            text = staging.turned((staging.repository / place).read_text(encoding="utf-8"), place.parent)
            staging.write(place, text if place.as_posix() in ROOTS else ORPHAN + standalone(text))
            done.add(place)


def standalone(text: str) -> str:
    """Markdown that begins with a heading of the first level: a data card is written as a section of a longer page."""
    return re.sub(r"^##", "#", text, flags=re.MULTILINE) if text.lstrip().startswith("## ") else text
