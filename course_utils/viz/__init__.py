"""Pictures. Everything here draws arrays and strings that somebody else computed."""

from course_utils.viz.plots import bars, lines, scatter, small_bars
from course_utils.viz.style import COLOURS, new_figure, show

__all__ = ["COLOURS", "bars", "lines", "new_figure", "scatter", "show", "small_bars"]
