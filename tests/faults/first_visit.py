"""What a reader does in the first minutes, in whatever surroundings this process has; prints what came out, as JSON.

Data are read, a model counts, an exercise is checked, a picture is drawn, the progress is shown, and a hub is heard
that names the hour at which to ask again.
A test compares the visit in odd surroundings with the same one in ordinary ones.
"""

import contextlib
import email.utils
import hashlib
import io
import json
import locale
import sys
import time

from course_utils import hub
from course_utils.exercises import check, progress
from course_utils.exercises.specs import find
from course_utils.text import load_names, load_sotu
from course_utils.viz import bars
from course_utils.viz.style import png


def printed(action, *arguments) -> str:
    """What an action prints."""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        action(*arguments)
    return said.getvalue()


def digest(content: bytes) -> str:
    """A short name of this content."""
    return hashlib.sha256(content).hexdigest()[:12]


def visit() -> dict[str, str]:
    """Name of a thing done -> what came out."""
    sotu, names = load_sotu().train, load_names()
    in_an_hour = email.utils.formatdate(time.time() + 3600, usegmt=True)
    figure = bars({"é": 0.5, "ñ": 0.25, "1 ½": 0.25}, "probability")
    return {
        "texts": digest(sotu.encode()) + digest(repr(names).encode()),
        "numbers": f"{len(sotu):,} {len(sotu) / 7:,.2f}",
        "figure": digest(png(figure)),
        "check": printed(check, "1.1", find("1.1").reference),
        "wrong": printed(check, "1.1", lambda tokens, n: {}),
        "progress": printed(progress),
        "minutes to wait": f"{hub.seconds_to_wait(in_an_hour, 1) / 60:.0f}",
    }


if __name__ == "__main__":
    with contextlib.suppress(locale.Error):
        locale.setlocale(locale.LC_ALL, "")          # as a program does that wants the reader's own decimal commas
    json.dump(visit(), sys.stdout)
