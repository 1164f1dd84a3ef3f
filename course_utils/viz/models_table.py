"""The table of well-known language models, for a page and for a screen without one."""

from collections.abc import Sequence
from html import escape

from course_utils.architectures import MODELS, Known, rows
from course_utils.viz.rich import SHEET, Rich, unset

HEAD = ("model", "year", "architecture", "parameters", "trained on", "weights", "source")
CELL = "text-align:left;padding:3px 12px 3px 0;vertical-align:top;font-size:13px;background-color:#ffffff;color:#000000"


def models_table(models: Sequence[Known] = MODELS) -> Rich:
    """One row a model, in the order given; every character escaped. B is a thousand millions, T a thousand B."""
    body = rows(models)
    head = "".join(f'<th scope="col" style="{CELL}">{escape(name)}</th>' for name in HEAD)
    lines = "".join(f"<tr>{_cells(row)}</tr>" for row in body)
    table = f'<table style="border-collapse:collapse"><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>'
    widths = [max(len(row[column]) for row in [HEAD, *body]) for column in range(len(HEAD))]
    text = "\n".join(_line(row, widths) for row in [HEAD, *body])
    return Rich(unset(f'<div style="{SHEET};overflow-x:auto">{table}</div>'), text)


def _cells(row: tuple[str, ...]) -> str:
    name, *others = (escape(part) for part in row)
    first = f'<th scope="row" style="{CELL}">{name}</th>'
    return first + "".join(f'<td style="{CELL}">{part}</td>' for part in others)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(part.ljust(width) for part, width in zip(row, widths, strict=True)).rstrip()
