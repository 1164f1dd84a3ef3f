"""Write the generated parts of README.md: lessons, both yardsticks, speed, the pictures. `make readme`.

Everything in them comes from committed results: `data/results/*.json` and the outputs of the notebooks. `--check`
writes nothing and exits 1 where README.md or a picture is not current.
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

from course_utils import leaderboard
from course_utils.image_yardstick import mean_and_spread
from course_utils.lessons import LESSONS
from course_utils.paths import NOTEBOOKS, REPOSITORY, RESULTS

README = REPOSITORY / "README.md"
STRIP, SAMPLES = RESULTS / "strip.png", RESULTS / "samples.png"
HEIGHT, WIDTH = 330, 1_000                                         # pixels of a picture in a row, and in a column
# What the pictures show: a notebook and the beginning of the alt text of one of its figures.
IN_A_ROW = (("00_start_here", "Bar chart of attention"), ("01_ngrams", "Bits per byte against order"))
IN_A_COLUMN = (("14_comparison", "Real images and those of four families"), ("13_diffusion", "Eight held-out names"))
MEASURES = {"frechet": 2, "kernel": 3, "precision": 2, "recall": 2, "coverage": 2}       # decimals


def lesson_map() -> str:
    """The table of lessons: those that stand with their link and measured cost, the others by title."""
    costs = json.loads((RESULTS / "lessons.json").read_text(encoding="utf-8"))
    rows = ["| | lesson | you will | runs in |", "|---|---|---|---|"]
    for lesson in LESSONS:
        cost = costs.get(lesson.slug)
        title = f"[{lesson.title}](notebooks/{lesson.slug}.ipynb)" if cost else lesson.title
        runs = f"{cost['seconds']} s, {cost['peak_gb']:.1f} GB" if cost else "to come"
        promise = lesson.promise[0].lower() + lesson.promise[1:].rstrip(".")
        rows.append(f"| {lesson.label} | {title} | {promise} | {runs} |")
    return "\n".join(rows)


def yardstick() -> str:
    """The leaderboard of all lessons that stand, best first."""
    files = sorted(RESULTS.glob("leaderboard_*.json"))
    rows = [row for file in files for row in json.loads(file.read_text(encoding="utf-8"))]
    return ranking([leaderboard.Result(**row) for row in rows])


def ranking(results: list[leaderboard.Result]) -> str:
    """Results as a Markdown table; size and training once a result states the tokens that it was trained on."""
    trained = any(result.training_tokens for result in results)
    columns = ["bits_per_byte", *(["parameters", "training_tokens"] if trained else [])]
    rows = [["model", "lesson", *(leaderboard.COLUMNS[column].heading for column in columns)]]
    for result in leaderboard.ranked(results):
        rows.append([result.name, result.lesson, *(leaderboard.cell(result, column) for column in columns)])
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def speed() -> str:
    """What `make bench` measured last: writing beside transformers, a training step beside transformers' GPT-2."""
    bench = json.loads((RESULTS / "bench.json").read_text(encoding="utf-8"))
    heading = "| | tokens/s | × theirs in float32 | × theirs in bfloat16 | of memory bandwidth |"
    lines = [heading, "|---|---|---|---|---|"]
    for row in bench["writing"]["rows"]:
        against = " | ".join(_spread(spread, 2) for spread in row["against"].values())
        rate = _spread(row["tokens_per_second"], 1)
        lines.append(f"| {row['name']} | {rate} | {against} | {row['share_of_bandwidth']:.0%} |")
    training, quality, versions = bench["training"], bench["quality"], bench["versions"]
    steps = [f"{_spread(row['faster'], 2)} times as fast in {row['precision']}" for row in training["rows"]]
    bits = [f"{value:.4f} in {precision}" for precision, value in quality.items()]
    return "\n".join(
        [
            *lines,
            "",
            f"A training step of our GPT ({training['parameters']:,} parameters), beside `transformers`' GPT-2 of the",
            f"same sizes: {'; '.join(steps)}.",
            f"Bits per byte of SmolLM2 on {_much(bench['quality_bytes'])} the test addresses: {', '.join(bits)}",
            f"({100 * (quality['int8'] / quality['float32'] - 1):+.2f} %).",
            f"Machine: {bench['machine']}, {bench['threads']} threads, {bench['rounds']} rounds;",
            f"torch {versions['torch']}, transformers {versions['transformers']};",
            f"memory is read at {bench['writing']['bandwidth'] / 1e9:.0f} GB/s.",
        ]
    )


def _much(n_bytes: int | None) -> str:
    return "all of" if n_bytes is None else f"the first {n_bytes:,} bytes of"


def _spread(spread: dict[str, float], digits: int) -> str:
    return f"{spread['median']:.{digits}f} ({spread['low']:.{digits}f}–{spread['high']:.{digits}f})"


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


PARTS = {"lessons": lesson_map, "yardstick": yardstick, "images": images, "speed": speed}


def written(text: str) -> str:
    """README's text with every generated part made anew, between `<!-- NAME -->` and `<!-- end -->`."""
    for name, make in PARTS.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
        if not pattern.search(text):
            raise SystemExit(f"README.md has no part <!-- {name} --> … <!-- end -->; put it back.")
        text = pattern.sub(lambda found, make=make: found[1] + make() + found[2], text)
    return text


def picture(slug: str, alt: str) -> Image.Image:
    """The figure of a notebook whose alt text begins with `alt`."""
    notebook = nbformat.read(NOTEBOOKS / f"{slug}.ipynb", as_version=4)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.get("metadata", {}).get("image/png", {}).get("alt", "").startswith(alt):
                return Image.open(io.BytesIO(base64.b64decode(output["data"]["image/png"]))).convert("RGB")
    raise SystemExit(f"{slug} shows no figure whose alt text begins with {alt!r}; change it in tools/readme.py.")


def samples() -> Image.Image:
    """The sheets of samples one below the other on white, all of one width."""
    pictures = [picture(slug, alt) for slug, alt in IN_A_COLUMN]
    scaled = [image.resize((WIDTH, round(image.height * WIDTH / image.width)), Image.LANCZOS) for image in pictures]
    whole = Image.new("RGB", (WIDTH, sum(image.height for image in scaled)), "white")
    top = 0
    for image in scaled:
        whole.paste(image, (0, top))
        top += image.height
    return whole


def strip() -> Image.Image:
    """The pictures side by side on white, all of one height."""
    pictures = [picture(slug, alt) for slug, alt in IN_A_ROW]
    scaled = [image.resize((round(image.width * HEIGHT / image.height), HEIGHT), Image.LANCZOS) for image in pictures]
    whole = Image.new("RGB", (sum(image.width for image in scaled), HEIGHT), "white")
    left = 0
    for image in scaled:
        whole.paste(image, (left, 0))
        left += image.width
    return whole


def is_current(text: str) -> bool:
    """Whether README.md and its pictures are what would be written now."""
    return text == written(text) and is_drawn(STRIP, strip()) and is_drawn(SAMPLES, samples())


def is_drawn(path: Path, image: Image.Image) -> bool:
    """Whether the file holds this picture."""
    if not path.exists():
        return False
    stored, fresh = Image.open(path).convert("RGB"), packed(image).convert("RGB")
    return stored.size == fresh.size and ImageChops.difference(stored, fresh).getbbox() is None


def packed(image: Image.Image) -> Image.Image:
    """The image with a palette, to keep the file small."""
    return image.quantize(128, dither=Image.Dither.NONE)


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.readme", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where something is not current")
    text = README.read_text(encoding="utf-8")
    if parser.parse_args(arguments).check:
        return 0 if is_current(text) else 1
    README.write_text(written(text), encoding="utf-8")
    for path, image in ((STRIP, strip()), (SAMPLES, samples())):
        packed(image).save(path, optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
