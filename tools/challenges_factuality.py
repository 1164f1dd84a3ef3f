"""Factuality: what a small chat model knows by heart, and what it answers once it may read; is it as sure as right?

`python -m tools.challenges factuality` measures it at full size, in about five minutes on one core.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from course_utils import tasks
from course_utils.calibration import calibration
from course_utils.engine import Engine
from course_utils.grounded import (
    CLOSED,
    GROUNDED,
    OR_SAY,
    GroundingConfig,
    Reader,
    by_meaning,
    is_right,
    recall_of,
    rejects,
    share,
)
from course_utils.seeding import generator
from course_utils.semantic_search import WordSearch, wiki_embeddings
from course_utils.text import load_wiki
from course_utils.text.facts import Fact, facts_in, passage, premise_question, sampled
from tools.challenges_figures import Measured, exact, figure, of_mean, of_share

ONE_PASSAGE = GroundingConfig(passages=1)
MAY_ABSTAIN = GroundingConfig(passages=1, closed=CLOSED + OR_SAY, grounded=GROUNDED + OR_SAY)
K = 5


@dataclass(frozen=True)
class Size:
    """How many questions: to answer, to search for, to choose from four options, and with a premise."""

    answers: int = 100
    searches: int = 160
    options: int = 100
    premises: int = 40


def measure(size: Size = Size()) -> Measured:
    """All figures of factuality."""
    reader, facts = reader_and_facts()
    return {
        **answers(reader, sampled(facts, size.answers)),
        **searches(reader, sampled(facts, size.searches)),
        **sureness(reader, sampled(facts, size.options)),
        **premises(reader, [fact for fact in facts if premise_question(fact, fact.answer)], size.premises),
    }


def reader_and_facts() -> tuple[Reader, tuple[Fact, ...]]:
    """A chat model that may look things up in the introductions, and the test questions."""
    engine = Engine("smollm2", precision="int8", context=768)
    texts = [passage(article) for article in load_wiki()]
    return Reader(engine, texts, by_meaning(tasks.embed, wiki_embeddings()), ONE_PASSAGE), facts_in("test")


def answers(reader: Reader, facts: Sequence[Fact]) -> Measured:
    """Right answers by heart, after the passage found, and after the right passage; and the differences, in pairs."""
    read = {
        "closed": [reader.answer(fact.question, ()) for fact in facts],
        "found": [reader.answer(fact.question) for fact in facts],
        "given": [reader.answer(fact.question, fact.articles[:1]) for fact in facts],
    }
    right = {
        how: [is_right(said.text, fact.accepted) for said, fact in zip(each, facts, strict=True)]
        for how, each in read.items()
    }
    gained = {
        how: of_mean([int(b) - int(a) for a, b in zip(right["closed"], right[how], strict=True)], "share")
        for how in ("found", "given")
    }
    return {
        "closed_book": of_share(share(right["closed"])),
        "found_passage": of_share(share(right["found"])),
        "right_passage": of_share(share(right["given"])),
        "gain_of_found_passage": gained["found"],
        "gain_of_right_passage": gained["given"],
    }


def searches(reader: Reader, facts: Sequence[Fact]) -> Measured:
    """Of how many questions a right passage is found, by meaning and by words."""
    by_words = Reader(reader.engine, reader.texts, WordSearch(reader.texts).scores, reader.config)
    right, figures = [fact.articles for fact in facts], {}
    for how, each in (("meaning", reader), ("words", by_words)):
        found = [each.find(fact.question, K) for fact in facts]
        figures[f"recall_at_1_by_{how}"] = of_share(recall_of(found, right, 1))
        figures[f"recall_at_{K}_by_{how}"] = of_share(recall_of(found, right, K))
    return figures


def sureness(reader: Reader, facts: Sequence[Fact]) -> Measured:
    """Of four options the likeliest, closed-book: how often right, and how far from that its probability is."""
    confidence, right = [], []
    for fact in facts:
        likely = reader.options(fact.question, [fact.answer, *fact.distractors], ())
        confidence.append(max(likely))
        right.append(likely[0] == max(likely))
    found = calibration(confidence, right, generator(1))
    return {
        "options_closed_book": of_share(share(right)),
        "calibration_error": figure(found.error, found.interval, found.count, "probability"),
        "calibration_error_by_chance": exact(found.by_chance, found.count, "probability"),
        "confidence_less_accuracy": of_mean([sure - hit for sure, hit in zip(confidence, right, strict=True)], "share"),
    }


def premises(reader: Reader, facts: Sequence[Fact], count: int) -> Measured:
    """How often a premise is rejected that is false, and how often one that is true, closed-book and with the passage.

    Only the difference says that the model tells them apart: who denies everything rejects both.
    """
    asking = Reader(reader.engine, reader.texts, reader.scores, MAY_ABSTAIN)
    figures, chosen = {}, sampled(facts, min(count, len(facts)))
    for how in ("closed_book", "right_passage"):
        rejected = {}
        for kind in ("false", "true"):
            rejected[kind] = [_rejected(asking, fact, kind, how == "closed_book") for fact in chosen]
            figures[f"{kind}_premise_rejected_{how}"] = of_share(share(rejected[kind]))
        difference = [int(a) - int(b) for a, b in zip(rejected["false"], rejected["true"], strict=True)]
        figures[f"premises_told_apart_{how}"] = of_mean(difference, "share")
    return figures


def _rejected(reader: Reader, fact: Fact, kind: str, closed: bool) -> bool:
    said = fact.answer if kind == "true" else fact.distractors[0]
    answer = reader.answer(premise_question(fact, said), () if closed else fact.articles[:1])
    # The truth in the answer is a rejection only where the premise said something else.
    return rejects(answer.text, fact.accepted if kind == "false" else ["no such word as this"])
