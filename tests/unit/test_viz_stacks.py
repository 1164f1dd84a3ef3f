"""The pictures of a block and of the three kinds of transformer say what is in them."""

from matplotlib.text import Text

from course_utils.viz import stacks, transformer_block


def words(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_a_block_has_two_layers_each_with_a_norm_and_a_sum():
    shown = words(transformer_block())
    assert shown.count("norm") == shown.count("+") == 2
    assert shown.index("attention") < shown.index("feed-forward")


def test_of_four_stacks_two_are_causal_and_one_looks_across():
    shown = words(stacks())
    assert shown.count("causal attention") == shown.count("attention, no mask") == 2
    assert shown.count("cross-attention") == 1
    assert shown.count("feed-forward") == shown.count("embedding") == 4
    assert shown.count("next token") == 2 and shown.count("a vector a token") == 1
