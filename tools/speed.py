"""What `make bench` measured last, as README.md shows it: every contest, its target, and how the work grows."""

import json
import textwrap

from course_utils.paths import RESULTS

HEADING = "| contest | ours | peer | times as fast | target | |"
WIDE = 130                                                         # letters of a line
REASONS = 2                                                        # parts of our time named for a missed target


def section() -> str:
    """The picture, the contests with a target, why some miss it, on what machine; the rest folded."""
    made = json.loads((RESULTS / "bench.json").read_text(encoding="utf-8"))
    parts = [part for part in made.values() if isinstance(part, dict)]
    contests = [contest for part in parts for contest in part.get("contests", ())]
    growths = [growth for part in parts for growth in part.get("growth", ())]
    held, free = ([one for one in contests if (one["target"] is None) == none] for none in (False, True))
    open_to_all = [picture(contests), "", table(held), "", *missed(held), notes(made), ""]
    others = folded("The contests without a target", "\n".join([table(free), *alike(made.get("writing"))]))
    grown = folded("How times grow: 1 is twice the time for twice the size", slopes(growths))
    return "\n".join([*open_to_all, others, grown, folded(*measured_on(made))])


def picture(contests: list[dict]) -> str:
    """The link to the picture, and for whoever cannot see it what it shows."""
    targets = [contest for contest in contests if contest["target"] is not None]
    met = sum(_met(contest) for contest in targets)
    first, last = (f(contests, key=lambda one: one["faster"]["median"]) for f in (min, max))
    alt = (
        f"Dots with intervals for {len(contests)} contests on a logarithmic scale of ours ÷ peer, from "
        f"{_named(first)} to {_named(last)}; {met} of {len(targets)} targets are met. "
        "Below them the exponents with which times grow."
    )
    return f"![{alt}](data/results/bench.png)"


def _named(contest: dict) -> str:
    return f"{_rate(contest['faster'])} ({contest['task']}, beside {contest['peer']})"


def table(contests: list[dict]) -> str:
    """Every contest: what each does in a second, the ratio of paired runs with the lowest and highest, the target."""
    lines = [HEADING, "|" + "---|" * HEADING.count(" |")]
    for one in contests:
        rates = f"{one['ours']}: {_rate(one['rate'])} {one['unit']}", f"{one['peer']}: {_rate(one['peer_rate'])}"
        target = "–" if one["target"] is None else f"≥ {one['target']:g}"
        lines.append(f"| {one['task']} | {' | '.join(rates)} | {_spread(one['faster'])} | {target} | {verdict(one)} |")
    return "\n".join(lines)


def verdict(contest: dict) -> str:
    """Whether the middle of the rounds meets the target, and whether every round says the same."""
    if contest["target"] is None:
        return ""
    straddles = contest["faster"]["low"] < contest["target"] <= contest["faster"]["high"]
    return ("met" if _met(contest) else "**missed**") + (" (not in every round)" if straddles else "")


def alike(writing: dict | None) -> list[str]:
    """In which precisions ours wrote what `transformers` writes in the same one, and in which it did not."""
    same = writing["known"]["same_tokens"] if writing else {}
    precisions = {kept: " and ".join(name for name in same if same[name] == kept) for kept in (True, False)}
    told = [f"{('other', 'the same')[kept]} tokens in {names}" for kept, names in precisions.items() if names]
    return ["", f"Beside transformers in the same precision, ours writes {' and '.join(told)}."] if told else []


def missed(contests: list[dict]) -> list[str]:
    """One line with a sentence for each task that misses a target: where our time goes."""
    tasks: dict[str, list[dict]] = {}
    for one in contests:
        if one["target"] is not None and not _met(one) and one["spent"]:
            tasks.setdefault(one["task"], []).append(one)
    lines = []
    for task, ones in tasks.items():
        parts = sorted(ones[0]["spent"].items(), key=lambda item: -item[1])[:REASONS]
        spent = " and ".join(f"{share:.0%} on {part}" for part, share in parts)
        peers = ", ".join(one["peer"] for one in ones)
        lines.append(f"Missed: {task}, beside {peers}. By its profile, ours spends {spent}.")
    return [" ".join(lines), ""] if lines else []


def notes(made: dict) -> str:
    """What fewer bits cost, how long the lessons take, and on what machine all was measured."""
    lessons = json.loads((RESULTS / "lessons.json").read_text(encoding="utf-8"))
    minutes = sum(lesson["seconds"] for lesson in lessons.values()) / 60
    quality = made["quality"]
    bits = [f"{value:.4f} in {precision}{_dearer(value, quality)}" for precision, value in quality.items()]
    sentences = [
        f"Bits per byte of SmolLM2 on {_much(made['quality_bytes'])} the test addresses: {', '.join(bits)}.",
        f"All {len(lessons)} lessons together run in {minutes:.0f} minutes.",
        *_memory(made.get("writing")),
        *_fastest_peer(made.get("writing")),
        f"{made['machine']}, {made['threads']} threads, {made['rounds']} rounds.",
    ]
    return textwrap.fill(" ".join(sentences), WIDE, break_on_hyphens=False)


def _dearer(bits: float, quality: dict[str, float]) -> str:
    """By how much of float32's bits a precision takes more, where that can be seen."""
    more = bits / quality["float32"] - 1
    return f" ({more:+.2%})" if abs(more) > 5e-4 else ""


def measured_on(made: dict) -> tuple[str, str]:
    """A title and its text: the processor, where the record names one, and the version of every peer that was there."""
    named = ", ".join(f"{name} {version}" for name, version in made["versions"].items() if version) + "."
    title = "The versions measured"
    if processor := made.get("processor"):                         # records of before did not say
        title, named = "The processor and the versions measured", f"{processor}. {named}"
    return title, textwrap.fill(named, WIDE, break_on_hyphens=False)


def _memory(writing: dict | None) -> list[str]:
    """How near the fastest of ours comes to what memory delivers, of which writing one text needs every weight."""
    if writing is None:
        return []
    known = writing["known"]
    rate = next(one["rate"] for one in writing["contests"] if one["ours"] == known["fastest"])["median"]
    share = rate * known["bytes_per_token"][known["fastest"]] / known["bandwidth"]
    return [f"Memory is read at {known['bandwidth'] / 1e9:.0f} GB/s, of which {known['fastest']} takes {share:.0%}."]


def _fastest_peer(writing: dict | None) -> list[str]:
    """The same, beside the precision in which transformers writes fastest, where the target names another."""
    if writing is None:
        return []
    pair = writing["known"]["fastest"], writing["known"]["peers_fastest"]
    found = [one for one in writing["contests"] if (one["ours"], one["peer"]) == pair and one["target"] is None]
    rates = [_rate(one["faster"]) for one in found]
    return [f"Beside {pair[1]}, which was faster, {pair[0]} is {rate} times as fast." for rate in rates]


def folded(title: str, lines: str) -> str:
    """What a reader opens who wants to know."""
    return "\n".join(["<details>", f"<summary><b>{title}</b></summary>", "", lines, "", "</details>"])


def slopes(growths: list[dict]) -> str:
    """How each time grows with a size."""
    lines = ["| task | size | from … to | ours or theirs | exponent |", "|---|---|---|---|---|"]
    for one in growths:
        sizes = f"{one['sizes'][0]:,} … {one['sizes'][-1]:,}"
        lines.append(f"| {one['task']} | {one['size']} | {sizes} | {one['who']} | {one['slope']:.2f} |")
    return "\n".join(lines)


def _met(contest: dict) -> bool:
    return contest["faster"]["median"] >= contest["target"]


def _much(n_bytes: int | None) -> str:
    return "all of" if n_bytes is None else f"the first {n_bytes:,} bytes of"


def _spread(spread: dict[str, float]) -> str:
    return f"{_rate(spread['median'])} ({_rate(spread['low'])}–{_rate(spread['high'])})"


def _rate(spread: dict[str, float] | float) -> str:
    """Three digits, whole where there are that many."""
    value = spread["median"] if isinstance(spread, dict) else spread
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
