"""Right calls of the pictures: each is drawn, for what is wrong with a text or an array may show only then."""

import numpy as np
from matplotlib.figure import Figure

from course_utils.decoding_tree import Node
from course_utils.music import parse
from course_utils.viz.comparison import Measure
from course_utils.viz.style import plain_png
from tests.bad_input.cases import Case, Made

AREAS = ("viz",)

WORDS = ["the", "cat", "sat"]
EVEN = np.full((3, 3), 1 / 3)
LINE = [1.0, 2.0, 3.0]
GREY = np.full((4, 1, 5, 5), 0.5)
POINTS = np.array([[0.1, 0.2], [0.3, 0.1], [0.2, 0.5]])
SAID = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hi."}]


def drawn(result) -> object:
    """A figure as its picture, as `show` makes it; anything else as it is."""
    return len(plain_png(result)) if isinstance(result, Figure) else result


def picture(name: str, arguments: dict, **more) -> Case:
    """A right call of a function of `viz` whose figure is drawn."""
    return Case(f"viz.{name}", arguments, then=drawn, **more)


CASES = [
    picture("alignment.alignment_viewer", {"source": WORDS, "target": WORDS, "weights": EVEN, "title": "t"}),
    picture("attention.attention_viewer", {"queries": WORDS, "keys": WORDS, "weights": EVEN, "title": "t", "layer": 0,
                                           "head": 0, "query": 1}),
    picture("attention.checked", {"queries": WORDS, "keys": WORDS, "weights": EVEN, "dimensions": Made(lambda: 4)}),
    picture("attention.looks_at", {"row": np.array([0.2, 0.3, 0.5]), "keys": WORDS},
            whole=frozenset({"row", "keys"})),
    picture("attention.visible", {"token": " a"}),
    picture("attention_grid.attention_grid", {"weights": EVEN[None], "queries": WORDS, "keys": WORDS, "title": "t",
                                              "high": 1.0}),
    picture("attention_static.attention_picture", {"queries": WORDS, "keys": WORDS, "weights": EVEN, "query": 1,
                                                   "title": "t"}),
    picture("attention_static.names", {"tokens": WORDS}),
    picture("bertviz_offline.head_view", {"tokens": WORDS, "weights": EVEN[None, None], "title": "t"}),
    picture("bertviz_offline.model_view", {"tokens": WORDS, "weights": EVEN[None, None], "title": "t"}),
    picture("cells.cell_diagram", {"cell": "lstm"}),
    picture("chat.conversation_html", {"messages": Made(lambda: SAID), "trouble": "it failed", "left_out": 1}),
    picture("chat.lines_html", {"messages": Made(lambda: SAID), "notes": ["a note"]}),
    picture("chat.conversation_text", {"messages": Made(lambda: SAID), "left_out": 1}),
    picture("chat.forgotten", {"left_out": 2}),
    picture("chat.visible", {"text": "a"}),
    picture("comparison.measure_dots", {"models": Made(lambda: {"a": (1.0, 0.9, 1.1)}), "x_label": "x", "title": "t"}),
    picture("comparison.parallel_plot", {"models": Made(lambda: {"a": [1.0, 2.0], "b": [2.0, 1.0]}),
                                         "measures": Made(lambda: [Measure("m", True), Measure("n", False)]),
                                         "title": "t"}),
    picture("comparison.pareto_plot", {"models": Made(lambda: {"a": [(1.0, 2.0, "x"), (2.0, 1.0, "y")]}),
                                       "x_label": "x", "y_label": "y", "title": "t"}),
    picture("comparison.bits_map", {"images": GREY[:1], "bits": np.ones((1, 5, 5)), "names": ["a"],
                                    "title": "t"}),
    picture("costs.cost_sheet", {"parameters": 1e8, "tokens": 1e10, "accelerator": "H100", "grid": "world"}),
    picture("curves.bands", {"series": Made(lambda: {"a": np.array([LINE, LINE])}), "x": LINE, "x_label": "x",
                             "y_label": "y", "title": "t"}),
    picture("curves.training_curve", {"steps": LINE, "train": LINE, "title": "t", "unit": "nats", "x_label": "x"}),
    picture("denoising.arrow_field", {"points": POINTS, "places": POINTS, "arrows": POINTS, "title": "t"}),
    picture("diagrams.unrolled", {"tokens": WORDS, "guesses": WORDS}),
    picture("diagrams.encoder_decoder", {"source": WORDS, "target": WORDS, "weights": [0.2, 0.3, 0.5], "step": 1}),
    picture("galleries.gallery", {"rows": Made(lambda: {"a": GREY, "b": GREY}), "headings": ["1", "2", "3", "4"],
                                  "title": "t"}),
    picture("galleries.image_sheet", {"images": GREY, "columns": 2, "captions": ["a", "b", "c", "d"], "title": "t"}),
    picture("galleries.image_pairs", {"upper": GREY, "lower": GREY, "captions": ["a", "b", "c", "d"], "columns": 4,
                                      "title": "t"}),
    picture("galleries.covered", {"images": GREY, "known": np.ones((5, 5), bool)}),
    picture("games.point_clouds", {"clouds": Made(lambda: {"a": POINTS}), "real": POINTS, "title": "t", "reach": 1.6}),
    picture("heatmaps.heatmap", {"matrix": EVEN, "rows": WORDS, "columns": WORDS, "x_label": "x", "y_label": "y",
                                 "title": "t", "value_label": "v"}),
    picture("latent.latent_map", {"codes": POINTS, "labels": np.array([0, 1, 1]), "classes": ["a", "b"], "title": "t"}),
    picture("models_table.models_table", {"models": Made(lambda: [])}),
    picture("piano_roll.piano_roll", {"score": Made(lambda: parse("X:1\nM:4/4\nL:1/4\nK:C\nCDEF|\n")),
                                      "title": "t"}),
    picture("plots.lines", {"series": Made(lambda: {"a": LINE}), "x": LINE, "x_label": "x", "y_label": "y",
                            "title": "t"}),
    picture("plots.scatter", {"x": LINE, "y": LINE, "x_label": "x", "y_label": "y", "title": "t"}),
    picture("plots.bars", {"values": Made(lambda: {"a": 1.0, "b": 2.0}), "x_label": "x", "title": "t",
                           "highlight": ["a"], "digits": 2}),
    picture("plots.small_bars", {"panels": Made(lambda: {"a": {"x": 0.5}, "b": {"y": 0.5}}), "x_label": "x",
                                 "title": "t"}),
    picture("plots.readable", {"token": " a"}),
    picture("positions.dials", {"angles": EVEN, "rows": WORDS, "columns": WORDS}),
    picture("rich.framed", {"page": "<p>a</p>", "height": 10, "title": "t", "text": "a"}),
    picture("rich.unset", {"page": "<p>a</p>"}),
    picture("stages.stages", {"names": WORDS, "notes": WORDS, "here": 1}),
    picture("text_colours.coloured_text", {"text": "abc", "values": LINE, "title": "t", "low": -1.0, "high": 1.0}),
    picture("text_colours.coloured_text_figure", {"text": "abc", "values": LINE, "title": "t", "low": -1.0,
                                                  "high": 1.0}),
    picture("tokens.merge_rows", {"rows": [["a", "b"], ["ab"]], "labels": ["one", "two"]}),
    picture("trees.token_tree", {"nodes": Made(lambda: [Node(None, (), 1.0, 1.0)]), "names": Made(dict),
                                 "prompt": "p"}, whole=frozenset({"nodes"})),
]  # fmt: skip
