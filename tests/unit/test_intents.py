"""Sentences out of templates, and the instructions made of them."""

import json
from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.errors import CourseError
from course_utils.seeding import generator
from course_utils.text.intents import OPEN_VALUES, PARTS, as_action, exact_match, load_intents
from course_utils.text.templates import Choice, Grammar, Rule, Sequence, Slot, Words, parse


def all_sentences(template: str, rules=None, values=None, tries: int = 300) -> set[str]:
    grammar = Grammar({name: parse(text) for name, text in (rules or {}).items()}, values or {})
    random, tree = generator(0), parse(template)
    return {grammar.sentence(tree, random)[0] for _ in range(tries)}


@pytest.mark.parametrize(
    "template, sentences",
    [
        ("turn on", {"turn on"}),
        ("turn (on|off)", {"turn on", "turn off"}),
        ("light[s] on", {"light on", "lights on"}),
        ("[the ]lamp [(now|then)]", {"lamp", "the lamp", "lamp now", "lamp then", "the lamp now", "the lamp then"}),
        ("(the lamp;on)", {"the lamp on", "on the lamp"}),
        ("(a[b]|c)d", {"ad", "abd", "cd"}),
        ("5[([ ]%)| percent]", {"5", "5%", "5 %", "5 percent"}),
    ],
)
def test_a_template_gives_exactly_these_sentences(template, sentences):
    assert all_sentences(template) == sentences


def test_rules_and_values_are_put_in_and_slots_are_kept():
    grammar = Grammar({"the": parse("the")}, {"rooms": lambda random: ("kitchen", "k")})
    sentence = grammar.sentence(parse("light <the> {rooms:area}"), generator(0))
    assert sentence == ("light the kitchen", {"area": "k"})


def test_the_tree_of_a_template():
    assert parse("a [b] {x:y}") == Sequence(
        (Words("a "), Choice((Words("b"), Words(""))), Words(" "), Slot("x", "y"))
    )
    assert parse("<r>") == Rule("r") and parse("{x}") == Slot("x", "x")


@pytest.mark.parametrize("template", ["(a", "a)", "[a)", "{a", "<a", "(a|b;c)", "a}"])
def test_brackets_that_do_not_match_are_an_error_that_quotes_the_template(template):
    with pytest.raises(CourseError, match="is no template"):
        parse(template)


@given(st.text(alphabet="ab ()[]|;{}<>:", max_size=20))
def test_any_text_is_a_template_or_an_error_for_the_reader(text):
    with suppress(CourseError):
        assert parse(text) == parse(text)


def test_an_unknown_rule_an_unknown_list_and_a_circle_are_named():
    with pytest.raises(CourseError, match="no rule 'x'"):
        all_sentences("<x>")
    with pytest.raises(CourseError, match="no list of values 'x'.*rooms"):
        all_sentences("{x}", values={"rooms": lambda random: ("a", "a")})
    with pytest.raises(CourseError, match="circle"):
        all_sentences("<x>", rules={"x": "a <x>"})


@pytest.fixture(scope="module")
def intents():
    return load_intents()


def test_every_template_of_the_asset_can_be_written_in_its_part(intents):
    random = generator(1)
    for part in PARTS:
        for wording in intents.wordings[part]:
            text, _ = intents.grammars[part].sentence(wording.template, random)
            assert text and not set(text) & set("()[]|;{}<>"), (wording.intent, text)
    assert sum(len(some) for some in intents.wordings.values()) == 862 - 6         # six stand there twice


def test_no_wording_and_no_open_value_of_the_test_part_is_met_in_training(intents):
    train, test = ({w.template for w in intents.wordings[part]} for part in ("train", "test"))
    by_train = Counter(w.intent for w in intents.wordings["train"])
    assert all(by_train[w.intent] >= 5 for w in intents.wordings["test"])        # no action is new in the test part
    assert not train & test
    taught = {example.text for example in intents.instructions("train", 3000, 1)}
    asked = {example.text for example in intents.instructions("test", 300, 1)}
    late = [word.strip() for word in OPEN_VALUES["area"].split(",")][8:]
    assert not taught & asked
    assert not any(room in text for text in taught for room in late) and any(late[0] in text for text in asked)


def test_an_instruction_says_what_its_action_says(intents):
    for example in intents.instructions("train", 400, 2):
        action = json.loads(example.action)
        assert list(action)[0] == "intent" and list(action)[1:] == sorted(list(action)[1:])
        for slot in ("area", "message", "item"):
            assert slot not in action or action[slot] in example.text
    assert '"volume_step": -' in "".join(example.action for example in intents.instructions("train", 2000, 3))


def test_hardly_any_sentence_has_two_actions(intents):
    random, actions = generator(1), {}
    for wording in intents.wordings["train"] * 5:
        text, slots = intents.grammars["train"].sentence(wording.template, random)
        actions.setdefault(text, set()).add(as_action(wording.intent, dict(wording.fixed) | slots))
    two = sum(len(some) > 1 for some in actions.values())
    assert len(actions) > 2500 and two < 0.005 * len(actions)


def test_the_same_seed_gives_the_same_instructions_all_different(intents):
    first, again, other = (intents.instructions("test", 100, seed) for seed in (1, 1, 2))
    assert first == again != other
    assert len({example.text for example in first}) == 100


def test_too_many_an_unknown_part_and_another_language_are_refused(intents):
    with pytest.raises(CourseError, match="expected train, validation, test"):
        intents.instructions("dev", 1, 1)
    with pytest.raises(CourseError, match="'en'"):
        load_intents("fr")


def test_exact_match_compares_what_is_said_not_how_it_is_written():
    action = as_action("TurnOn", {"domain": "light", "area": "hall"})
    assert action == '{"intent": "TurnOn", "area": "hall", "domain": "light"}'
    said = [action, '{ "area":"hall","domain":"light","intent":"TurnOn" }\n', action[:-1], "", '"TurnOn"', action + "x"]
    assert exact_match(said, [action] * 6) == pytest.approx(2 / 6)
    assert exact_match(['{"intent": "TurnOn", "area": "hall"}'], [action]) == 0
    assert exact_match(["[" * 5000], [action]) == 0
    with pytest.raises(CourseError, match="one to each"):
        exact_match([action], [])
