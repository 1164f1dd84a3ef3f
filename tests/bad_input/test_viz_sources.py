"""In the sources: no script writes data as HTML, and no text reaches an f-string of HTML without being escaped."""

import ast
import re
from collections.abc import Iterator

import pytest

from course_utils.paths import REPOSITORY

FOLDERS = ("course_utils", "tools", "app", "classroom", "docs")
KINDS = {".py", ".js", ".j2", ".html"}
WRITES_HTML = re.compile(r"\.(inner|outer)HTML\s*\+?=|insertAdjacentHTML|document\.write\(|\.html\(|\.srcdoc\s*=")
TAG = re.compile(r"</?[a-z][a-z0-9]*[\s>]")
# Parameters that are HTML or numbers written as text, made by the function that hands them on.
MARKUP = {"page", "body", "inside", "style", "weights", "fill", "edge", "tone"}


def unescaped(source: str) -> Iterator[str]:
    """Each parameter for a text that stands bare in an f-string with a tag, as `function: parameter`."""
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef):
            texts = {one.arg for one in function.args.args if one.annotation and "str" in ast.unparse(one.annotation)}
            for node in ast.walk(function):
                if isinstance(node, ast.JoinedStr) and is_html(node):
                    bare = {part.value.id for part in node.values if is_name(part)}
                    yield from (f"{function.name}: {name}" for name in sorted(bare & texts - MARKUP))


def is_html(node: ast.JoinedStr) -> bool:
    return any(isinstance(part, ast.Constant) and TAG.search(part.value) for part in node.values)


def is_name(part: ast.expr) -> bool:
    return isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name)


def test_no_script_of_ours_writes_data_as_html():
    files = [path for folder in FOLDERS for path in (REPOSITORY / folder).rglob("*") if path.suffix in KINDS]
    found = [path.name for path in files if WRITES_HTML.search(path.read_text(encoding="utf-8"))]
    assert len(files) > 300 and found == []


def test_no_text_stands_in_html_without_being_escaped():
    folders = [REPOSITORY / "course_utils" / name for name in ("viz", "exercises")]
    files = [path for folder in folders for path in folder.glob("*.py")] + [REPOSITORY / "course_utils" / "app.py"]
    assert [f"{path.name} {one}" for path in files for one in unescaped(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("line", ["a.innerHTML = b", "a.outerHTML += b", "document.write(b)", "a.srcdoc = b"])
def test_a_script_that_writes_html_is_noticed(line):
    assert WRITES_HTML.search(line)


def test_a_text_that_is_not_escaped_is_noticed_and_one_that_is_is_not():
    assert list(unescaped('def draw(title: str): return f"<b>{title}</b>"')) == ["draw: title"]
    assert not list(unescaped('def draw(title: str): return f"<b>{escape(title)}</b>"'))
