"""Instructions to a house and the action each asks for, as JSON: the task on which lesson 10 fine-tunes a chat model.

    turn on the kitchen lights        {"intent": "TurnOn", "area": "kitchen", "domain": "light"}
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

import torch

from course_utils import assets
from course_utils.errors import CourseError
from course_utils.seeding import generator
from course_utils.text.batches import mixed
from course_utils.text.templates import Grammar, Template, drawn, parse

PARTS = ("train", "validation", "test")
EVERY = 7                                                          # of so many templates one goes to test
# Values of open slots, ours. The last third of each list is kept for the test part.
OPEN_VALUES = {
    "area": "kitchen, bedroom, living room, bathroom, hall, cellar, garden, office, attic, balcony, pantry, studio",
    "floor": "first, second, ground, third, top, fourth",
    "name": "desk lamp, ceiling fan, heater, radio, coffee machine, front door, printer, aquarium, night light, "
    "bread oven, water pump, reading lamp",
    "message": "dinner is ready, the bus is here, please come down, grandma is calling, the guests have arrived, "
    "breakfast is on the table",
    "search_query": "blue train, moon river, the planets, swan lake, summer hits, old jazz",
    "zone": "home, school, work, the gym, the library, the station",
    "timer_name": "pizza, laundry, egg, tea, homework, rice",
    "timer_command": "open the blinds, turn off the radio, water the plants, turn on the oven, lock the door, "
    "close the garage",
    "shopping_list_item": "milk, apples, bread, coffee, rice, soap, eggs, flour, pears",
    "todo_list_item": "call the plumber, pay the rent, clean the windows, buy stamps, fix the bike, book a table",
}


@dataclass(frozen=True)
class Wording:
    """One template of an action, with the slots that it sets by itself."""

    intent: str
    template: Template
    fixed: tuple[tuple[str, object], ...]


@dataclass(frozen=True)
class Instruction:
    """What is said, and the action as it should be written."""

    text: str
    action: str


@dataclass(frozen=True)
class Intents:
    """The wordings of each part and the two grammars: test values are not among those of training."""

    wordings: dict[str, tuple[Wording, ...]]
    grammars: dict[str, Grammar]

    def instructions(self, part: str, count: int, seed: int) -> list[Instruction]:
        """`count` different instructions of a part: actions in turn, one of their wordings drawn, then its words.

        Raises CourseError for an unknown part, or where it has not so many different ones.
        """
        if part not in PARTS:
            raise CourseError(f"part is {part!r}; expected {', '.join(PARTS)}.")
        by_intent: dict[str, list[Wording]] = {}
        for wording in self.wordings[part]:
            by_intent.setdefault(wording.intent, []).append(wording)
        random, found, tries = generator(mixed(seed, PARTS.index(part))), {}, 0
        while len(found) < count:
            same = list(by_intent.values())[tries % len(by_intent)]
            made = self._instruction(same[drawn(len(same), random)], part, random)
            found.setdefault(made.text, made)
            tries += 1
            if tries > 20 * count + 1000:
                raise CourseError(f"{part} has {len(found)} different instructions by {tries} draws, not {count}.")
        return list(found.values())

    def _instruction(self, wording: Wording, part: str, random: torch.Generator) -> Instruction:
        text, slots = self.grammars[part].sentence(wording.template, random)
        return Instruction(text, as_action(wording.intent, dict(wording.fixed) | slots))


def as_action(intent: str, slots: dict[str, object]) -> str:
    """An action as JSON: the intent first, then the slots by name."""
    return json.dumps({"intent": intent} | dict(sorted(slots.items())), ensure_ascii=False)


def exact_match(answers: list[str], actions: list[str]) -> float:
    """The share of answers that say the same as the action, 0 to 1. An answer that is no JSON object says nothing."""
    if len(answers) != len(actions) or not actions:
        raise CourseError(f"{len(answers)} answers to {len(actions)} actions; expected one to each, and at least one.")
    strange = next((action for action in actions if _read(action) is None), None)
    if strange is not None:
        raise CourseError(f"The action {strange!r:.60} is no JSON object; expected what as_action writes.")
    right = [_read(answer) == json.loads(action) for answer, action in zip(answers, actions, strict=True)]
    return sum(right) / len(right)


def _read(answer: str) -> dict | None:
    """The object that the answer writes, alone or with blanks about it; None where it is none."""
    try:
        read = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


def load_intents(language: str = "en") -> Intents:
    """The English templates of the asset `intents`, in three parts. Raises CourseError for another language."""
    if language != "en":
        raise CourseError(f"language is {language!r}; expected 'en': the open slots have English values only.")
    known = json.loads((assets.path("intents") / f"{language}.json").read_text(encoding="utf-8"))
    rules = {name: parse(text) for name, text in known["expansion_rules"].items()}
    grammars = {part: Grammar(rules, _values(known["lists"], rules, part)) for part in PARTS}
    wordings: dict[str, list[Wording]] = {part: [] for part in PARTS}
    for intent, about in known["intents"].items():
        said = ((text, tuple(group.get("slots", {}).items())) for group in about["data"] for text in group["sentences"])
        for number, (text, fixed) in enumerate(dict.fromkeys(said)):           # some stand there twice
            part = {EVERY - 1: "test", EVERY - 2: "validation"}.get(number % EVERY, "train")
            wordings[part].append(Wording(intent.removeprefix("Hass"), parse(text), fixed))
    return Intents({part: tuple(some) for part, some in wordings.items()}, grammars)


def _values(lists: dict, rules: dict[str, Template], part: str) -> dict[str, Callable]:
    """How a value of each list is drawn in a part. Lists of the templates are the same in all parts."""
    drawers = {name: _drawer(about, rules) for name, about in lists.items() if "wildcard" not in about}
    for name, text in OPEN_VALUES.items():
        words = [word.strip() for word in text.split(",")]
        kept = len(words) * 2 // 3
        drawers[name] = _from_list([(word, word) for word in (words[kept:] if part == "test" else words[:kept])])
    return drawers


def _drawer(about: dict, rules: dict[str, Template]) -> Callable:
    """A function that draws from a list of the templates: whole numbers of a range, or values with their wordings."""
    if "range" in about:
        return _from_range(**{key: about["range"].get(key, 1) for key in ("from", "to", "step", "multiplier")})
    wordings = [(parse(value["in"]), value["out"]) for value in about["values"]]

    def draw(random: torch.Generator) -> tuple[str, object]:
        template, out = wordings[drawn(len(wordings), random)]
        return Grammar(rules, {}).sentence(template, random)[0], out

    return draw


def _from_range(**range_of: int) -> Callable:
    first, step, multiplier = range_of["from"], range_of["step"], range_of["multiplier"]
    count = (range_of["to"] - first) // step + 1

    def draw(random: torch.Generator) -> tuple[str, object]:
        number = first + step * drawn(count, random)
        return str(number), number * multiplier

    return draw


def _from_list(values: list[tuple[str, object]]) -> Callable:
    return lambda random: values[drawn(len(values), random)]
