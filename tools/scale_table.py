"""Write the generated tables of scale/README.md: `python -m tools.scale_table`; `--check` only compares."""

import argparse
import json
import sys
import textwrap

from benchmarks.place import MIDDLE, SIZES, STEPS, TRIAL
from course_utils.cluster_costs import CLUSTER, H100, SHAPES, Shape, step
from course_utils.errors import CourseError
from course_utils.paths import REPOSITORY, RESULTS
from course_utils.recipes import RECIPES
from tools import gpu_lessons

PAGE, WIDE = REPOSITORY / "scale" / "README.md", 120                # letters of a line
GPUS = 1, 8, 64, 256, 1024
GPU_RECORD, RECORD = RESULTS / "gpu.json", RESULTS / "bench.json"
SHARE = f"share of {H100.flops_per_second / 1e12:.0f} TFLOP/s"
BARE = """\
A bare training step: forward, backward, clipping and AdamW in bfloat16 under autocast, on one batch that lies on the
GPU. *Told that it is causal*: the benchmark gives our model an attention of its own, `Operations(attention=…)`, which
asks torch's kernel for the causal mask in place of handing it one, so that it may take FlashAttention. It is no option
of `fit`."""
COMPILED = "ours, compiled", "ours, told that it is causal, compiled", "transformers, compiled"
COLUMNS = (
    "model", "GPUs", "state", "activations", "all, of 80 GB", "sent a step", "computing", "sending", "MFU", "whole run",
)  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.scale_table", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 where the page is out of date")
    options = parser.parse_args(arguments)
    before = PAGE.read_text(encoding="utf-8")
    after = filled(before)
    if options.check and after != before:
        print(f"{PAGE.name} is out of date; run python -m tools.scale_table", file=sys.stderr)
        return 1
    if not options.check:
        PAGE.write_text(after, encoding="utf-8")
    return 0


def filled(page: str) -> str:
    """The page with every generated part as it is today."""
    for name, make in PARTS.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, found, rest = page.partition(begin)
        _, ended, after = rest.partition(end)
        if not (found and ended):
            raise SystemExit(f"scale/README.md: expected {begin.strip()} and {end}, and one is missing; put it back.")
        page = f"{before}{begin}{make()}\n{end}{after}"
    return page


def recipes() -> str:
    """Which recipes several processes can share, and why not the others."""
    names: dict[str, list[str]] = {}
    for recipe in RECIPES.values():
        names.setdefault(recipe.alone and f"no: {recipe.alone}", []).append(f"`{recipe.name}`")
    return table(("shared?", "recipes"), [[why or "yes", ", ".join(named)] for why, named in sorted(names.items())])


def processes() -> str:
    """How much faster two processes were than one, from the record of the benchmark."""
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    faster = [
        f"{times['median']:.3g} times ({times['low']:.3g}–{times['high']:.3g}) as fast as {peer.replace(',', ' with')}"
        for peer, times in ((one["peer"], one["faster"]) for one in record["scale"]["contests"])
    ]
    return textwrap.fill(
        f"On {record['machine']}, two processes with a thread each, talking by gloo, were {' and '.join(faster)}; in "
        "brackets the lowest and highest round.",
        WIDE,
    )


def paper() -> str:
    """Each model on each number of GPUs, or why it cannot be."""
    return table(COLUMNS, [row(shape, gpus) for shape in SHAPES for gpus in GPUS])


def row(shape: Shape, gpus: int) -> list[str]:
    """One line of the table on paper."""
    try:
        one = step(shape, gpus)
    except CourseError as error:
        reason = "too few texts a step" if "share out" in str(error) else f"does not fit: {str(error).split(' on ')[0]}"
        return [shape.name, f"{gpus:,}", reason, *[""] * (len(COLUMNS) - 3)]
    gigabytes = [f"{number / 1e9:.3g} GB" for number in (one.state, one.activations, one.memory, one.sent)]
    times = [duration(one.computing), duration(one.sending), f"{one.utilisation:.0%}", duration(one.days * 24 * 3600)]
    return [shape.name, f"{gpus:,}", *gigabytes, *times]


def reached() -> str:
    """What `fit` comes to of the share that the table on paper takes for granted."""
    if not GPU_RECORD.exists():
        return "What share ours reaches has not been measured."
    own = json.loads(GPU_RECORD.read_text(encoding="utf-8"))["fit's own speed"]["bfloat16, recomputed"]
    shape, rate = SHAPES[0], own["tokens_per_second"]
    return textwrap.fill(
        f"Ours does not reach that share. On the H100 above `fit` with blocks computed twice has an MFU of "
        f"{100 * own['share_of_peak']:.0f} % at {shape.name} parameters, {rate:,.0f} tokens/s, by which the first row "
        f"would take {duration(shape.tokens / rate)} in place of {duration(step(shape, 1).days * 24 * 3600)}.",
        WIDE,
    )


def duration(seconds: float) -> str:
    """A time in the largest unit of which there are two; seconds from 1 on."""
    for unit, long in (("days", 86_400), ("hours", 3600), ("minutes", 60), ("s", 0.5)):
        if seconds >= 2 * long:
            return f"{seconds / max(long, 1):.3g} {unit}"
    return f"{seconds * 1e3:.3g} ms"


def constants() -> str:
    """What the table takes for granted."""
    rows = [[name, f"{each.value:g} {each.unit}", f"{each.source} ({each.year})"] for name, each in CLUSTER.items()]
    rows += [[f"sizes of {shape.name}", f"{shape.sequences:,} texts a step", shape.source] for shape in SHAPES]
    return table(("what", "value", "source"), rows)


def measured() -> str:
    """What a GPU showed, from its record; a sentence where there is none. Raises SystemExit for one with an error."""
    if not GPU_RECORD.exists():
        return "No GPU has been measured."
    record = json.loads(GPU_RECORD.read_text(encoding="utf-8"))
    if failed := [part for part, found in record.items() if "error" in found]:
        raise SystemExit(f"{GPU_RECORD.name}: {failed[0]} has an error for figures; python -m benchmarks gpu, again.")
    machine = f"one {record['machine']['gpu']}, torch {record['machine']['torch']}"
    head = f"`python -m benchmarks gpu` measures what a GPU shows. On {machine}:"
    lessons = textwrap.fill(gpu_lessons.sentence(json.loads(gpu_lessons.RECORD.read_text(encoding="utf-8"))), WIDE)
    return "\n\n".join([head, bare_steps(record), own_speed(record["fit's own speed"]), on_gpu(record), lessons])


def bare_steps(record: dict) -> str:
    """The race of training steps, and what is in a step."""
    rows = []
    for name, size in (SIZES | TRIAL).items():
        found, read = record.get(f"speed {name}", {}), f"{size.batch} × {size.config.context:,}"
        for who, one in found.items():
            if isinstance(one, dict):
                rate = f"{one['tokens_per_second']:,.0f} ({one['low']:,.0f} … {one['high']:,.0f})"
                rows.append([name, read, who, rate, f"{one['share_of_peak']:.0%}"])
    columns = "parameters", "texts × tokens", "model", "tokens/s (lowest … highest round)", SHARE
    return f"{BARE}\n\n{table(columns, rows)}"


def own_speed(runs: dict) -> str:
    """`fit` as a reader calls it."""
    size = SIZES[MIDDLE]
    batch = f"{size.batch} × {size.config.context:,}"
    rows = [
        [f"`fit`, {name}", f"{one['tokens_per_second']:,.0f}", f"{one['share_of_peak']:.0%}",
         f"{one['peak_bytes'] / 1e9:.1f} GB"]
        for name, one in runs.items() if isinstance(one, dict)
    ]  # fmt: skip
    head = (
        f"`fit` itself, on the model of {MIDDLE} parameters, each batch of {batch} tokens drawn anew.\n"
        "*Recomputed* is with `checkpoint_activations=True`."
    )
    return f"{head}\n\n{table(('run', 'tokens/s (median step)', SHARE, 'most memory'), rows)}"


def on_gpu(record: dict) -> str:
    """What `fit` came to on the GPU, beside the CPU and beside itself."""
    fit, again, blocks, shards = record["fit"], record["resume"], record["recompute"], record["fsdp"]
    same = all(run["losses_equal"] and run["weights_apart"] == 0 for run in again.values() if isinstance(run, dict))
    kept, twice = (blocks[f"recomputed {wanted}"]["peak_bytes"] / 1e9 for wanted in (False, True))
    compiled = record["compiled"]
    rates = [compiled[name]["tokens_per_second"] / compiled["ours"]["tokens_per_second"] for name in COMPILED]
    return "\n".join([
        f"- `fit` in float32 differs from the CPU by {fit['float32_losses_apart_from_cpu']:.0e} nats at most in "
        f"{STEPS} steps; in bfloat16 from float32 by {fit['bfloat16_losses_apart_from_float32']:.0e}.",
        f"- A run that was stopped and gone on with ends bit for bit where the whole one ends: {same}.",
        f"- Blocks computed twice need {twice:.1f} GB in place of {kept:.1f}. The losses differ by "
        f"{blocks['losses_apart']:.0e}: the GPU's attention adds up in no fixed order on the way back.",
        f"- FSDP with one process differs from none by {shards['losses_apart']:.0e}.",
        f"- At 124 M parameters `torch.compile` makes our step {rates[0]:.2f} times as fast, and {rates[1]:.2f} times "
        f"where attention is told that it is causal; transformers', compiled, comes to {rates[2]:.2f} times.",
    ])  # fmt: skip


def table(columns: tuple[str, ...], rows: list[list[str]]) -> str:
    """Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (columns, ["---"] * len(columns), *rows))


PARTS = {
    "recipes": recipes, "processes": processes, "gpu": measured, "paper": paper, "reached": reached,
    "constants": constants,
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(main())
