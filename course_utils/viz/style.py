"""One look for every figure: sizes for notebook width, colours that colour-blind readers can tell apart, alt text."""

import base64
import html
import io
import re
from collections.abc import Mapping

import matplotlib
from IPython.display import HTML, display
from matplotlib.cbook import is_math_text
from matplotlib.figure import Figure
from matplotlib.mathtext import MathTextParser
from matplotlib.text import Text
from PIL import Image

from course_utils.errors import CourseError

# Okabe and Ito 2008, ordered to stay apart for all common kinds of colour blindness; without the yellow (too light).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
GREY = "#595959"
WIDTH = 7.6                                                        # inches; 836 pixels at DPI
DPI = 110
STYLE: Mapping[str, object] = {
    "font.size": 10.5,
    "axes.titlesize": 11.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": matplotlib.cycler(color=COLOURS),
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "lines.linewidth": 2,
}
HALF = re.compile("[\ud800-\udfff]")                              # half a character, which no font has
# Read aloud by a screen reader, out of sight for others.
SPOKEN = "width:1px;height:1px;margin:0;overflow:hidden;clip-path:inset(50%);white-space:nowrap"


def new_figure(height: float = 3.4, columns: int = 1, rows: int = 1, width: float = WIDTH, share_y: bool = False):
    """A figure and its axes, in the style of the course; `height` in inches. One axes, or an array of them."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
        return figure, figure.subplots(rows, columns, sharey=share_y)


def show(figure: Figure, alt: str, colours: int = 128) -> None:
    """Display a figure with a text that says what it shows to whoever cannot see it (`alt`, at least 20 characters).

    colours: see `png`.
    """
    if len(alt) < 20:
        raise CourseError(f"alt={alt!r} is too short to replace a picture; say what is drawn and what it shows.")
    image = {"image/png": base64.b64encode(png(figure, colours)).decode(), "text/plain": f"Figure: {alt}"}
    display(image, raw=True, metadata={"image/png": {"alt": alt}})
    display(HTML(f'<p style="{SPOKEN}">Figure: {html.escape(alt)}</p>'))


def png(figure: Figure, colours: int = 128) -> bytes:
    """The figure as a PNG with a palette of 128 colours: a third of the size, and no difference to the eye.

    With 32 a page of small grey photographs is a third smaller again, and looks the same.
    """
    packed = io.BytesIO()
    drawn = io.BytesIO(plain_png(figure))
    # without a round of k-means an orange ring on a page of greys turns brown
    image = Image.open(drawn).convert("RGB").quantize(colors=colours, kmeans=1, dither=Image.Dither.NONE)
    image.save(packed, format="PNG", optimize=True)
    return packed.getvalue()


def plain_png(figure: Figure, compression: int = 6) -> bytes:
    """The figure as a PNG in all its colours. A text between `$` that is no formula is drawn as it is written."""
    drawn, settings = io.BytesIO(), {"format": "png", "pil_kwargs": {"compress_level": compression}}
    try:
        figure.savefig(drawn, **settings)
    except (TypeError, ValueError):                                # no formula, or half a character
        drawn = io.BytesIO()
        for text in figure.findobj(Text):
            _make_drawable(text)
        figure.savefig(drawn, **settings)
    return drawn.getvalue()


def _make_drawable(text: Text) -> None:
    words = HALF.sub("□", text.get_text())
    text.set_text(words)
    try:
        if is_math_text(words):
            MathTextParser("path").parse(words)
    except ValueError:
        text.set_parse_math(False)
