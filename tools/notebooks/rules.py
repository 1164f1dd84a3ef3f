"""All rules of a lesson's notebook in one table. A rule takes a Notebook and returns its findings, a sentence each."""

from collections.abc import Callable

from tools.notebooks import first_cell, prose, stored, taught
from tools.notebooks.files import Notebook

Rule = Callable[[Notebook], list[str]]

RULES: tuple[Rule, ...] = (
    stored.tidy_file,
    stored.executed_in_order,
    stored.clean_outputs,
    stored.no_paths_in_source,
    stored.small,
    stored.empty_cells,
    stored.nothing_skipped,
    stored.measured_then_judged,
    stored.every_picture_has_alt_text,
    first_cell.colab_line_first,
    taught.title_and_promise,
    taught.costs_as_measured,
    taught.notation_at_the_top,
    taught.small_cells,
    taught.prose_between_code,
    taught.predicts_first,
    taught.picture_after_widget,
    taught.exercises_match_the_registry,
    taught.has_a_quiz,
    taught.references_with_year_and_link,
    taught.says_what_is_next,
    prose.short_sentences,
    prose.no_cheer,
    prose.no_emoji,
    prose.links_resolve,
    prose.embedded_pictures_have_alt_text,
)


def findings(notebook: Notebook) -> list[str]:
    """Everything that any rule finds, in the order of the table."""
    return [finding for rule in RULES for finding in rule(notebook)]
