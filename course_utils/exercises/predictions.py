"""Predict first: the reader commits to a guess before the cell runs, and sees it beside what came out."""

from collections.abc import Sequence
from html import escape

import ipywidgets

from course_utils.exercises import record
from course_utils.exercises.showing import in_notebook, show


def predict(prediction_id: str, question: str, options: Sequence[str], guess: int | None = None) -> None:
    """Ask for a guess and keep it.

    `options` are texts. Where no buttons appear, `guess=2` in the call keeps the second option.
    """
    texts = [str(option) for option in options]
    if guess is not None:
        print(_keep_by_number(prediction_id, texts, guess))
        return
    widget = prediction_widget(prediction_id, question, texts) if in_notebook() else None
    show(_plain(question, texts), widget=widget)


def reveal(prediction_id: str, outcome: object) -> None:
    """Print the guess that was kept beside what came out."""
    guess = record.guess_kept(prediction_id)
    print(f"Your guess: {guess}. It came out: {outcome}." if guess else f"No guess kept. It came out: {outcome}.")


def prediction_widget(prediction_id: str, question: str, options: list[str]) -> ipywidgets.VBox:
    """The question, one radio button an option, and a line that says what was kept."""
    kept = record.guess_kept(prediction_id)
    buttons = ipywidgets.RadioButtons(options=options, value=kept if kept in options else None)
    buttons.layout.width = "auto"
    note = ipywidgets.HTML(_note(kept) if kept in options else "Choose one. Your guess is kept on this computer.")

    def keep(change):
        note.value = escape(record.record_guess(prediction_id, change["new"])) or _note(change["new"])

    buttons.observe(keep, names="value")
    return ipywidgets.VBox([ipywidgets.HTML(f"<b>Predict first.</b> {escape(question)}"), buttons, note])


def _note(guess: str) -> str:
    return f"Kept: {escape(guess)}. Now run the next cell."


def _plain(question: str, options: list[str]) -> str:
    lines = [f"  {number}  {option}" for number, option in enumerate(options, start=1)]
    return "\n".join(
        [f"Predict first. {question}", *lines, "Where no buttons appear, add guess=1 (or 2, ...) to the call."]
    )


def _keep_by_number(prediction_id: str, options: list[str], guess: int) -> str:
    if guess not in range(1, len(options) + 1):
        return f"predict: guess is {guess!r}; expected a number from 1 to {len(options)}."
    chosen = options[guess - 1]
    return record.record_guess(prediction_id, chosen) or f"Kept: {chosen}."
