"""A figure on the page that grows while a model trains."""

import base64
import html
import time
from collections.abc import Sequence

import numpy as np
from IPython import get_ipython
from IPython.display import HTML, display
from matplotlib.figure import Figure

from course_utils.viz.curves import training_curve
from course_utils.viz.style import SPOKEN, plain_png, png

PAUSE = 2.0                                                        # seconds between two drawings, at least
SHARE = 0.05                                                       # of the time may go into drawing
MOST_POINTS = 1500                                                 # more than the figure has pixels to show


class LiveCurve:
    """The training curve on the page, drawn again in place: every two seconds, or more rarely where drawing is slow.

    Without a page before it (a terminal, a log) it shows nothing. A saved notebook holds the last drawing.
    """

    def __init__(self, title: str = "", unit: str = "nats per token"):
        self.title, self.unit = title, unit
        self._losses: Sequence[float] = ()
        self._validation: Sequence[tuple[float, float]] = ()
        self._last_step = 0
        self._due = 0.0
        self._place = None
        self._on_page = hasattr(get_ipython(), "kernel")

    def update(self, step: int, losses: Sequence[float], validation: Sequence[tuple[float, float]] = ()) -> None:
        """Note how far the run is: `losses` from its beginning, evenly spaced, the last one of `step`; drawn when due.

        validation: pairs of step and loss so far.
        """
        self._last_step, self._losses, self._validation = step, losses, validation
        if self._on_page and time.monotonic() >= self._due and len(losses):
            began = time.monotonic()
            self._show(quick=True)
            ended = time.monotonic()
            self._due = ended + max(PAUSE, (ended - began) / SHARE)

    def close(self) -> None:
        """Draw the end of the run and say in words what is seen. A second call does nothing."""
        if self._on_page and len(self._losses):
            self._show(quick=False)
            display(HTML(f'<p style="{SPOKEN}">Figure: {html.escape(self.alt())}</p>'))
        self._on_page = False

    def figure(self) -> Figure:
        """The curve as far as it is known."""
        count = len(self._losses)
        keep = np.unique(np.linspace(0, count - 1, min(count, MOST_POINTS)).round().astype(int)) if count else []
        steps = [self._last_step * (place + 1) / count for place in keep]
        return training_curve(steps, [self._losses[place] for place in keep], self._validation, self.title, self.unit)

    def alt(self) -> str:
        """What the figure shows, in a sentence without numbers that another machine would not reach."""
        checked = ", with the validation loss, its best ringed" if len(self._validation) else ""
        return f"Training loss in {self.unit} against the step{checked}. {self.title}".strip()

    def _show(self, quick: bool) -> None:
        picture = plain_png(self.figure(), compression=1) if quick else png(self.figure())
        bundle = {"image/png": base64.b64encode(picture).decode(), "text/plain": f"Figure: {self.alt()}"}
        alternative = {"image/png": {"alt": self.alt()}}
        if self._place is None:
            self._place = display(bundle, display_id=True, raw=True, metadata=alternative)
        else:
            self._place.update(bundle, raw=True, metadata=alternative)
