"""A whole project of a few thousand random numbers: it goes on with any text, fast, by letters that mean nothing."""

from dataclasses import fields

from course_utils.cards import ModelCard
from course_utils.models.recurrent import RecurrentConfig, RecurrentLM
from course_utils.project import Project, Settings
from course_utils.sampling import Sampling
from course_utils.seeding import generator
from course_utils.text.vocabulary import CharVocabulary

LETTERS = CharVocabulary("".join(map(chr, range(32, 127))))
DRAWN = Sampling()


def tiny_project(name: str = "Babbler", longest: int = 20, sampling: Sampling | None = DRAWN) -> Project:
    """It writes `longest` signs of ASCII and never ends its line."""
    config = RecurrentConfig(len(LETTERS), embedding=8, width=8)
    weights = RecurrentLM(config, generator(1)).state_dict()
    weights["output.bias"][LETTERS.start] = -100                   # the newline, two of which end a paragraph
    questions = {each.name: each.metadata["short"] for each in fields(ModelCard)}
    answers = {each: "Door 1" if short else "One whole sentence of text." for each, short in questions.items()}
    return Project(config, weights, LETTERS, Settings(longest, sampling), ModelCard.of(answers | {"name": name}))
