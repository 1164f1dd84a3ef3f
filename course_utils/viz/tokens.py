"""How a piece of text grows together: its tokens after each merge, each box as wide as the letters it covers."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from course_utils.errors import CourseError
from course_utils.viz.canvas import MEMORY, PLAIN, STATE, Canvas
from course_utils.viz.style import GREY, WIDTH

MOST_ROWS, MOST_CHARACTERS = 14, 24
ROW, LABELS, GAP = 0.52, 1.75, 0.05                                # inches: height of a row, room for labels, space


def merge_rows(rows: Sequence[Sequence[str]], labels: Sequence[str] = ()) -> Figure:
    """A text cut into tokens several times, one row below another; what the row above did not have is orange.

    rows: lists of tokens that all spell the same text; labels: a word or two for each row, at its left. White space is
    made visible. Raises CourseError where rows spell different texts, and for more than fit the page.
    """
    spelled = {"".join(row) for row in rows}
    if len(spelled) != 1 or not 0 < len(max(spelled)) <= MOST_CHARACTERS or len(rows) > MOST_ROWS:
        raise CourseError(
            f"{len(rows)} rows spell {len(spelled)} texts; expected 1 to {MOST_ROWS} rows of one text of 1 to "
            f"{MOST_CHARACTERS} characters."
        )
    if len(labels) not in (0, len(rows)):
        raise CourseError(f"{len(labels)} labels for {len(rows)} rows; expected one for each, or none.")
    page = Canvas(ROW * len(rows) + 0.2)
    left = LABELS if labels else 0.2
    letter = min(0.5, (WIDTH - left - 0.2) / len(max(spelled)))
    before: set[tuple[int, str]] = set()
    for number, row in enumerate(rows):
        y = ROW * (len(rows) - number - 0.5) + 0.1
        if labels:
            page.text(0.15, y, labels[number], GREY, align="left", size=9.5)
        places = list(_places(row))
        for place, token in places:
            new = bool(before) and (place, token) not in before
            middle, width = left + letter * (place + len(token) / 2), letter * len(token) - GAP
            colour = MEMORY if new else STATE if len(token) > 1 else PLAIN
            page.box(middle, y, _visible(token), colour, width, ROW - 0.14)
        before = set(places)
    return page.figure


def _places(row: Sequence[str]):
    start = 0
    for token in row:
        yield start, token
        start += len(token)


def _visible(token: str) -> str:
    return token.replace(" ", "␣").replace("\n", "↵").replace("$", r"\$")
