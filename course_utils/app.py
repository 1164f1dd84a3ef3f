"""The chat page of a project, which `make app` serves: who answers there, and what stands on the page."""

import os
from collections.abc import Mapping
from html import escape
from pathlib import Path

import ipywidgets

from course_utils.assistant import Writer, assistant
from course_utils.errors import CourseError
from course_utils.examples import course_helper
from course_utils.project import Project, load_project
from course_utils.viz.chat import visible
from course_utils.viz.chatbot import Bot, chatbot_box

FOLDER = "COURSE_PROJECT"                                          # the environment's name for a project's folder
WIDE = {"width": "auto", "overflow": "visible"}
GOES_ON = "Write the beginning of a text, and it goes on."
LOOKS_UP = "It looks passages up, and below an answer stand those that it read."
GREEDY = "It always writes what is likeliest, so Again gives the same once more."
CARE = "It runs on this machine, and nothing you write leaves it. A small model is often wrong: check what it says."


def chat_page(environment: Mapping[str, str] = os.environ) -> ipywidgets.Widget:
    """The page: who answers, and a conversation with it; of a project that cannot be used, a sentence that says why."""
    try:
        project = chosen(environment.get(FOLDER, ""))
        return page(project, assistant(project))
    except (CourseError, OSError) as error:
        return trouble(str(error))


def chosen(folder: str) -> Project:
    """The project saved in this folder; the course's helper where none is named.

    Raises CourseError, with what to do, where the folder is no whole project.
    """
    if not folder:
        return course_helper()
    if not Path(folder).is_dir():
        raise CourseError(f"There is no folder {folder}. Name one that save_project wrote: make app PROJECT=folder.")
    return load_project(Path(folder))


def page(project: Project, bot: Bot) -> ipywidgets.VBox:
    """What the bot of a project is, in a few sentences, and a conversation with it."""
    box = chatbot_box(bot)
    if isinstance(bot, Writer):                                    # it is told nothing
        box.system.layout.display = "none"
    return ipywidgets.VBox([ipywidgets.HTML(about(project, bot)), box], layout=WIDE)


def about(project: Project, bot: Bot) -> str:
    """Who answers and what to expect of it, as HTML."""
    said = {
        GOES_ON: isinstance(bot, Writer),
        LOOKS_UP: project.settings.passages > 0,
        GREEDY: project.settings.sampling is None,
        CARE: True,
    }
    sentences = " ".join(sentence for sentence, holds in said.items() if holds)
    return f"<p><b>{escape(visible(project.card.name))}.</b> {sentences}</p>"


def trouble(sentence: str) -> ipywidgets.HTML:
    """What stands on the page in the place of a conversation that cannot begin."""
    return ipywidgets.HTML(f'<div role="alert" class="course-note">{escape(visible(sentence))}</div>')
