"""Bias: pronouns after occupations beside labour shares, and associations of words before and since 1902.

`python -m tools.challenges bias` measures it at full size, in about two minutes on one core.
"""

from dataclasses import dataclass

from course_utils.bias import Weat, WordSets, weat, weat_change
from course_utils.engine import Engine
from course_utils.models.embeddings import WordVectors, cooccurrence, frequent_words, positive_pmi, truncated_svd
from course_utils.models.fast_reading import FastReader
from course_utils.pronouns import TEMPLATES, load_labour_shares, pronoun_odds, rank_correlation
from course_utils.recipes import load
from course_utils.seeding import generator
from course_utils.text import load_sotu_bpe
from course_utils.text.corpora import load_addresses
from tools.challenges_figures import Figure, Measured, figure, of_mean

HALVES = 1902  # the words before it are as many as those since


def word_sets(*four: str) -> WordSets:
    """Two sets of targets and two of attributes, each as a line of words."""
    first, second, kind, other = (line.split() for line in four)
    return WordSets((first, second), (kind, other))


WAR = word_sets(
    "peace harmony friendship agreement cordial treaty",
    "war enemy attack hostile battle army",
    "good happy prosperity honor hope success",
    "bad evil danger suffering fear loss",
)
HOME = word_sets(
    "work labor business trade office industry",
    "home family children house families domestic",
    "men man he his",
    "women mother she her",  # before 1902 "she" is often a country
)


@dataclass(frozen=True)
class Size:
    """How much is measured: every so many-th occupation, the first templates, words and dimensions of the vectors."""

    every: int = 1
    templates: int = len(TEMPLATES)
    words: int = 5_000
    width: int = 100


def measure(size: Size = Size()) -> Measured:
    """All figures of bias."""
    return {**pronouns(size), **associations(size)}


# --- pronouns --------------------------------------------------------------------------------------


def pronouns(size: Size = Size()) -> Measured:
    """How the odds of "she" go with the share of women, for a model of the web and for one of the addresses."""
    engine = Engine("smollm2", precision="int8", context=256)
    readers = {
        "smollm2": (FastReader(engine.model), engine.tokenizer),
        "gpt_sotu_bpe": (load("gpt_sotu_bpe"), load_sotu_bpe()),
    }
    return {name: value for kind, each in readers.items() for name, value in of_model(kind, *each, size).items()}


def of_model(kind: str, model, vocabulary, size: Size) -> Measured:
    """Spearman's rho over the occupations, and by how many nats the two halves of them differ."""
    chosen = load_labour_shares()[:: size.every]
    odds = pronoun_odds(model, vocabulary, [each.occupation for each in chosen], templates=TEMPLATES[: size.templates])
    percent = [each.percent_women for each in chosen]
    found = rank_correlation(odds.centred, percent, generator(1))
    rho = figure(found.rho, (found.low, found.high), len(chosen), "Spearman's rho")
    return {f"pronouns_{kind}": rho, f"pronoun_shift_{kind}": of_mean(odds.centred, "nats")}


# --- words -----------------------------------------------------------------------------------------


def vectors(text: str, size: Size) -> WordVectors:
    """Positive PMI of the commonest words and its largest directions, as in lesson 05."""
    words, ids = frequent_words(text, size.words)
    counts = cooccurrence(ids, len(words), window=5)
    return WordVectors(words, truncated_svd(positive_pmi(counts, power=0.75), size.width, generator(1)))


def halves(size: Size) -> tuple[WordVectors, WordVectors]:
    """The vectors of the addresses before 1902 and of those since."""
    parts = ([], [])
    for address in load_addresses():
        parts[address.year >= HALVES].append(address.text)
    before, since = ("".join(part) for part in parts)
    return vectors(before, size), vectors(since, size)


def associations(size: Size = Size()) -> Measured:
    """Effect sizes in both halves, and how they changed; the words are few and the intervals wide."""
    found, (before, since) = {}, halves(size)
    for name, sets in (("peace_war", WAR), ("work_home", HOME)):
        found[f"weat_{name}_before"] = of_weat(weat(before, sets, generator(1)), sets)
        found[f"weat_{name}_since"] = of_weat(weat(since, sets, generator(1)), sets)
        change, low, high = weat_change(before, since, sets, generator(1))
        found[f"weat_{name}_change"] = figure(change, (low, high), count(sets), "Cohen's d")
    return found


def of_weat(found: Weat, sets: WordSets) -> Figure:
    """The effect size; the bootstrap draws words, so it may miss a value that needs all of them."""
    return figure(found.effect_size, (found.low, found.high), count(sets), "Cohen's d")


def count(sets: WordSets) -> int:
    """How many target words are compared."""
    return sum(map(len, sets.targets))
