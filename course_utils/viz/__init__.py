"""Pictures. Everything here draws arrays and strings that somebody else computed."""

from course_utils.viz.alignment import alignment_viewer
from course_utils.viz.attention import attention_viewer
from course_utils.viz.attention_grid import attention_grid
from course_utils.viz.attention_static import attention_picture
from course_utils.viz.cells import cell_diagram
from course_utils.viz.chat import chat_box, conversation_html, conversation_text
from course_utils.viz.chatbot import chatbot_box
from course_utils.viz.comparison import Measure, bits_map, measure_dots, parallel_plot, pareto_plot
from course_utils.viz.costs import cost_calculator, cost_sheet
from course_utils.viz.curves import bands, training_curve
from course_utils.viz.denoising import arrow_field
from course_utils.viz.diagrams import encoder_decoder, unrolled
from course_utils.viz.galleries import covered, gallery, image_pairs, image_sheet
from course_utils.viz.games import line_game, phase_paths, point_clouds
from course_utils.viz.heatmaps import heatmap
from course_utils.viz.latent import latent_map, latent_plane, level_panels, pixel_numbers
from course_utils.viz.live import LiveCurve
from course_utils.viz.models_table import models_table
from course_utils.viz.piano_roll import piano_roll
from course_utils.viz.plots import bars, lines, scatter, small_bars
from course_utils.viz.positions import dials
from course_utils.viz.scaling import scaling_curves
from course_utils.viz.stacks import stacks, transformer_block
from course_utils.viz.stages import stages
from course_utils.viz.style import COLOURS, new_figure, show
from course_utils.viz.text_colours import coloured_text, coloured_text_figure
from course_utils.viz.tokens import merge_rows
from course_utils.viz.trees import token_tree

__all__ = [
    "COLOURS",
    "LiveCurve",
    "Measure",
    "alignment_viewer",
    "arrow_field",
    "attention_grid",
    "attention_picture",
    "attention_viewer",
    "bands",
    "bars",
    "bits_map",
    "cell_diagram",
    "chat_box",
    "chatbot_box",
    "coloured_text",
    "coloured_text_figure",
    "conversation_html",
    "conversation_text",
    "cost_calculator",
    "cost_sheet",
    "covered",
    "dials",
    "encoder_decoder",
    "gallery",
    "heatmap",
    "image_pairs",
    "image_sheet",
    "latent_map",
    "latent_plane",
    "level_panels",
    "line_game",
    "lines",
    "measure_dots",
    "merge_rows",
    "models_table",
    "new_figure",
    "parallel_plot",
    "pareto_plot",
    "phase_paths",
    "piano_roll",
    "pixel_numbers",
    "point_clouds",
    "scaling_curves",
    "scatter",
    "show",
    "small_bars",
    "stacks",
    "stages",
    "token_tree",
    "training_curve",
    "transformer_block",
    "unrolled",
]
