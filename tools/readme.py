"""Write the generated parts of README.md: lessons, both yardsticks, speed, what holds, pictures. `make readme`.

Everything in them comes from what is committed: `data/results/*.json`, the outputs of the notebooks, the declarations
of the tests. `--check` writes nothing and exits 1 where README.md or a picture is not current.
"""

import argparse
import base64
import io
import json
import re
import sys
from pathlib import Path

import nbformat
from PIL import Image, ImageChops
from PIL.PngImagePlugin import PngInfo

from course_utils import leaderboard
from course_utils.checkpoints import read_json
from course_utils.image_yardstick import mean_and_spread
from course_utils.lessons import LESSONS
from course_utils.paths import NOTEBOOKS, REPOSITORY, RESULTS
from tools import durations, ends, faults, numbers, speed, verified
from tools.badges import opened_on_colab
from tools.notebooks.first_cell import setting

README = REPOSITORY / "README.md"
STRIP, SAMPLES = RESULTS / "strip.png", RESULTS / "samples.png"
WIDTH, GAP = 1_000, 24                                             # pixels of a picture in a column, and between two
SHARP, RANKING = 200, 0.6                                         # dots an inch of the ranking, its share of the height
# What the pictures show: a notebook and the beginning of the alt text of one of its figures.
AT_THE_LEFT = (("00_start_here", "Bar chart of attention"), ("14_comparison", "Real images and those of four families"))
AT_THE_RIGHT = (                                                   # models and compressors in the ranking beside them
    "Llama of byte pairs", "5-gram, Kneser–Ney", "GRU of bytes", "RNN of bytes", "LSTM of bytes", "GPT of bytes", "xz",
    "gzip",
)
IN_A_COLUMN = (("14_comparison", "Four dots with intervals"), ("13_diffusion", "Eight held-out names"))
TIME = re.compile(r"Reading and \w+: about ([^,.]+) (hours|minutes)")
NUMBERS = {"two": 2.0, "two and a half": 2.5, "three": 3.0, "four": 4.0, "five": 5.0}
MEASURES = {"frechet": 2, "kernel": 3, "precision": 2, "recall": 2, "coverage": 2}       # decimals


def colab() -> str:
    """The link to the first lesson on Colab, from the one setting in pyproject.toml."""
    first = LESSONS[0]
    return f"Open in Colab: [lesson {first.label}]({opened_on_colab(setting())}notebooks/{first.slug}.ipynb)"


def lesson_map() -> str:
    """The table of lessons: those that stand with their link and measured cost, the others by title."""
    costs = json.loads((RESULTS / "lessons.json").read_text(encoding="utf-8"))
    rows = ["| | lesson | you will | takes you | runs in |", "|---|---|---|---|---|"]
    for lesson in LESSONS:
        cost = costs.get(lesson.slug)
        title = f"[{lesson.title}](notebooks/{lesson.slug}.ipynb)" if cost else lesson.title
        runs = _whole(f"{cost['seconds']} s, {cost['peak_gb']:.1f} GB") if cost else "to come"
        takes = _whole(_duration(hours(lesson.slug))) if cost else "to come"
        promise = lesson.promise[0].lower() + lesson.promise[1:].rstrip(".")
        rows.append(f"| {lesson.label} | {title} | {promise} | {takes} | {runs} |")
    return "\n".join(rows)


def hours(slug: str) -> float:
    """How long a lesson says that its reader takes. Raises SystemExit where it does not say so in words we know."""
    cells = json.loads((NOTEBOOKS / f"{slug}.ipynb").read_text(encoding="utf-8"))["cells"]
    found = TIME.search("".join(cells[0]["source"]))
    if found and found[2] == "minutes":
        return int(found[1]) / 60
    if found is None or found[1] not in NUMBERS:
        expected = f"expected 'Reading and exercises: about N hours', N one of {', '.join(NUMBERS)}"
        raise SystemExit(f"{slug}: {expected}, in its first cell; got {found and found[0]!r}. Write it so.")
    return NUMBERS[found[1]]


def _whole(text: str) -> str:
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def _duration(time: float) -> str:
    return f"{time:g}".replace(".5", "½") + " h" if time >= 1 else f"{60 * time:.0f} min"


def yardstick() -> str:
    """The leaderboard of all lessons that stand, best first."""
    return ranking(results())


def results() -> list[leaderboard.Result]:
    """Every result of every lesson that stands."""
    files = sorted(RESULTS.glob("leaderboard_*.json"))
    rows = [row for file in files for row in json.loads(file.read_text(encoding="utf-8"))]
    return [leaderboard.Result(**row) for row in rows]


def ranking(results: list[leaderboard.Result]) -> str:
    """Results as a Markdown table; size and training once a result states the tokens that it was trained on."""
    trained = any(result.training_tokens for result in results)
    columns = ["bits_per_byte", *(["parameters", "training_tokens"] if trained else [])]
    rows = [["model", "lesson", *(leaderboard.COLUMNS[column].heading for column in columns)]]
    for result in leaderboard.ranked(results):
        rows.append([result.name, result.lesson, *(leaderboard.cell(result, column) for column in columns)])
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def images() -> str:
    """What `python -m tools.image_yardstick` measured last: floor, ceilings and families, means over the seeds."""
    found = json.loads((RESULTS / "images.json").read_text(encoding="utf-8"))
    heading = f"{found['images']} images, {len(found['seeds'])} seeds"
    columns = (heading, "FD", "KID", "precision", "recall", "coverage", "bits per dimension", "parameters", "FLOPs")
    lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    for name, runs in found["measures"].items():
        cells = [name, *(_over_seeds([run[measure] for run in runs], digits) for measure, digits in MEASURES.items())]
        lines.append(f"| {' | '.join([*cells, *_trained(found['training'].get(name))])} |")
    return "\n".join(lines)


def _over_seeds(values: list[float], digits: int) -> str:
    mean, spread = mean_and_spread(values)
    return f"{mean:.{digits}f} ± {spread:.{digits}f}"


def _trained(known: dict | None) -> list[str]:
    if known is None:
        return ["–"] * 3
    bits = f"{known['bits_per_dim']:.2f}" if "bits_per_dim" in known else "none"
    return [bits, f"{known['parameters']:,}", f"{known['training_flops']:.2e}"]


def trust() -> str:
    """What the tests compare with what: of the course as a whole, and folded away, lesson by lesson."""
    rows = verified.found(everywhere=False)
    files = len({path for _, path in rows})
    summary = f"Lesson by lesson: {len(rows)} comparisons in {files} files of tests"
    return "\n".join([verified.table(everywhere=True), "", folded(summary, verified.table(everywhere=False))])


def folded(summary: str, table: str) -> str:
    """A table that opens where its summary is clicked."""
    return "\n".join(["<details>", f"<summary><b>{summary}</b></summary>", "", table, "", "</details>"])


def holds() -> str:
    """What `make faults` counted last, both ends of the versions, two runs, what takes longest; each folded away."""
    parts = [broken()]
    for made in (ends, numbers, durations):
        record = read_json(made.RECORD)
        parts.append(folded(made.sentence(record), made.table(record)))
    return "\n".join(parts)


def broken() -> str:
    """Each fault with its tries, folded away under their sums."""
    rows = faults.committed()
    kinds, tries = len({row["fault"] for row in rows}), sum(row["tries"] for row in rows)
    return folded(f"{kinds} faults, {tries:,} tries, {sum(row['lost'] for row in rows)} lost", faults.table(rows))


PARTS = {
    "badges": colab,
    "lessons": lesson_map,
    "yardstick": yardstick,
    "images": images,
    "speed": speed.section,
    "verified": trust,
    "faults": holds,
}


def written(text: str) -> str:
    """README's text with every generated part made anew, between `<!-- NAME -->` and `<!-- end -->`."""
    for name, make in PARTS.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not pattern.search(text):
            raise SystemExit(f"README.md has no part <!-- {name} --> … <!-- end -->; put it back.")
        text = pattern.sub(lambda found, make=make: f"{found[1]}{make()}\n{found[2]}", text)
    return text


def picture(slug: str, alt: str) -> Image.Image:
    """The figure of a notebook whose alt text begins with `alt`."""
    notebook = nbformat.read(NOTEBOOKS / f"{slug}.ipynb", as_version=4)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.get("metadata", {}).get("image/png", {}).get("alt", "").startswith(alt):
                return Image.open(io.BytesIO(base64.b64decode(output["data"]["image/png"]))).convert("RGB")
    raise SystemExit(f"{slug} shows no figure whose alt text begins with {alt!r}; change it in tools/readme.py.")


def in_a_column(pictures: list[Image.Image], width: int) -> Image.Image:
    """Pictures one below the other on white, all of one width."""
    scaled = [resized(image, width / image.width) for image in pictures]
    whole = Image.new("RGB", (width, sum(image.height for image in scaled)), "white")
    top = 0
    for image in scaled:
        whole.paste(image, (0, top))
        top += image.height
    return whole


def resized(image: Image.Image, factor: float) -> Image.Image:
    """The picture made larger or smaller."""
    return image.resize((round(image.width * factor), round(image.height * factor)), Image.LANCZOS)


def samples() -> Image.Image:
    """The four families measured, and below them emoji drawn from names."""
    return in_a_column([picture(slug, alt) for slug, alt in IN_A_COLUMN], WIDTH)


def strip() -> Image.Image:
    """Two pictures at the left, in the size they have in their lessons, and beside the middle of both a ranking."""
    left, right = left_of_strip(), ranking_picture()
    right = resized(right, RANKING * left.height / right.height)
    whole = Image.new("RGB", (left.width + GAP + right.width, left.height), "white")
    whole.paste(left, (0, 0))
    whole.paste(right, (left.width + GAP, (left.height - right.height) // 2))
    return whole


def left_of_strip() -> Image.Image:
    """Where a head looks, and below it what four families of models draw."""
    pictures = [picture(slug, alt) for slug, alt in AT_THE_LEFT]
    return in_a_column(pictures, pictures[0].width)


def chosen() -> list[leaderboard.Result]:
    """The results that the picture ranks. Raises SystemExit where one of them is not there."""
    known = {result.name: result for result in results()}
    if missing := set(AT_THE_RIGHT) - set(known):
        raise SystemExit(f"There is no result of {', '.join(sorted(missing))}; change AT_THE_RIGHT in tools/readme.py.")
    return [known[name] for name in AT_THE_RIGHT]


def ranking_picture() -> Image.Image:
    """The chosen results as lesson 01 draws its own, the best one marked."""
    figure, drawn = leaderboard.chart(chosen(), highlight=[leaderboard.ranked(chosen())[0].name]), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=SHARP, bbox_inches="tight")
    return Image.open(drawn).convert("RGB")


def ranks() -> str:
    """What the picture of the ranking shows, to be kept in the file beside it."""
    return json.dumps({result.name: result.bits_per_byte for result in leaderboard.ranked(chosen())})


def is_current(text: str) -> bool:
    """Whether README.md and its pictures are what would be written now."""
    return text == written(text) and is_strip(STRIP) and is_drawn(SAMPLES, samples())


def is_strip(path: Path) -> bool:
    """Whether a file holds the strip: its left to the pixel, and of the ranking, which a machine may draw a hair off,
    what it shows."""
    if not path.exists():
        return False
    stored, left = Image.open(path), left_of_strip()
    same = ImageChops.difference(stored.convert("RGB").crop((0, 0, *left.size)), left).getbbox() is None
    return same and stored.text.get("ranks") == ranks()


def save_strip(path: Path) -> None:
    """Write the strip, and with it what its ranking shows."""
    shown = PngInfo()
    shown.add_text("ranks", ranks())
    strip().save(path, optimize=True, pnginfo=shown)


def is_drawn(path: Path, image: Image.Image) -> bool:
    """Whether the file holds this picture."""
    if not path.exists():
        return False
    stored, fresh = Image.open(path).convert("RGB"), packed(image).convert("RGB")
    return stored.size == fresh.size and ImageChops.difference(stored, fresh).getbbox() is None


def packed(image: Image.Image) -> Image.Image:
    """The image with a palette, to keep the file small; an octree leaves the rare colours of marks as they are."""
    return image.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.readme", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where something is not current")
    text = README.read_text(encoding="utf-8")
    if parser.parse_args(arguments).check:
        return 0 if is_current(text) else 1
    README.write_text(written(text), encoding="utf-8")
    save_strip(STRIP)
    packed(samples()).save(SAMPLES, optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
