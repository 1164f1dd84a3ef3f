"""Questions from the Wikipedia introductions: patterns on sentences by hand, and what holds for all that were found."""

import hashlib
import re
from collections import Counter
from itertools import product

import pytest

from course_utils.errors import CourseError
from course_utils.text import load_wiki
from course_utils.text.facts import (
    DISTRACTORS,
    PARTS,
    RELATIONS,
    facts_in,
    facts_of,
    load_facts,
    passage,
    premise_question,
    relation_of,
    sampled,
)

WORD = re.compile(r"\w+")


def article(title: str, extract: str, topic: str, description: str = "") -> dict:
    return {"title": title, "extract": extract, "description": description, "topic": topic}


def person(name: str, description: str, extract: str = "He was known.") -> dict:
    return article(name, extract, "People", description)


LANDS = [article(f"Land {n}", f"Its capital is {city}.", "Geography") for n, city in enumerate(("Rome", "Oslo", "Ufa"))]
OTHERS = [person(f"Other {name}", f"Writer ({y}–1990)") for name, y in zip("ABC", (1901, 1902, 1903), strict=True)]


def answers(*articles: dict) -> dict[str, str]:
    """Question to answer, of these articles among others that lend distractors."""
    return {fact.question: fact.answer for fact in facts_of([*articles, *OTHERS]) if "Other" not in fact.question}


def places(*articles: dict) -> dict[str, str]:
    """As `answers`, among three other countries."""
    found = facts_of([*articles, *LANDS])
    return {fact.question: fact.answer for fact in found if "Land" not in fact.question}


def test_a_life_is_read_from_the_description():
    born = person("Max Born", "German–British physicist (1882–1970)")
    assert answers(born) == {"In which year was Max Born born?": "1882"}
    assert answers(person("Haruki Murakami", "Japanese writer (born 1949)")).popitem()[1] == "1949"
    assert answers(person("Andy", "Artist (1961–62)")).popitem()[1] == "1961"


@pytest.mark.parametrize(
    ("description", "extract"),
    [
        ("Sultan of the Ottoman Empire (1520–1566)", "He ruled."),          # a reign
        ("King of Goguryeo (r. 391–413)", "He ruled."),
        ("Dutch painter (c. 1450–1516)", "He painted."),                    # about
        ("Greek philosopher (384–322 BC)", "He thought."),
        ("Swedish pop group (1972–1982)", "Her voice led the group."),
        ("Quartet in Liverpool (1960–1970)", "They were four."),            # no pronoun of one person
        ("Painter", "He was born in 1850."),
    ],
)
def test_years_that_may_not_be_of_birth_make_no_question(description, extract):
    assert answers(person("Somebody", description, extract)) == {}


def test_a_capital_is_read_from_the_country_or_from_the_city_and_both_are_named():
    ghana = article("Ghana", "Ghana is in Africa. Its capital and largest city is Accra. Gold is mined.", "Geography")
    accra = article("Accra", "Accra is the capital and largest city of Ghana, on the coast.", "Geography")
    (fact,) = (fact for fact in facts_of([ghana, accra, *LANDS]) if fact.subject == "Ghana")
    assert (fact.question, fact.answer, fact.articles) == ("What is the capital of Ghana?", "Accra", (0, 1))
    assert places(article("Sweden", "Its capital is Stockholm. The land is long.", "Geography")) == {
        "What is the capital of Sweden?": "Stockholm"
    }


def test_a_capital_that_is_disputed_given_away_or_of_no_known_place_makes_no_question():
    benin = article("Benin", "The capital is Porto-Novo.", "Geography")
    cotonou = article("Cotonou", "Cotonou is the capital of Benin.", "Geography")
    assert places(benin, cotonou) == {}
    assert places(article("Qom", "Qom is the capital of Qom province, Iran.", "Geography")) == {}
    padang = article("Padang", "Padang is the capital of the Indonesian province of West Sumatra.", "Geography")
    assert places(padang) == {}
    assert places(article("Abidjan", "Abidjan is the former capital of Land 1.", "Geography")) == {}


STATED = "{} is a chemical element; it has symbol\xa0{} and atomic number\xa0{}. It is."
ELEMENTS = [
    article(each[0], STATED.format(*each), "Physical sciences")
    for each in (("Gold", "Au", 79), ("Iron", "Fe", 26), ("Lead", "Pb", 82), ("Tin", "Sn", 50), ("Arsenic", "As", 33))
]


def test_an_element_has_a_symbol_and_a_number():
    found = answers(*ELEMENTS)
    assert found["What is the chemical symbol of Gold?"] == "Au"
    assert found["What is the atomic number of Gold?"] == "79"
    assert found["What is the atomic number of Arsenic?"] == "33"
    assert "What is the chemical symbol of Arsenic?" not in found         # "As" is a word, and begins the name


WORKS = {
    "A is a 1957 drama film written and directed by Ingmar Bergman.": ("Who directed the film Work?", "Ingmar Bergman"),
    "A is a tragedy novel by American writer F. Scott Fitzgerald. It is.": ("Who wrote Work?", "F. Scott Fitzgerald"),
    "A is a novel by the English author and scholar J. R. R. Tolkien.": ("Who wrote Work?", "J. R. R. Tolkien"),
    "A is a novel by Miguel de Cervantes, in two parts.": ("Who wrote Work?", "Miguel de Cervantes"),
    "A is an oil painting by the Dutch painter Vincent van Gogh.": ("Who painted Work?", "Vincent van Gogh"),
    "A is an opera in four acts by the French composer Georges Bizet.": ("Who composed Work?", "Georges Bizet"),
    "A is a film based on the novel by Margaret Mitchell.": None,
    "A is a novel by the Russian.": None,
    "A is a film directed by Gene Kelly and Stanley Donen.": None,
    "A is a song by Queen.": None,
    "A is a novel. B is a novel by Somebody Else.": None,
}


@pytest.mark.parametrize(("sentence", "expected"), WORKS.items())
def test_who_made_a_work_is_read_from_its_first_sentence(sentence, expected):
    verbs = ("film directed by", "novel by", "painting by", "opera by")
    names = ("Ann Alm", "Bob Beck", "Cy Cole")
    pairs = enumerate(product(verbs, names))
    others = [article(f"O {number}", f"O is a {verb} {name}.", "Arts") for number, (verb, name) in pairs]
    found = facts_of([article("Work (1900)", sentence, "Arts"), *others])
    own = [(fact.question, fact.answer) for fact in found if fact.subject == "Work"]
    assert own == ([] if expected is None else [expected])


def test_of_a_person_the_last_name_is_accepted_and_of_a_place_only_the_whole():
    by_relation = {fact.relation: fact for fact in load_facts()}
    assert by_relation["author"].accepted == (by_relation["author"].answer, by_relation["author"].answer.split()[-1])
    assert by_relation["capital"].accepted == (by_relation["capital"].answer,)


def test_every_answer_stands_in_each_of_its_articles_and_no_distractor_does():
    articles = load_wiki()
    for fact in load_facts():
        for number in fact.articles:
            text = passage(articles[number])
            assert fact.answer in text, fact
            assert re.search(rf"(?<!\w){re.escape(fact.answer)}(?!\w)", text), fact
            assert not {other.split()[-1] for other in fact.distractors} & set(WORD.findall(text)), fact
        assert len({fact.answer, *fact.distractors}) == 1 + DISTRACTORS
        assert fact.answer not in fact.subject, fact


def test_distractors_are_answers_to_other_questions_of_the_kind_and_years_are_near():
    kinds = {relation.name: {f.answer for f in load_facts() if f.relation == relation.name} for relation in RELATIONS}
    assert all({*fact.distractors} <= kinds[fact.relation] for fact in load_facts())
    near = [abs(int(other) - int(f.answer)) for f in load_facts() if f.relation == "birth" for other in f.distractors]
    assert sum(gap <= 15 for gap in near) > 0.9 * len(near)


def test_there_are_as_many_facts_as_the_lesson_says_and_each_question_once():
    assert Counter(fact.relation for fact in load_facts()) == {
        "birth": 1052, "capital": 156, "atomic number": 98, "author": 64,
        "symbol": 42, "director": 22, "painter": 8, "composer": 5,
    }  # fmt: skip
    assert len({fact.question for fact in load_facts()}) == len(load_facts())


def test_the_split_is_fixed_by_the_subject_and_holds_all_its_facts_together():
    assert sum(len(facts_in(part)) for part in PARTS) == len(load_facts())
    parts = {}
    for fact in load_facts():
        assert parts.setdefault(fact.subject, fact.part) == fact.part
    shares = Counter(fact.part for fact in load_facts())
    assert 0.55 < shares["test"] / len(load_facts()) < 0.65
    assert next(fact.part for fact in load_facts() if fact.subject == "Albert Einstein") == _part("albert einstein")
    with pytest.raises(CourseError, match="part is 'dev'"):
        facts_in("dev")
    with pytest.raises(CourseError, match="relation 'colour'"):
        facts_in("test", "colour")


def _part(text: str) -> str:
    remainder = int(hashlib.sha256(text.encode()).hexdigest(), 16) % 100
    return "test" if remainder < 60 else "validation" if remainder < 80 else "train"


def test_a_sample_takes_the_relations_in_turn_and_a_larger_one_contains_it():
    small, large = sampled(facts_in("test"), 16), sampled(facts_in("test"), 40)
    assert large[:16] == small
    assert set(Counter(fact.relation for fact in small).values()) == {2}
    assert len(set(large)) == 40
    with pytest.raises(CourseError, match="count is 0"):
        sampled(facts_in("test"), 0)


def test_a_premise_is_false_with_a_distractor_and_true_with_the_answer():
    fact = next(fact for fact in load_facts() if fact.subject == "Finland")
    assert premise_question(fact, fact.answer) == "Why is Helsinki the capital of Finland?"
    assert premise_question(fact, "Accra") == "Why is Accra the capital of Finland?"
    assert premise_question(facts_in("test", "birth")[0], "1900") is None
    assert relation_of(fact).name == "capital"
