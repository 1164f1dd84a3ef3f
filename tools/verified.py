"""What is verified against what: test modules declare it at their top, and this reads them, without importing any.

    TOLERANCE = 1e-5
    VERIFIES = [Verified("06", "attention, one head and many", "`torch`'s kernel, weights copied", TOLERANCE)]

A tolerance that is a number is a constant of the module, the very one that its assertions use.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from course_utils.paths import REPOSITORY

TESTS = REPOSITORY / "tests"
DECLARATION = "VERIFIES"
EVERYWHERE = "all"
COMPARING = {"approx", "allclose", "isclose", "assert_close"}      # calls that take a tolerance


class Verified(NamedTuple):
    """One comparison: lesson ("06" or "all"), what, against what, within what, and of what that is a share or unit."""

    lesson: str
    what: str
    against: str
    within: float | str
    of: str = ""


def modules() -> list[Path]:
    """Every test module that declares something, by name."""
    written = {path: path.read_text(encoding="utf-8") for path in sorted(TESTS.glob("*/test_*.py"))}
    return [path for path, text in written.items() if f"\n{DECLARATION} = [" in text]


def declared(path: Path) -> list[Verified]:
    """What a module declares; none where it declares nothing. Raises SystemExit where a row cannot be read."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    known = constants(tree)
    try:
        return [Verified(*(value(cell, known) for cell in row.args)) for row in rows(tree)]
    except (KeyError, TypeError, ValueError) as error:
        raise SystemExit(
            f"{path.name}: expected rows of {DECLARATION} made of strings and constants of the module, got {error}; "
            "see the beginning of tools/verified.py."
        ) from None


def rows(tree: ast.Module) -> list[ast.Call]:
    """The calls of Verified in the module's declaration."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == DECLARATION:
            return list(node.value.elts)
    return []


def constants(tree: ast.Module) -> dict[str, object]:
    """Names that the module gives to literal values at its top level."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            try:
                values = ast.literal_eval(node.value)
            except ValueError:
                continue
            target = node.targets[0]
            alone = isinstance(target, ast.Name)
            found |= {target.id: values} if alone else dict(zip(names(target), values, strict=True))
    return found


def names(node: ast.AST) -> list[str]:
    """All names within a piece of code."""
    return [inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)]


def value(node: ast.expr, known: dict[str, object]) -> object:
    """A literal, a constant by its name, or one of a dictionary of constants. Raises KeyError, ValueError."""
    if isinstance(node, ast.Name):
        return known[node.id]
    if isinstance(node, ast.Subscript):
        return value(node.value, known)[value(node.slice, known)]
    return ast.literal_eval(node)


def tolerances(tree: ast.Module) -> list[ast.expr]:
    """The code of each declared tolerance."""
    return [row.args[3] for row in rows(tree)]


def asserted(tree: ast.Module) -> set[str]:
    """Names that bound something: right of < or <= in an assertion, or in a call that compares within a tolerance.

    What stands under `not` or beside != shows that a test can fail, and bounds nothing.
    """
    found = set()
    for node in upheld(tree):
        called = ast.unparse(node.func).split(".")[-1] if isinstance(node, ast.Call) else None
        bounding = isinstance(node, ast.Compare) and isinstance(node.ops[-1], (ast.Lt, ast.LtE))
        if called in COMPARING or bounding:
            found |= set(names(node if called else node.comparators[-1]))
    return found


def upheld(node: ast.AST) -> Iterator[ast.AST]:
    """The node and all within it, less what is denied."""
    denied = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    denied = denied or (isinstance(node, ast.Compare) and isinstance(node.ops[-1], ast.NotEq))
    if not denied:
        yield node
        for child in ast.iter_child_nodes(node):
            yield from upheld(child)


def table(everywhere: bool) -> str:
    """What is declared of the course as a whole, or else lesson by lesson, as Markdown; each row links to its tests."""
    columns = ["what", "verified against", "within"] if everywhere else ["lesson", "what", "verified against", "within"]
    lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    for row, path in sorted(found(everywhere), key=lambda pair: pair[0].lesson):
        link = f"[{row.what}]({path.relative_to(REPOSITORY).as_posix()})"
        within = row.within if isinstance(row.within, str) else number(row.within)
        cells = [row.lesson, link, row.against, f"{within} {row.of}".strip()]
        lines.append(f"| {' | '.join(cells[-len(columns) :])} |")
    return "\n".join(lines)


def found(everywhere: bool) -> list[tuple[Verified, Path]]:
    """Every row that is of the course as a whole, or else of a lesson, with the module that declares it."""
    rows = [(row, path) for path in modules() for row in declared(path)]
    return [(row, path) for row, path in rows if (row.lesson == EVERYWHERE) == everywhere]


def number(value: float) -> str:
    """A tolerance as people write it: 1e-5, 0.002."""
    return f"{value:.0e}".replace("e-0", "e-") if value <= 1e-3 else f"{value:g}"
