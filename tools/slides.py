"""Slides of a lesson for the wall of a classroom: `make slides LESSON=06` writes build/slides/06_attention.html.

Each title begins a slide; below it follow its prose and each piece of code with what it printed and drew. reveal.js
and the style lie beside the page and formulas are MathML, so the folder asks nothing of the network. The notebook
stays as it is: where a slide begins is decided here, by rule.
"""

import argparse
import base64
import copy
import math
import re
import shutil
import struct
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from math_core import LatexError, LatexToMathML
from nbconvert.exporters import SlidesExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_utils.errors import CourseError
from course_utils.paths import REPOSITORY
from tools.notebooks import first_cell
from tools.notebooks.files import lesson_paths, read, tag_value, tags, write_text
from tools.site.pages import spoken_alt

TEMPLATES = REPOSITORY / "classroom" / "slides"
FOLDER = REPOSITORY / "build" / "slides"
FONT = "STIXTwoMath-Regular.ttf"                                    # of formulas; it comes with ziamath, as on the site
MATHML = LatexToMathML(annotation=True, fancy_error=False)
REVEAL = ("LICENSE", "dist/reset.css", "dist/reveal.css", "dist/reveal.js")
HEADING = re.compile(r"#{1,6} ")
TITLE = re.compile(r"##? ")
LOCAL_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|mailto:)[^)]*\)")
PICTURE = re.compile(r"data:[^)\"\s]+")
FRAME_HEIGHT = re.compile(r'(?s)<iframe .* height="(\d+)"')
PROGRESS_BAR = re.compile(r"\s*\d+%\|")
NO_GUESS = "No guess kept. "
SAYS_ITSELF = ("predict(", "quiz(")                                  # the call has the words of its output
WIDGET = "interactive(children="
MOVE_IT = "In the notebook this is a figure with controls. The next slide shows it as it opens."
OF_THE_FIRST_CELL = re.compile(r"The first cell .*Google Colab")     # which no slide shows
LINE, SCREEN = 98, 19.5                                             # characters of a line; lines of prose on a screen
LINE_PIXELS, SCREEN_PIXELS = 34, 1180                               # height of a line; width between the margins
PICTURE_SCALE, PICTURE_PIXELS = 1.4, 390                            # times its size in the notebook, at most so high


# ---- where a slide begins --------------------------------------------------------------------------------------------


def slide_show(notebook: NotebookNode) -> NotebookNode:
    """A new notebook whose cells say where a slide begins: "slide" at a heading, "subslide" elsewhere, "-" goes on.

    A title begins a slide. All else goes on while there is room for it and for what belongs below it; what follows a
    heading without a text goes on below it whether there is room or not.
    """
    parts = [part for cell in notebook.cells if first_cell.TAG not in tags(cell) for part in parts_of(cell)]
    room, below_bare = 0.0, False
    for part, needed in zip(parts, heights_together(parts), strict=True):
        goes_on = below_bare or (needed <= room and not is_markdown(part, TITLE))
        room = (room if goes_on else SCREEN) - height(part)
        below_bare = is_bare(part)
        kind = "-" if goes_on else "slide" if is_markdown(part, HEADING) else "subslide"
        part.metadata["slideshow"] = {"slide_type": kind}
    return new_notebook(cells=parts, metadata=notebook.metadata)


def heights_together(parts: list[NotebookNode]) -> list[float]:
    """Each part's height with what belongs below it, as far as a screen holds both: code to prose, outputs to code."""
    together, below, next_part = [], 0.0, None
    for part in reversed(parts):
        leads = next_part and not is_markdown(next_part, HEADING) and (is_markdown(part) or not next_part.source)
        both = height(part) + (below if leads else 0)
        below, next_part = both if both <= SCREEN or is_bare(part) else height(part), part
        together.append(below)
    return together[::-1]


def is_markdown(part: NotebookNode, beginning: re.Pattern = re.compile("")) -> bool:
    """Whether a part is a text, one that begins so."""
    return part.cell_type == "markdown" and beginning.match(part.source) is not None


def is_bare(part: NotebookNode) -> bool:
    """Whether a part has headings and nothing else."""
    return is_markdown(part) and all(map(HEADING.match, part.source.split("\n\n")))


def parts_of(cell: NotebookNode) -> list[NotebookNode]:
    """A cell in parts that need not stand on one slide: a text by its headings and by screens, code and its outputs."""
    if cell.cell_type == "markdown":
        return [new_markdown_cell(text) for text in screens(cell.source)]
    wide = max(map(len, cell.source.splitlines()), default=0) > LINE
    code = new_code_cell(cell.source, metadata={"tags": ["slide-wide"] if wide else []})
    outputs = [] if tag_value(cell, "check") else [kept for output in cell.outputs if (kept := shown(output))]
    printed = [new_code_cell("", outputs=[output]) for output in outputs]
    return printed if cell.source.startswith(SAYS_ITSELF) else [code, *printed]


def screens(source: str) -> list[str]:
    """A Markdown text cut before each heading, and where a screen is full."""
    texts = []
    for block in blocks(LOCAL_LINK.sub(r"\1", source)):
        alone = texts and HEADING.match(texts[-1].split("\n\n")[-1])                   # a heading keeps what follows it
        full = texts and text_height(texts[-1]) + text_height(block) > SCREEN
        if not texts or ((HEADING.match(block) or full) and not alone):
            texts.append(block)
        else:
            texts[-1] += "\n\n" + block
    return texts


def blocks(source: str) -> Iterator[str]:
    """The headings, paragraphs, tables, lists and fences of a Markdown text, less what is said of the cell left out."""
    block, fenced = [], False
    for line in [*source.splitlines(), ""]:
        heading = HEADING.match(line) and not fenced
        if block and not fenced and (heading or not line.strip()):
            if not OF_THE_FIRST_CELL.match(" ".join(block)):
                yield "\n".join(block)
            block = []
        fenced ^= line.startswith("```")
        if heading:
            yield line
            continue
        if line.startswith("- ") and not fenced and text_height("\n".join([*block, line])) > SCREEN - 3:
            yield "\n".join(block)
            block = []
        if line.strip() or fenced:
            block.append(line)


def shown(output: NotebookNode) -> NotebookNode | None:
    """An output as a slide shows it: no bar of a progress that is over, no guess that nobody made, no alt text."""
    if output.output_type == "stream":
        return new_output("stream", name=output.name, text=output.text.replace(NO_GUESS, ""))
    text = output.get("data", {}).get("text/plain", "")
    if PROGRESS_BAR.match(text) or spoken_alt(output):
        return None
    if text.startswith(WIDGET):
        return new_output("stream", name="stdout", text=MOVE_IT)
    if "image/png" in output.get("data", {}):
        output = copy.deepcopy(output)
        output.metadata["image/png"]["height"] = picture_height(output.data["image/png"])
    return output


# ---- how high things are, in lines of prose --------------------------------------------------------------------------


def height(part: NotebookNode) -> float:
    """About how many lines of a screen a part fills."""
    if part.cell_type == "markdown":
        return text_height(part.source)
    lines = part.source.count("\n") + 1 if part.source else 0
    of_code = lines * (0.64 if part.metadata.get("tags") else 0.72) + (1.3 if lines else 0)
    return of_code + sum(map(output_height, part.outputs))


def text_height(markdown: str) -> float:
    """The same of a Markdown text: rows of tables are as they are, paragraphs are filled, formulas are high."""
    filled = 0.0
    for block in markdown.split("\n\n"):
        rows = [PICTURE.sub("", row) for row in block.splitlines()]
        if rows and rows[0].startswith(("|", "- ", "* ", "1. ", "```")):
            filled += 0.5 + sum(math.ceil(len(row) / LINE) for row in rows)
        else:
            filled += math.ceil(sum(map(len, rows)) / LINE) + (2 if "$$" in block or HEADING.match(block) else 0.6)
    return filled


def output_height(output: NotebookNode) -> float:
    """The same of an output."""
    data = output.get("data", {})
    if "image/png" in data:
        return picture_height(data["image/png"]) / LINE_PIXELS + 0.5
    if framed := FRAME_HEIGHT.search(data.get("text/html", "")):
        return int(framed[1]) / LINE_PIXELS + 0.7
    text = output.get("text") or data.get("text/plain", "")
    return 0.5 + sum(0.62 * math.ceil(max(len(row), 1) / 120) for row in text.splitlines())


def picture_height(png: str) -> int:
    """Pixels that a picture in base64 is shown high: larger than in the notebook, and no larger than the screen."""
    width, tall = struct.unpack(">II", base64.b64decode(png[:64])[16:24])
    return round(min(PICTURE_SCALE * tall, PICTURE_PIXELS, SCREEN_PIXELS * tall / width))


# ---- the page --------------------------------------------------------------------------------------------------------


class FormulaRenderer(IPythonRenderer):
    """Markdown to HTML with every formula as MathML, which browsers draw without a script."""

    def inline_math(self, body: str) -> str:
        """A formula in a line."""
        return formula(body, block=False)

    def block_math(self, body: str) -> str:
        """A formula on a line of its own."""
        return formula(body, block=True)


def formula(source: str, block: bool) -> str:
    """A formula as MathML. Raises CourseError where it cannot be converted."""
    try:
        return MATHML.convert_with_local_state(source, displaystyle=block)
    except LatexError as error:
        raise CourseError(f"{source!r} cannot be drawn as a formula: {error}. Write it in simpler commands.") from error


def markdown_to_html(source: str) -> str:
    """One Markdown cell as HTML."""
    return MarkdownWithMath(renderer=FormulaRenderer(escape=False, exclude_anchor_links=True)).render(source)


def page(notebook: NotebookNode, name: str) -> str:
    """The whole page of a slide show."""
    exporter = SlidesExporter(extra_template_basedirs=[str(TEMPLATES)], template_name="course")
    exporter.register_filter("markdown2html", markdown_to_html)
    exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    return exporter.from_notebook_node(notebook, {"metadata": {"name": name}})[0]


def folder_of(package: str) -> Path:
    """The folder of an installed package, which brings files for the page. Raises CourseError where it is not here."""
    found = find_spec(package)
    if found is None:
        raise CourseError(f"The package {package} is not installed here; type: make slides LESSON=06")
    return Path(found.origin).parent


def build(path: Path, folder: Path = FOLDER) -> Path:
    """Write the slides of one notebook, and what they need, into `folder`; returns the page."""
    for name in REVEAL:
        (folder / "reveal" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder_of("sphinx_revealjs") / "_static" / "revealjs" / name, folder / "reveal" / name)
    shutil.copyfile(folder_of("ziamath") / "fonts" / FONT, folder / FONT)
    shutil.copyfile(TEMPLATES / "slides.css", folder / "slides.css")
    target = folder / f"{path.stem}.html"
    write_text(target, page(slide_show(read(path)), path.stem))
    return target


def main(arguments: list[str] | None = None) -> int:
    """Write the slides of the lessons whose names begin so; 1 where that fails."""
    parser = argparse.ArgumentParser(prog="python -m tools.slides", description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME", help="start of a notebook's name, such as 06")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder to write")
    chosen = parser.parse_args(arguments)
    try:
        for path in lesson_paths(chosen.names):
            print(f"Open in a browser: {build(path, chosen.out)}")
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
