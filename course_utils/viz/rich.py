"""Something for a page that can show HTML, with text that says the same for one that cannot."""

import html
from dataclasses import dataclass

# The sheet that HTML is written on: white, so that it looks the same on a dark page.
SHEET = (
    "background-color:#ffffff;color:#000000;border:1px solid #d0d0d0;border-radius:6px;padding:10px 14px;"
    "max-width:806px;font-family:sans-serif;font-size:14px"
)
# First in a page that runs scripts: they may draw and nothing else, and no address is asked for anything.
NO_REQUESTS = (
    "<meta http-equiv='Content-Security-Policy' "
    "content=\"default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'\">"
)


@dataclass(frozen=True)
class Rich:
    """HTML, with scripts only in a frame of `framed`, and its text. As the last value of a cell it is shown by itself;
    elsewhere use `display`."""

    html: str
    text: str

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        """What a notebook asks for."""
        return {"text/html": self.html, "text/plain": self.text}

    def __str__(self) -> str:
        return self.text


def unset(page: str) -> str:
    """HTML in which JupyterLab sets no formulas: what stands between two `$` stays as it was typed."""
    return f'<div class="mathjax_ignore">{page}</div>' if "$" in page or "\\" in page else page


def framed(page: str, height: int, title: str, text: str, scripts: bool = False) -> str:
    """HTML for a page within the page, `height` pixels high: its rules of style touch nothing else, and no script runs.

    With `scripts`, those of the page run, shut in: they see nothing outside it. Begin such a page with NO_REQUESTS.
    A notebook that was opened but not run, and GitHub, take the frame and the rules away; then `text` is what is left.
    """
    source = page.replace("&", "&amp;").replace('"', "&quot;")
    sandbox = "allow-scripts" if scripts else ""
    return (
        "<style>.course-text-left{display:none}</style>"
        f'<iframe sandbox="{sandbox}" title="{html.escape(title)}" srcdoc="{source}" width="100%" height="{height}" '
        f'style="border:0;max-width:840px"></iframe><pre class="course-text-left">{html.escape(text)}</pre>'
    )
