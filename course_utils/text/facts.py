"""Closed-book questions with one right answer each, found in the Wikipedia introductions by a few strict patterns.

    In which year was Max Born born?   1882      What is the capital of Ghana?         Accra
    Who wrote Jane Eyre?  Charlotte Brontë       What is the chemical symbol of Gold?  Au

A pattern that is strict misses many facts and states few wrong ones: what it found is what the article says, word for
word. That the article is right is Wikipedia's word, of 2026.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

from course_utils.errors import CourseError
from course_utils.text.corpora import load_wiki
from course_utils.text.splits import part_by_hash

PARTS = ("train", "validation", "test")
VALIDATION, TEST = 20, 60                                          # hundredths; nothing much is trained on questions
DISTRACTORS, NEAR = 3, 20
WORD = re.compile(r"\w+")
SENTENCE_END = re.compile(r"(?<=[a-z0-9)])\. (?=[A-Z])")           # not after a capital: "F. Scott Fitzgerald"
IN_BRACKETS = re.compile(r" \([^)]*\)$")                           # "Dune (novel)"
NO_PERSON = re.compile(r"\b(band|group|duo|brothers|family|dynasty|troupe)\b")
# As an answer they could not be told from a word of the sentence around them.
ENGLISH_WORDS = frozenset({"Am", "As", "At", "Be", "He", "I", "In", "No"})

PLACE = r"[A-Z][\w'-]*(?:[ -](?:of|and|the|da|de|la|do|[A-Z][\w'-]*))*[ -][A-Z][\w'-]*|[A-Z][\w'-]*"
# A given name or initial, then more of them, with the small words of names between.
PERSON = r"[A-Z](?:\.|[\w'-]+)(?: (?:(?:de|van|von|da|García) )?[A-Z](?:\.|[\w'-]+))*"
ROLES = (
    "author|writer|novelist|poet|playwright|philosopher|economist|artist|painter|composer|singer|aviator|scholar|"
    "historian|diplomat|filmmaker|director"
)
BY = rf"by (?:(?:the )?(?:[\w–-]+ ){{0,5}}?(?:{ROLES}) )?(?P<answer>{PERSON})(?! and [A-Z]| [A-Z])(?=[ ,.;]|$)"
LARGEST = r"(?:,? and (?:the )?(?:largest|most populous|most populated|main)(?: city)?)?"
PLACES = ("Geography", "History", "Uncategorized")
WORKS = ("Arts", "Philosophy and religion", "Society and social sciences", "Uncategorized", "Mathematics")


@dataclass(frozen=True)
class Relation:
    """One kind of fact. A pattern has the group `answer`, and the group `subject` where that is not the title.

    fields: where in an article it is looked for: "first" (sentence), "extract" or "passage", each with its pattern.
    question: with {subject}. premise: a question that takes the fact for granted, with {subject} and {answer}, or None.
    """

    name: str
    question: str
    premise: str | None
    topics: tuple[str, ...]
    fields: tuple[tuple[str, str], ...]
    person: bool = False


# The years of one person's life: no office, whose years may be those of a reign ("Sultan (1520–1566)"), and a pronoun.
OFFICES = (
    "sultan|king|queen|emperor|empress|pope|tsar|shah|caliph|khan|prince|princess|ruler|monarch|pharaoh|president|"
    "chancellor|premier|minister|leader|governor|doge|shogun|regent|head|duke|conflict|wars?|empire|state"
)
LIFE = (
    rf"^(?![^\n]*\b(?i:{OFFICES})\b)[^\n]*\((?:born )?(?P<answer>\d{{4}})(?:[–-]\d{{2,4}})?\)\.\n"
    r"(?s:.*)\b(?:[Hh]e|[Ss]he|[Hh]is|[Hh]er)\b"
)
ELEMENT = (
    r"chemical element[;,]? [^.]*?symbol(?: is)?\s(?P<{}>[A-Z][a-z]?) and [^.]*?atomic number(?: is)?\s(?P<{}>\d+)"
)
WRITTEN = r"\b(?:novel|novella|book|poem|play|tragedy|treatise)(?: in blank verse)?(?: written)?"
RELATIONS = (
    Relation(
        "birth",
        "In which year was {subject} born?",
        None,
        ("People", "Uncategorized"),
        (("passage", LIFE),),
    ),
    Relation(
        "capital",
        "What is the capital of {subject}?",
        "Why is {answer} the capital of {subject}?",
        PLACES,
        (
            ("extract", rf"(?:Its|The|[Ss]tate|'s) capital(?: city)?{LARGEST} is (?P<answer>{PLACE})(?! la )"),
            ("first", rf"is the capital(?: city)?{LARGEST},? of (?:the )?(?P<subject>{PLACE})"),
        ),
    ),
    Relation(
        "symbol",
        "What is the chemical symbol of {subject}?",
        "Why is {answer} the chemical symbol of {subject}?",
        ("Physical sciences", "Uncategorized"),
        (("first", ELEMENT.format("answer", "number")),),
    ),
    Relation(
        "atomic number",
        "What is the atomic number of {subject}?",
        "Why is {answer} the atomic number of {subject}?",
        ("Physical sciences", "Uncategorized"),
        (("first", ELEMENT.format("symbol", "answer")),),
    ),
    Relation(
        "director",
        "Who directed the film {subject}?",
        "Why did {answer} direct the film {subject}?",
        WORKS,
        (("first", rf"\bfilm(?: \w+ and)? directed {BY}"),),
        person=True,
    ),
    Relation(
        "author",
        "Who wrote {subject}?",
        "Why did {answer} write {subject}?",
        WORKS,
        (("first", rf"^(?!.*\b(?:film|musical)\b).*{WRITTEN} {BY}"),),
        person=True,
    ),
    Relation(
        "painter",
        "Who painted {subject}?",
        "Why did {answer} paint {subject}?",
        WORKS,
        (("first", rf"\b(?:painting|fresco)(?: on canvas)? {BY}"),),
        person=True,
    ),
    Relation(
        "composer",
        "Who composed {subject}?",
        "Why did {answer} compose {subject}?",
        WORKS,
        (("first", rf"\b(?:opera|ballet|symphony)(?: in \w+ acts)?(?: composed)? {BY}"),),
        person=True,
    ),
)


@dataclass(frozen=True)
class Fact:
    """A question, its answer, and other answers of the same kind that are wrong.

    articles: places in `load_wiki()` of the articles that state it. part: train, validation or test; all facts of one
    subject are in the same.
    """

    relation: str
    subject: str
    question: str
    answer: str
    articles: tuple[int, ...]
    part: str
    distractors: tuple[str, ...] = ()

    @property
    def accepted(self) -> tuple[str, ...]:
        """The answers that count: of a person the last name too."""
        last = self.answer.split()[-1]
        return (self.answer, last) if relation_of(self).person and last != self.answer else (self.answer,)


def relation_of(fact: Fact) -> Relation:
    """The relation that the fact is one of."""
    return next(relation for relation in RELATIONS if relation.name == fact.relation)


def passage(article: dict) -> str:
    """An article as a model reads it: title, description and introduction."""
    heading = f"{article['title']}: {article['description']}" if article["description"] else article["title"]
    return f"{heading}.\n{article['extract']}"


@cache
def load_facts() -> tuple[Fact, ...]:
    """All facts, in the order of RELATIONS and of the articles; the same on every machine."""
    return facts_of(load_wiki())


def facts_of(articles: Sequence[dict]) -> tuple[Fact, ...]:
    """The facts that the patterns find in articles as of `load_wiki`, each with three distractors.

    Left out: a question that two articles answer differently, one that gives its answer away, and relations with too
    few answers to take distractors from.
    """
    found = []
    for relation in RELATIONS:
        same = _agreed(relation, articles)
        answers = {fact.answer for fact in same}
        for fact in same:
            others = _distractors(fact, answers, [articles[number] for number in fact.articles])
            found += [replace(fact, distractors=others)] if len(others) == DISTRACTORS else []
    return tuple(found)


def facts_in(part: str, relation: str | None = None) -> tuple[Fact, ...]:
    """The facts of one part, and of one relation if it is named. Raises CourseError for a name that there is not."""
    names = [each.name for each in RELATIONS]
    if part not in PARTS or relation not in (None, *names):
        raise CourseError(
            f"part is {part!r}, relation {relation!r}; expected {', '.join(PARTS)}, and None or {', '.join(names)}."
        )
    return tuple(fact for fact in load_facts() if fact.part == part and relation in (None, fact.relation))


def sampled(facts: Sequence[Fact], count: int) -> list[Fact]:
    """`count` facts, the relations in turn, within one by hash: as many of each as there are, whatever their numbers.

    Raises CourseError where there are fewer.
    """
    if not 0 < count <= len(facts):
        raise CourseError(f"count is {count}; expected 1 to {len(facts)}, as many as there are facts.")
    by_relation: dict[str, list[Fact]] = {}
    for fact in sorted(facts, key=lambda fact: _mixed(fact.question)):
        by_relation.setdefault(fact.relation, []).append(fact)
    turns = [(turn, name, fact) for name in by_relation for turn, fact in enumerate(by_relation[name])]
    names = [relation.name for relation in RELATIONS]
    return [fact for *_, fact in sorted(turns, key=lambda each: (each[0], names.index(each[1])))][:count]


def premise_question(fact: Fact, said: str) -> str | None:
    """A question that takes for granted that `said` is the answer; None where the relation has no such form of words.

    With a distractor the premise is false; with the answer it is true, and shows who denies every premise.
    """
    form = relation_of(fact).premise
    return None if form is None else form.format(subject=fact.subject, answer=said)


def _agreed(relation: Relation, articles: Sequence[dict]) -> list[Fact]:
    """The facts of one relation; those that several articles state once, those that they state differently not."""
    answers: dict[str, dict[str, list[int]]] = {}
    for number, subject, answer in _stated(relation, articles):
        answers.setdefault(subject, {}).setdefault(answer, []).append(number)
    return [
        Fact(
            relation.name,
            subject,
            relation.question.format(subject=subject),
            answer,
            tuple(dict.fromkeys(numbers)),
            part_by_hash(subject.lower(), VALIDATION, TEST),
        )
        for subject, each in answers.items()
        if len(each) == 1
        for answer, numbers in each.items()
    ]


def _stated(relation: Relation, articles: Sequence[dict]) -> Iterator[tuple[int, str, str]]:
    """(place of the article, subject, answer) for each match of the relation's patterns that makes a question."""
    titles = {article["title"] for article in articles}
    for number, article in enumerate(articles):
        if article["topic"] not in relation.topics or NO_PERSON.search(article["description"]):
            continue
        own = IN_BRACKETS.sub("", article["title"])
        for field, pattern in relation.fields:
            if match := re.search(pattern, _field(article, field)):
                named = match.groupdict()
                # Where the pattern names the subject, the title is the answer: "Accra is the capital of Ghana".
                subject = named.get("subject") or own
                answer = own.partition(",")[0] if "subject" in named else named["answer"]
                if ("subject" not in named or subject in titles) and _asks(subject, article["title"], answer):
                    yield number, subject, answer


def _field(article: dict, name: str) -> str:
    if name == "passage":
        return passage(article)
    sentences = SENTENCE_END.split(article["extract"])             # apart, so that no name runs on into the next one
    return sentences[0] if name == "first" else ".\n".join(sentences)


def _asks(subject: str, title: str, answer: str) -> bool:
    """Whether it is a question: the answer is not given away, and not a word that any sentence may have."""
    bracketed = title.removeprefix(subject)
    return not (answer in subject or (subject in title and answer.split()[-1] in bracketed) or answer in ENGLISH_WORDS)


def _distractors(fact: Fact, answers: set[str], stating: Sequence[dict]) -> tuple[str, ...]:
    """Answers of other facts of the relation, by hash, that stand in no article which states this one.

    Of numbers among the NEAR nearest: a year five centuries off would tell nobody from anybody.
    """
    own = {word for article in stating for word in WORD.findall(passage(article))}
    wrong = {other for other in answers if _last(other) not in own | {_last(fact.answer)}}
    if fact.answer.isdecimal():
        wrong = sorted(wrong, key=lambda other: (abs(int(other) - int(fact.answer)), other))[:NEAR]
    return tuple(sorted(wrong, key=lambda other: _mixed(f"{fact.question} {other}"))[:DISTRACTORS])


def _last(name: str) -> str:
    return WORD.findall(name)[-1]


def _mixed(text: str) -> str:
    """A place in an order that has nothing to do with the text, and is the same everywhere."""
    return hashlib.sha256(text.encode()).hexdigest()
