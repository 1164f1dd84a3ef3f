"""Everything that writes HTML, as a table: a name, and what it writes when every text in it is one of those given."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
from IPython.display import display
from ipywidgets import Widget

from course_utils import app
from course_utils.architectures import Known
from course_utils.exercises import checks, overview, predictions, quizzes
from course_utils.exercises.specs import Option, Question
from course_utils.viz import alignment_viewer, attention_viewer, coloured_text, conversation_html, live, style
from course_utils.viz.bertviz_offline import head_view, model_view
from course_utils.viz.chat import ChatBox, chat_box, lines_html
from course_utils.viz.chatbot import ChatbotBox, chatbot_box
from course_utils.viz.costs import sheet
from course_utils.viz.models_table import models_table
from course_utils.viz.rich import Rich

Write = Callable[[Sequence[str]], str]
MOST_SYMBOLS = 40
ONE_HEAD = np.eye(2)[None, None]


def each(write: Callable[[str], str]) -> Write:
    """Where only one text fits: all of them, one after the other."""
    return lambda texts: "\n".join(map(write, texts))


def together(write: Callable[[str], str]) -> Write:
    """Where a page for each would take too long: all of them in one text."""
    return lambda texts: write("  ".join(texts))


def even(texts: Sequence[str]) -> np.ndarray:
    """Weights of one head with which each of the texts looks at all."""
    return np.full((1, 1, len(texts), len(texts)), 1 / len(texts))


def shown(draw: Callable[[], None], module) -> str:
    """The HTML that a function of `module` hands to its `show`."""
    with patch.object(module, "show") as show:
        draw()
    return show.call_args.kwargs["html"]


def displayed(draw: Callable[[], None], module) -> str:
    """The HTML that a function of `module` hands to IPython."""
    with patch.object(module, "display") as spy:
        draw()
    return "".join(call.args[0].data for call in spy.call_args_list if hasattr(call.args[0], "data"))


def alt_text(text: str) -> str:
    """What `show` writes below a figure for those who cannot see it."""
    return displayed(lambda: style.show(style.new_figure(0.3)[0], alt=text.ljust(20)), style)


def live_title(text: str) -> str:
    """The same of the curve of a training run."""
    curve = live.LiveCurve(text)
    curve._on_page, curve._losses = True, [2.0, 1.0]
    return displayed(curve.close, live)


@contextmanager
def called(text: str) -> Iterator[None]:
    """Meanwhile a lesson, an exercise, its source and what is wrong with the file of progress are this text."""
    exercise = SimpleNamespace(id=text, title=text, solution_source=lambda: text)
    with (
        patch.object(overview, "LESSONS", [SimpleNamespace(number=1, label="01", title=text)]),
        patch.object(overview, "lesson_exercises", lambda number: [exercise]),
        patch.object(overview, "lesson_quiz", lambda number: []),
        patch.object(overview.record, "damage", lambda: [text]),
        patch.object(checks, "find", lambda id_: exercise),
    ):
        yield


def map_of_the_course(text: str) -> str:
    """`progress` over such a course."""
    with called(text):
        return shown(overview.progress, overview)


def solution_of(text: str) -> str:
    """`solution` of such an exercise."""
    with called(text):
        return shown(lambda: checks.solution("1.1"), checks)


def question_of(text: str) -> Question:
    """A question of a quiz, with its answers."""
    return Question(text, (Option(text, text, right=True), Option(f"not {text}", text)))


def question_html(text: str) -> str:
    """A question of a quiz, and what it answers."""
    return markup(quizzes.question_widget("01", 1, question_of(text), kept=1))


def guess_html(text: str) -> str:
    """A question before a cell, and the guess that was kept."""
    with patch.object(predictions.record, "guess_kept", lambda id_: text):
        return markup(predictions.prediction_widget("1.a", text, [text, "other"]))


def talked(box: ChatBox, text: str) -> ChatBox:
    """A chat box in which this was asked and has been answered."""
    box.ask(text)
    box.wait()
    return box


def chatbot(text: str) -> ChatbotBox:
    """The chatbot's page: told, asked and answered with this text."""
    bot = SimpleNamespace(system=text, read=lambda asked: SimpleNamespace(left_out=1), write=lambda *_: [text])
    return talked(chatbot_box(bot), text)


def chatbot_html(text: str) -> str:
    """The same as HTML, and below it as it is after an answer that failed."""
    box = chatbot(text)
    answered = markup(box)
    box._draw(text)
    return answered + markup(box)


def markup(widget: Widget) -> str:
    """All that the HTML widgets within a widget hold."""
    own = widget.value if type(widget).__name__ == "HTML" else ""
    return own + "".join(markup(child) for child in getattr(widget, "children", ()))


def about_project(text: str) -> str:
    """What the chat page says of a project with this name."""
    settings = SimpleNamespace(passages=3, sampling=None)
    return app.about(SimpleNamespace(card=SimpleNamespace(name=text), settings=settings), bot=None)


def model_row(text: str) -> Rich:
    """The table of models with one row."""
    return models_table([Known(text, 2020, text, 1e9, text, text, arxiv=text)])


def messages(texts: Sequence[str]) -> list[dict[str, str]]:
    """A conversation of these texts."""
    return [{"role": role, "content": text} for text in texts for role in ("user", "assistant")]


VIEWERS: dict[str, Write] = {
    "conversation": lambda texts: conversation_html(messages(texts), left_out=2),
    "conversation, roles": each(lambda text: conversation_html([{"role": text, "content": "a"}])),
    "conversation, trouble": each(lambda text: conversation_html([], trouble=text)),
    "chatbot": each(chatbot_html),
    "lines, notes": lambda texts: lines_html([], texts),
    "coloured text": lambda texts: coloured_text(texts, np.linspace(-1, 1, len(texts))).html,
    "coloured text, title": each(lambda text: coloured_text("ab", [0, 1], title=text).html),
    "attention": lambda texts: attention_viewer(texts, texts, even(texts), query=1).html,
    "attention, title": together(lambda text: attention_viewer(["a"], ["a"], [[1.0]], title=text).html),
    "alignment": lambda texts: alignment_viewer(texts[:MOST_SYMBOLS], texts[:MOST_SYMBOLS], even(texts)[0, 0]).html,
    "alignment, title": together(lambda text: alignment_viewer(["a"], ["a"], np.eye(1), title=text).html),
    "bertviz heads": lambda texts: head_view(texts, even(texts)).html,
    "bertviz heads, title": together(lambda text: head_view(["a", "b"], ONE_HEAD, title=text).html),
    "bertviz model": lambda texts: model_view(texts, even(texts)).html,
    "bertviz model, title": together(lambda text: model_view(["a", "b"], ONE_HEAD, title=text).html),
    "models": each(lambda text: model_row(text).html),
    "costs": lambda texts: sheet([(text, text, text) for text in texts]).html,
    "alt text": together(alt_text),
    "live curve, title": together(live_title),
    "progress": each(map_of_the_course),
    "solution": each(solution_of),
    "question": each(question_html),
    "guess": each(guess_html),
    "project": each(about_project),
    "trouble": each(lambda text: app.trouble(text).value),
}


def show_in_notebook(text: str) -> None:
    """Show, in a running notebook, all that JupyterLab itself draws: widgets, and HTML that stands in no frame."""
    display(predictions.prediction_widget(text, text, [text, f"not {text}"]))
    display(quizzes.question_widget("01", 1, question_of(text), kept=1))
    display(talked(chat_box(lambda asked: [text]), text), chatbot(text), app.trouble(text))
    display(coloured_text(text, [0.5] * len(text), title=text), model_row(text), sheet([(text, text, text)]))
    with called(text):
        overview.progress()
        checks.solution("1.1")
