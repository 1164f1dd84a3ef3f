"""Sentences out of templates: `turn (on|off) [the] {name} light[s]`.

The grammar is that of Home Assistant's intents: `(a|b)` one of them, `[a]` or nothing, `(a;b)` both in either order,
`<rule>` a template by name, `{values}` or `{values:slot}` a value out of a list, which goes into the slot.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from course_utils.errors import CourseError
from course_utils.shapes import check_counts

DEEPEST = 40                                                       # rules inside rules; more is a circle


@dataclass(frozen=True)
class Words:
    """Text as it stands."""

    text: str


@dataclass(frozen=True)
class Slot:
    """A value out of the list `values`, kept under `name`."""

    values: str
    name: str


@dataclass(frozen=True)
class Rule:
    """Another template, by name."""

    name: str


@dataclass(frozen=True)
class Sequence:
    """Parts one after another; `shuffled`: in any order, with spaces between."""

    parts: tuple
    shuffled: bool = False


@dataclass(frozen=True)
class Choice:
    """One of several parts. `[a]` is a choice between a and nothing."""

    options: tuple


Template = Words | Slot | Rule | Sequence | Choice
_TOKEN = re.compile(r"[()\[\]|;]|\{[^{}]*\}|<[^<>]*>|[^()\[\]|;{}<>]+")


def parse(text: str) -> Template:
    """A template as a tree. Raises CourseError where brackets do not match."""
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != text:
        raise CourseError(f"{text!r} is no template: a bracket {{ }} or < > is not closed.")
    tree, rest = _alternatives(tokens, text)
    if rest:
        raise CourseError(f"{text!r} is no template: {rest[0]!r} closes nothing.")
    return tree


def _alternatives(tokens: list[str], whole: str) -> tuple[Template, list[str]]:
    """What stands up to the closing bracket or the end, and the tokens from there on."""
    parts, rows, between = [], [], set()
    while tokens and tokens[0] not in ")]":
        token, tokens = tokens[0], tokens[1:]
        if token in "|;":
            between.add(token)
            rows.append(_joined(parts))
            parts = []
        elif token in "([":
            inner, tokens = _alternatives(tokens, whole)
            if not tokens or token + tokens[0] not in ("()", "[]"):
                raise CourseError(f"{whole!r} is no template: {token!r} is not closed by its like.")
            tokens = tokens[1:]
            parts.append(inner if token == "(" else Choice((inner, Words(""))))
        else:
            parts.append(_leaf(token))
    if len(between) > 1:
        raise CourseError(f"{whole!r} is no template: | and ; stand side by side; put one of them into brackets.")
    rows.append(_joined(parts))
    if not between:
        return rows[0], tokens
    return (Choice(tuple(rows)) if "|" in between else Sequence(tuple(rows), shuffled=True)), tokens


def _joined(parts: list) -> Template:
    return parts[0] if len(parts) == 1 else Sequence(tuple(parts))


def _leaf(token: str) -> Template:
    if token[0] == "<":
        return Rule(token[1:-1])
    if token[0] == "{":
        values, _, name = token[1:-1].partition(":")
        return Slot(values, name or values)
    return Words(token)


@dataclass(frozen=True)
class Grammar:
    """Rules by name, and for each list of values a function that draws one: its words, and what goes into the slot."""

    rules: Mapping[str, Template]
    values: Mapping[str, Callable[[torch.Generator], tuple[str, object]]]

    def sentence(self, template: Template, generator: torch.Generator) -> tuple[str, dict[str, object]]:
        """A sentence of the template, drawn, and its slots. Every option is as likely as its neighbours.

        Raises CourseError for a rule or a list that there is not, and for rules that go round in a circle.
        """
        slots: dict[str, object] = {}
        text = self._written(template, slots, generator, 0)
        return " ".join(text.split()), slots

    def _written(self, part: Template, slots: dict, generator: torch.Generator, depth: int) -> str:
        if depth > DEEPEST:
            raise CourseError(f"Rules are {DEEPEST} deep at {part}; do they go round in a circle?")
        if isinstance(part, Words):
            return part.text
        if isinstance(part, Choice):
            return self._written(part.options[drawn(len(part.options), generator)], slots, generator, depth + 1)
        if isinstance(part, Sequence):
            order = torch.randperm(len(part.parts), generator=generator) if part.shuffled else range(len(part.parts))
            written = [self._written(part.parts[i], slots, generator, depth + 1) for i in order]
            return (" " if part.shuffled else "").join(written)
        if isinstance(part, Rule):
            return self._written(_known(self.rules, part.name, "rule"), slots, generator, depth + 1)
        words, slots[part.name] = _known(self.values, part.values, "list of values")(generator)
        return words


def drawn(count: int, generator: torch.Generator) -> int:
    """A whole number from 0 to count − 1."""
    check_counts(count=count)
    return int(torch.randint(count, (), generator=generator))


def _known(table: Mapping, name: str, kind: str):
    if name not in table:
        raise CourseError(f"There is no {kind} {name!r}; expected one of {', '.join(sorted(table))}.")
    return table[name]
