"""How each shipped checkpoint was made, and how to load it. `python -m course_utils.train NAME` makes it again."""

from course_utils.recipes.base import Prepared, Recipe, about, load, load_from
from course_utils.recipes.pronunciation import G2P_ATTENTION, G2P_PLAIN
from course_utils.recipes.sotu import GRU_SOTU, LSTM_SOTU, RNN_SOTU

RECIPES = {
    recipe.name: recipe for recipe in (RNN_SOTU, GRU_SOTU, LSTM_SOTU, G2P_PLAIN, G2P_ATTENTION)
}

__all__ = ["RECIPES", "Prepared", "Recipe", "about", "load", "load_from"]
