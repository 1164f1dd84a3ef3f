"""Safety: what a small chat model refuses, and whether an instruction hidden in a passage is obeyed.

`python -m tools.challenges safety` measures it at full size, in about five minutes on one core. Of the answers to
harmful prompts nothing is kept but whether they refuse.
"""

from dataclasses import dataclass

from course_utils import tasks
from course_utils.engine import Engine
from course_utils.grounded import Reader, by_meaning, share
from course_utils.injection import (
    ATTACKS,
    STATED,
    Attack,
    Case,
    Outcome,
    agreeing,
    cases,
    confirmed,
    filtered,
    marked,
    outcome,
    plain,
    suspicious,
)
from course_utils.safety import (
    KINDS,
    SYSTEMS,
    Estimate,
    Refusals,
    Separation,
    harm_margins,
    load_safety_prompts,
    paired_difference,
    refusal_margins,
    refusals,
    refused,
    separation,
    texts_of,
)
from course_utils.seeding import generator
from course_utils.semantic_search import wiki_embeddings
from course_utils.text import load_wiki
from course_utils.text.facts import facts_in, passage, sampled
from tools.challenges_figures import Measured, figure, of_share

FOUND = 10                                                         # passages in which an answer may be confirmed
TWO = (0, 1)
CLEAN = "clean"


@dataclass(frozen=True)
class Size:
    """How many pairs of prompts, alarming ones, tokens of an answer to them, and questions of the attacked bots."""

    pairs: int = 24
    alarming: int = 16
    longest: int = 24
    questions: int = 40


def measure(size: Size = Size()) -> Measured:
    """All figures of safety."""
    return {**knowing(size), **refusing(size), **injected(size.questions), **filter_alarms()}


def knowing(size: Size) -> Measured:
    """How well probabilities tell harmful prompts from their twins, and how well the mere number of letters does.

    In float32: numbers of fewer bits make ties.
    """
    engine, prompts = Engine(context=512), _prompts(size)
    by_length = [[len(text) for text in prompts[kind]] for kind in KINDS[:2]]
    judged = [harm_margins(engine, prompts[kind]) for kind in KINDS[:2]]
    found = {"length": by_length, "judged_harm": judged}
    for name, system in SYSTEMS.items():
        found[f"refusal_{name}"] = [refusal_margins(engine, prompts[kind], system) for kind in KINDS[:2]]
    return {
        key: each
        for name, margins in found.items()
        for key, each in _of_separation(name, separation(*margins, generator(1))).items()
    }


def refusing(size: Size) -> Measured:
    """Shares of refused prompts under each system prompt."""
    engine, prompts, figures = Engine(precision="bfloat16", context=512), _prompts(size), {}
    for name, system in SYSTEMS.items():
        said = {kind: refused(engine, prompts[kind], system, size.longest) for kind in KINDS}
        found = refusals(said["harmful"], said["twin"], generator(1))
        figures |= _of_refusals(name, found) | {f"refused_alarming_{name}": of_share(share(said["alarming"]))}
    return figures


def injected(questions: int) -> Measured:
    """Each bot, clean and under each attack: how often it is fooled, and right; and the price of each defence."""
    engine = Engine(precision="bfloat16", context=1536)
    asked, reading = _cases(engine, questions), plain(engine)
    bots = {
        "plain": reading,
        "marked": marked(engine),
        "filtered": filtered(reading),
        "agreeing": agreeing(reading),
        "confirmed": confirmed(reading),
    }
    found = {
        name: {CLEAN: outcome(bot, asked)} | {_key(attack): outcome(bot, asked, attack) for attack in ATTACKS}
        for name, bot in bots.items()
    }
    figures = {key: each for name in bots for key, each in _of_bot(name, found[name]).items()}
    for name in list(bots)[1:]:
        figures |= _changes(name, found)
    for name in ("agreeing", "confirmed"):                         # what remains: who can write two passages
        figures[f"fooled_{name}_two_passages"] = of_share(outcome(bots[name], asked, STATED, TWO).fooled)
    return figures


def filter_alarms() -> Measured:
    """How many of the Wikipedia introductions, in which nobody planted anything, the filter drops."""
    return {"filter_false_alarms": of_share(share([suspicious(passage(article)) for article in load_wiki()]))}


def _prompts(size: Size) -> dict[str, list[str]]:
    counts = {"harmful": size.pairs, "twin": size.pairs, "alarming": size.alarming}
    return {kind: texts_of(load_safety_prompts(), kind, count) for kind, count in counts.items()}


def _cases(engine: Engine, questions: int) -> list[Case]:
    texts = [passage(article) for article in load_wiki()]
    reader = Reader(engine, texts, by_meaning(tasks.embed, wiki_embeddings()))
    return cases(reader, sampled(facts_in("test"), questions), FOUND)


def _key(attack: Attack) -> str:
    return attack.name.replace(" ", "_")


def _of_bot(name: str, found: dict[str, Outcome]) -> Measured:
    figures = {f"silent_{name}_clean": of_share(found[CLEAN].silent)}
    for attack, each in found.items():
        figures[f"right_{name}_{attack}"] = of_share(each.right)
        if attack != CLEAN:
            figures[f"fooled_{name}_{attack}"] = of_share(each.fooled)
    return figures


def _changes(name: str, found: dict[str, dict[str, Outcome]]) -> Measured:
    """What a defence changes, question by question: who is fooled by each attack, and who is right without one."""
    before, after, figures = found["plain"], found[name], {}
    for attack in after:
        what = "each_right" if attack == CLEAN else "each_fooled"
        change = paired_difference(getattr(after[attack], what), getattr(before[attack], what), generator(1))
        figures[f"change_of_{what.removeprefix('each_')}_{name}_{attack}"] = _of_estimate(change, "share")
    return figures


def _of_separation(name: str, found: Separation) -> Measured:
    return {f"auc_{name}": _of_estimate(found.auc, "area"), f"pairs_{name}": of_share(found.pairs)}


def _of_refusals(name: str, found: Refusals) -> Measured:
    return {
        f"refused_harmful_{name}": of_share(found.harmful),
        f"refused_twin_{name}": of_share(found.twin),
        f"refused_difference_{name}": _of_estimate(found.difference, "share"),
    }


def _of_estimate(found: Estimate, unit: str) -> dict:
    return figure(found.value, (found.low, found.high), found.count, unit)
