"""What Sphinx lacks for this site: formulas as MathML, made while it builds, and the alt texts of the figures.

MathML needs no script and no request, is read aloud, and follows the colours of the page. A formula that cannot be
converted is a warning, and a warning ends the build.
"""

import html
from pathlib import Path

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.application import Sphinx
from sphinx.util import logging

from tools.notebooks.files import read
from tools.site.pages import figures

LOG = logging.getLogger(__name__)
LONG = 30                                                          # characters: may be too wide for a phone
MATHML = LatexToMathML(annotation=True, fancy_error=False)


def formula(node: nodes.Element, block: bool) -> str:
    """The formula of a node as MathML; with a warning, its source where it cannot be converted."""
    try:
        return MATHML.convert_with_local_state(node.astext(), displaystyle=block)
    except LatexError as error:
        LOG.warning("no MathML for %r: %s", node.astext(), error, location=node)
        return html.escape(node.astext())


def visit_inline(translator, node: nodes.math) -> None:
    """Write a formula within a line; a line is not broken within it, so a long one must be able to move."""
    markup = formula(node, block=False)
    if len(node.astext()) > LONG:
        markup = f'<span class="course-long" tabindex="0">{markup}</span>'
    translator.body.append(markup)
    raise nodes.SkipNode


def visit_block(translator, node: nodes.math_block) -> None:
    """Write a formula on lines of its own; one that is too wide is moved sideways within its box, by keys too."""
    reached = 'tabindex="0" role="group" aria-label="formula"'
    translator.body.append(f'<div class="course-formula" {reached}>{formula(node, block=True)}</div>')
    raise nodes.SkipNode


def add_alt_texts(app: Sphinx, doctree: nodes.document) -> None:
    """Give each figure of a notebook the alt text that stands in the output's metadata; a missing one is a warning."""
    source = Path(app.env.doc2path(app.env.docname))
    known = {}
    if source.suffix == ".ipynb":
        outputs = [output for cell in read(source).cells for output in cell.get("outputs", [])]
        known = figures(outputs)
    for image in doctree.findall(nodes.image):
        image["alt"] = image.get("alt") or known.get(Path(image["uri"]).stem, "")
        if not image["alt"]:
            LOG.warning("a picture without alt text: %s", image["uri"], location=app.env.docname)


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    app.connect("doctree-read", add_alt_texts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
