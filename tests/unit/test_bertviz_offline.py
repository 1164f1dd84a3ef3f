"""bertviz's views without a server: both scripts in the page, nothing asked for, text escaped, weights kept."""

import base64
import json
import re
import zlib
from html.parser import HTMLParser

import numpy as np
import pytest

from course_utils.assets import AssetError
from course_utils.errors import CourseError
from course_utils.viz.bertviz_offline import _split, head_view, model_view
from course_utils.viz.rich import Rich

HOSTILE = "</script><img src=x onerror=alert(1)>"
TOKENS = ["[CLS]", "the", "cat", "[SEP]"]
BOTH = pytest.mark.parametrize("view", [head_view, model_view])


def heads(layers: int, count: int, queries: int, keys: int) -> np.ndarray:
    scores = np.random.default_rng(0).normal(size=(layers, count, queries, keys))
    return np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)


class Page(HTMLParser):
    """The tags of a page with their attributes, and the text within each."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words.append(data)


def inside(rich: Rich) -> Page:
    return Page(next(a for tag, a in Page(rich.html).tags if tag == "iframe")["srcdoc"])


def code(rich: Rich) -> str:
    """What the page unpacks and runs."""
    packed = max(inside(rich).words, key=len)
    return zlib.decompress(base64.b64decode(packed)).decode()


def params(rich: Rich) -> dict:
    return json.loads(re.search(r"const params = (\{.*?\}); // HACK", code(rich))[1])


@BOTH
def test_the_scripts_are_in_the_page_and_stand_before_the_one_that_asks_for_them(view):
    run = code(view(TOKENS, heads(1, 2, 4, 4)))
    parts = ("jQuery v3.6.0", "d3js.org v5.7.0", "window.requirejs =", "requirejs(['jquery'")
    order = [run.index(part) for part in parts]
    assert order == sorted(order)


@BOTH
def test_no_address_is_asked_for_anything(view):
    rich = view(TOKENS, heads(1, 2, 4, 4), title="Title")
    assert "cdnjs" not in code(rich) + rich.html and "require.config" not in code(rich)
    addresses = {re.sub(r"^https?://([^/]+).*", r"\1", a) for a in re.findall(r"https?://[^\s\"')]+", code(rich))}
    assert addresses <= {"www.w3.org", "d3js.org", "github.com"}      # names of standards, and comments
    assert not re.search(r"https?:|<link|@import|url\(", rich.html)
    page = inside(rich)
    assert page.tags[0][1]["content"] == "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"
    assert not any("src" in attributes or "href" in attributes for _, attributes in page.tags)


@BOTH
def test_tokens_and_title_are_escaped_and_add_no_element(view):
    hostile = view([HOSTILE, "b"], heads(1, 2, 2, 2), title=HOSTILE)
    plain = view(["a", "b"], heads(1, 2, 2, 2), title="t")
    assert [tag for tag, _ in Page(hostile.html).tags] == [tag for tag, _ in Page(plain.html).tags]
    assert [tag for tag, _ in inside(hostile).tags] == [tag for tag, _ in inside(plain).tags]
    assert HOSTILE in inside(hostile).words                            # the title
    assert params(hostile)["attention"][0]["left_text"][0] == HOSTILE.replace(" ", "␣")
    assert ".html(" not in code(plain).split("requirejs(['jquery'")[1]  # bertviz writes tokens as text


@BOTH
def test_the_weights_are_those_given_to_three_decimals(view):
    weights = heads(2, 3, 4, 4)
    found = params(view(TOKENS, weights))["attention"][0]["attn"]
    np.testing.assert_array_equal(found, np.round(weights, 3))


@BOTH
def test_only_the_chosen_layers_are_kept_and_keep_their_numbers(view):
    weights = heads(6, 2, 4, 4)
    found = params(view(TOKENS, weights, layers=[4, 2]))
    assert found["include_layers"] == [4, 2]
    np.testing.assert_array_equal(found["attention"][0]["attn"], np.round(weights[[4, 2]], 3))


def test_the_head_view_opens_at_the_first_chosen_layer_with_the_chosen_heads():
    found = params(head_view(TOKENS, heads(6, 4, 4, 4), layers=[3, 5], heads=[2]))
    assert (found["layer"], found["heads"]) == (3, [2])


@BOTH
def test_queries_may_look_at_another_text(view):
    found = params(view(["le", "chat"], heads(2, 2, 2, 3), keys=["the", " cat", "."]))["attention"]
    assert [(part["name"], part["left_text"], part["right_text"]) for part in found] == [
        ("Cross", ["le", "chat"], ["the", "␣cat", "."])
    ]


@BOTH
def test_the_same_view_is_the_same_page(view):
    assert view(TOKENS, heads(1, 2, 4, 4)).html == view(TOKENS, heads(1, 2, 4, 4)).html


@BOTH
def test_where_frames_are_taken_away_a_line_of_text_is_left(view):
    rich = view(TOKENS, heads(2, 3, 4, 4), title="MiniLM")
    kind = view.__name__.replace("_", " ")
    assert rich.text.split("\n") == [
        "MiniLM",
        f"bertviz {kind} of 2 layers of 3 heads, 4 tokens looking at 4. It needs a page that runs scripts.",
    ]
    assert rich.text in Page(rich.html).words


@BOTH
def test_scripts_and_all_heads_of_minilm_at_13_tokens_are_packed_to_half_their_size(view):
    rich = view(["warm"] * 13, heads(6, 12, 13, 13))
    assert len(rich.html) < 210_000 < len(code(rich)) / 2


@BOTH
def test_bad_input_is_refused(view):
    with pytest.raises(CourseError, match='attn_implementation="eager"'):
        view(TOKENS, None)
    with pytest.raises(CourseError, match=r"shape \(1, 2, 3, 3\); expected"):
        view(TOKENS, heads(1, 2, 3, 3))
    for layers, said in (([6], "no layer 6; expected numbers from 0 to 1"), ([], "no layer chosen")):
        with pytest.raises(CourseError, match=said):
            view(TOKENS, heads(2, 2, 4, 4), layers=layers)
    with pytest.raises(CourseError, match=r"294,912 weights.*layers=\[0, 5\]"):
        view(["x"] * 64, heads(6, 12, 64, 64))
    assert view(["x"] * 64, heads(6, 12, 64, 64), layers=[0, 5])


def test_heads_that_are_not_there_are_refused():
    with pytest.raises(CourseError, match="no head 3; expected numbers from 0 to 2"):
        head_view(TOKENS, heads(2, 3, 4, 4), heads=[0, 3])


@pytest.mark.parametrize("change", ["<p>", "require.config({paths: {}});"])
def test_a_bertviz_that_builds_its_pages_in_another_way_is_refused(change):
    view = (
        '<script src="https://a.b/require.min.js"></script><div></div><script type="text/javascript">'
        "require.config({ paths: { d3: 'https://a.b/d3' } }); requirejs(['d3'], f)</script>\n"
    )
    assert _split(view) == ("<div></div>", " requirejs(['d3'], f)")
    with pytest.raises(CourseError, match="install bertviz 1.4.1"):
        _split(view.replace("requirejs(", change + "requirejs(") if "config" in change else change + view)


def test_a_script_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    with pytest.raises(AssetError, match="python -m course_utils.assets jquery"):
        head_view(TOKENS, heads(1, 1, 4, 4))
