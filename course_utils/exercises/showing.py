"""Put a widget or a table on the page together with plain text that says the same.

A page without a kernel (GitHub, the site, print) and a terminal show the text; JupyterLab shows the rich form. The text
is what a committed notebook is compared by, so it never depends on what the reader did before.
"""

from IPython import get_ipython
from IPython.display import display
from ipywidgets import Widget

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def in_notebook() -> bool:
    """True where there is a kernel with a page before it."""
    shell = get_ipython()
    return shell is not None and getattr(shell, "kernel", None) is not None


def show(text: str, *, html: str | None = None, widget: Widget | None = None) -> None:
    """Show a widget or HTML with its text; outside a notebook print the text."""
    if not in_notebook():
        print(text)
        return
    bundle = {"text/plain": text}
    if html is not None:
        from course_utils.viz.rich import unset  # not before: pictures take a second to import

        bundle["text/html"] = unset(html)
    if widget is not None:
        bundle[WIDGET_VIEW] = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    display(bundle, raw=True)
