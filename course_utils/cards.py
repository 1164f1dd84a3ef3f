"""What has to be said of a model and of a data set before others use them: a model card and a data sheet.

The questions follow Mitchell et al. 2019, "Model Cards for Model Reporting", and Gebru et al. 2021, "Datasheets for
Datasets", shortened to what one person can answer of a small project. A card with a question left open is no card:
it cannot be made, written or read.
"""

import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from course_utils.checkpoints import read_json, write_json, write_text
from course_utils.errors import CourseError

VERSION = 1                                                        # of the JSON file
SENTENCE_WORDS = 4                                                 # the fewest that count as a sentence
ENDS = '.!?…)”"`*|'                                                # marks that may close a sentence, or a table
OPEN = "TODO"                                                      # how a template marks what is not answered yet

# A mark of unfinished text; dots that stand alone; a place to fill in, such as <your name> or [name of the licence].
UNFINISHED = re.compile(r"\b(?:TODO|TBD|FIXME|XXX)\b|(?i:lorem ipsum|more information needed|to be filled in)")
DOTS = re.compile(r"(?:^|\s)(?:…|\.{3,})(?:\s|$)")
PLACE = re.compile(r"<[A-Za-z][a-z]* [a-z ]+>|\[(?:your|insert|name of) [a-z ]+\]", re.IGNORECASE)
NO_ANSWER = re.compile(r"(?:n/?a|none|nothing|unknown|no|yes|-+|–|—|\?+|\.+|…)\.?", re.IGNORECASE)
HEADING = re.compile(r"^#{1,3} ", re.MULTILINE)                    # would be taken for a heading of the card


class CardError(CourseError):
    """A card is not finished or cannot be read. `lacking`: the names of the fields that lack something."""

    def __init__(self, message: str, lacking: tuple[str, ...] = ()):
        super().__init__(message)
        self.lacking = lacking


def asked(section: str, question: str, short: bool = False) -> Any:
    """A field of a card: the section it stands in and its question. `short`: a name or a number answers it."""
    return field(metadata={"section": section, "question": question, "short": short})


def lack(text: object, question: str, short: bool) -> str | None:
    """What an answer lacks, in a few words, or None where it may stand."""
    if not isinstance(text, str) or not text.strip():
        return "is empty"
    answer = text.strip()
    if answer == question:
        return "repeats the question"
    if found := UNFINISHED.search(answer) or DOTS.search(answer) or PLACE.search(answer):
        return f"holds {found.group().strip()!r}, text of a template"
    if NO_ANSWER.fullmatch(answer):
        return f"says {answer!r} alone; say what there is not, or why it is not known"
    if HEADING.search(answer):
        return "has a line that begins with # like a heading; begin it otherwise"
    if not short and (len(re.findall(r"\w+", answer)) < SENTENCE_WORDS or answer[-1] not in ENDS):
        return f"is no sentence; expected {SENTENCE_WORDS} words or more, and a full stop"
    return None


class Card:
    """Answers by name, each checked. Made also by `of`, which lists absent answers together with the insufficient."""

    TITLE: str

    def __post_init__(self):
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, str):                             # so that what is written is what is read back
                object.__setattr__(self, each.name, re.sub(r"\r\n?", "\n", value).strip())
        self.check({each.name: getattr(self, each.name) for each in fields(self)})

    @classmethod
    def check(cls, answers: Mapping[str, object]) -> None:
        """Raises CardError with every field that lacks something, what it is and the question to answer."""
        found = {each: lack(answers.get(each.name), *_question(each)) for each in fields(cls)}
        lines = [f"  {each.name} {what}: {each.metadata['question']}" for each, what in found.items() if what]
        unknown = sorted(answers.keys() - {each.name for each in fields(cls)})
        lines += [f"  {name} is no field of a {cls.TITLE.lower()}; remove it." for name in unknown]
        if lines:
            lacking = tuple(each.name for each, what in found.items() if what)
            head = f"The {cls.TITLE.lower()} is not finished; {len(lines)} of its fields need you:"
            raise CardError("\n".join([head, *lines]), lacking)

    @classmethod
    def of(cls, answers: Mapping[str, str]) -> Self:
        """The card of these answers by name. Raises CardError with the list of all that it lacks."""
        cls.check(answers)
        return cls(**answers)

    def answers(self) -> dict[str, str]:
        """The answers by name, in the order of the card."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    # --- Markdown, to be read by people

    @classmethod
    def template(cls, known: Mapping[str, str] | None = None) -> str:
        """The card as Markdown, with what is known filled in; elsewhere TODO and the question. Not yet a card."""
        known = known or {}
        return cls._laid_out({each.name: known.get(each.name) or _to_do(each) for each in fields(cls)})

    def markdown(self) -> str:
        """The card as Markdown: its title, a heading for each section, and one for each field."""
        return self._laid_out(self.answers())

    @classmethod
    def _laid_out(cls, answers: Mapping[str, str]) -> str:
        parts, section = [f"# {cls.TITLE}"], None
        for each in fields(cls):
            if each.metadata["section"] != section:
                section = each.metadata["section"]
                parts.append(f"## {section}")
            parts += [f"### {_heading(each)}", answers[each.name]]
        return "\n\n".join(parts) + "\n"

    @classmethod
    def from_markdown(cls, text: str) -> Self:
        """The card of a Markdown text as `markdown` and `template` lay it out. Raises CardError as `of` does."""
        names = {_heading(each): each.name for each in fields(cls)}
        lines = re.sub(r"\r\n?", "\n", text).strip().split("\n")
        if lines[0].strip() != f"# {cls.TITLE}":
            raise CardError(f"The text begins with {lines[0][:60]!r}; expected '# {cls.TITLE}', as in template().")
        answers: dict[str, str] = {}
        for part in re.split(r"^### ", "\n".join(lines), flags=re.MULTILINE)[1:]:
            heading, _, answer = part.partition("\n")
            name = names.get(heading.strip(), heading.strip())
            if name in answers:
                raise CardError(f"The heading '### {heading.strip()}' is there twice; keep one.", (name,))
            answers[name] = re.split(r"^## ", answer, maxsplit=1, flags=re.MULTILINE)[0].strip()
        return cls.of(answers)

    # --- JSON, to be read by programs

    def write(self, path: Path) -> None:
        """Write the card as the .json or .md file that the path names, whole or not at all."""
        if path.suffix == ".json":
            return write_json(path, self.as_json())
        _check_suffix(path)
        write_text(path, self.markdown())

    def as_json(self) -> dict:
        """The card as JSON has it: what it is, the version of the form, the answers."""
        return {"kind": self.TITLE.lower(), "version": VERSION, "answers": self.answers()}

    @classmethod
    def from_json(cls, value: object) -> Self:
        """The way back from `as_json`. Raises CardError for anything else, and as `of` does."""
        said = value if isinstance(value, dict) else {}
        kind, version, answers = said.get("kind"), said.get("version"), said.get("answers")
        if (kind, version) != (cls.TITLE.lower(), VERSION) or not isinstance(answers, dict):
            raise CardError(
                f"The JSON holds {kind!r}, version {version!r}; expected {cls.TITLE.lower()!r}, version {VERSION}, and "
                "its answers. Write it again with write(path)."
            )
        return cls.of(answers)

    @classmethod
    def read(cls, path: Path) -> Self:
        """The card of a .md or .json file. Raises CardError, CheckpointError for a JSON file that cannot be read."""
        if path.suffix == ".json":
            return cls.from_json(read_json(path))
        _check_suffix(path)
        try:
            text = path.read_text(encoding="utf-8-sig")           # some editors begin a file with a mark
        except (OSError, UnicodeDecodeError) as error:
            raise CardError(f"{path.name} cannot be read: {error}; expected a {cls.TITLE.lower()}.") from error
        return cls.from_markdown(text)


def _question(each: Field) -> tuple[str, bool]:
    return each.metadata["question"], each.metadata["short"]


def _heading(each: Field) -> str:
    return each.name.replace("_", " ").capitalize()


def _to_do(each: Field) -> str:
    return f"{OPEN} {each.metadata['question']}"


def _check_suffix(path: Path) -> None:
    if path.suffix != ".md":
        raise CardError(f"{path.name} ends in {path.suffix!r}; expected .md or .json.")


# --- the two cards ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class ModelCard(Card):
    """What users of a model have to know. Mitchell et al. 2019, the nine sections of its figure 1."""

    TITLE = "Model card"

    name: str = asked("Model details", "What is the model called?", short=True)
    developed_by: str = asked("Model details", "Who made it?", short=True)
    date: str = asked("Model details", "When was it made?", short=True)
    version: str = asked("Model details", "Which version is this?", short=True)
    architecture: str = asked("Model details", "What kind of model is it, and how large?")
    training: str = asked("Model details", "How was it trained: steps, data seen, cost, machine, seed?")
    licence: str = asked("Model details", "Under which licence may it be used?", short=True)
    contact: str = asked("Model details", "Where do questions and complaints go?", short=True)
    intended_uses: str = asked("Intended use", "What is it for?")
    intended_users: str = asked("Intended use", "Who is it for?")
    out_of_scope: str = asked("Intended use", "What should it not be used for, though somebody might?")
    factors: str = asked("Factors", "Which groups, languages, kinds of text or settings may change how well it works?")
    measures: str = asked("Metrics", "What was measured, and why that?")
    uncertainty: str = asked("Metrics", "How sure are the numbers: how many items, seeds, which interval?")
    evaluation_data: str = asked("Evaluation data", "On what was it measured, and did the model never see it?")
    training_data: str = asked("Training data", "What did it learn from, whose is that, what is wrong with it?")
    overall_results: str = asked("Quantitative analyses", "What came out?")
    results_by_factor: str = asked("Quantitative analyses", "What came out for each factor named above?")
    ethical_considerations: str = asked("Ethical considerations", "Whom could it harm and how; what was done about it?")
    caveats: str = asked("Caveats and recommendations", "What else should a user know, and check before using it?")


@dataclass(frozen=True)
class DataSheet(Card):
    """What users of a data set have to know. Gebru et al. 2021, its seven sections."""

    TITLE = "Data sheet"

    name: str = asked("Motivation", "What is the data set called?", short=True)
    purpose: str = asked("Motivation", "What was it made for?")
    made_by: str = asked("Motivation", "Who made it, and who paid for it?", short=True)
    instances: str = asked("Composition", "What is one instance, and how many are there?")
    selection: str = asked("Composition", "Is it all there is or a selection; how was it selected?")
    labels: str = asked("Composition", "What is said of each instance, and by whom?")
    splits: str = asked("Composition", "How is it split, and does a part leak into another?")
    errors: str = asked("Composition", "What is missing, wrong, noisy or there twice?")
    people: str = asked("Composition", "Whom is it about; what is confidential, offensive or sensitive in it?")
    collection: str = asked("Collection", "How, when and by whom was it collected?")
    consent: str = asked("Collection", "Did those it is about know and agree, and how can they withdraw?")
    preprocessing: str = asked("Preprocessing", "What was cleaned, cut or changed, and is the raw data kept?")
    uses_so_far: str = asked("Uses", "What has it been used for?")
    unfit_uses: str = asked("Uses", "What should it not be used for, and why?")
    distribution: str = asked("Distribution", "Who gets it, how, and since when?")
    licence: str = asked("Distribution", "Under which licence or terms?", short=True)
    maintenance: str = asked("Maintenance", "Who looks after it; will it be mended, and will old versions stay?")
    contact: str = asked("Maintenance", "Where are errors reported?", short=True)


# --- what is known already --------------------------------------------------------------------------


def known_facts(about: Mapping) -> dict[str, str]:
    """The answers of a model card that what is written down of a checkpoint gives: see `recipes.about(name)`.

    They are what was counted and measured. What it is for, and whom it may harm, no file knows. Raises CardError
    where a fact is absent.
    """
    needed = ("name", "title", "recipe", "data_sha256", "seed", "parameters", "steps", "training_flops", "seconds",
              "hardware", "torch", "made_by", "metrics")
    if absent := [key for key in needed if key not in about]:
        raise CardError(f"Of the checkpoint {', '.join(absent)} are not told; expected what recipes.about(name) gives.")
    seen = [f"{about[f'training_{what}']:,} {what}" for what in ("tokens", "images") if f"training_{what}" in about]
    return {
        "name": f"{about['title']} ({about['name']})",
        "architecture": f"{about['parameters']:,} parameters, with the settings {_listed(about['recipe']['model'])}.",
        "training": (
            f"{about['steps']:,} steps{''.join(f', {amount}' for amount in seen)}, {about['training_flops']:.3g} "
            f"floating-point operations, {about['seconds']:,} s on {about['hardware']}, torch {about['torch']}, seed "
            f"{about['seed']}. `{about['made_by']}` makes it again, from data with the sha256 {about['data_sha256']}."
        ),
        "overall_results": f"On the test data these were measured: {_listed(about['metrics'])}.",
    }


def _listed(values: Mapping) -> str:
    """Names and values, numbers with four digits that count; what is None is left out."""
    shown = {name: f"{value:.4g}" if isinstance(value, float) else value for name, value in values.items()}
    return ", ".join(f"{name} {value}" for name, value in shown.items() if value is not None)
