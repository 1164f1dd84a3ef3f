"""The live curve draws in one place, not too often, ends with the truth, and is silent where nobody looks."""

import base64
from types import SimpleNamespace

import pytest

from course_utils.viz import LiveCurve, live


class Place:
    """Where a figure was displayed; keeps what it is replaced by."""

    def __init__(self):
        self.updates = []

    def update(self, bundle, **settings):
        self.updates.append((bundle, settings))


@pytest.fixture
def page(monkeypatch):
    """A page: what was displayed, the place of the figure, and a clock that a test moves; drawing takes no time."""
    seen = SimpleNamespace(shown=[], place=Place(), now=100.0)

    def display(*things, **settings):
        seen.shown.append((things[0], settings))
        return seen.place if settings.get("display_id") else None

    monkeypatch.setattr(live, "display", display)
    monkeypatch.setattr(live, "get_ipython", lambda: SimpleNamespace(kernel=True))
    monkeypatch.setattr(live, "time", SimpleNamespace(monotonic=lambda: seen.now))
    return seen


def test_the_first_loss_is_drawn_at_once_and_later_ones_in_the_same_place(page):
    curve = LiveCurve("RNN", "nats per byte")
    curve.update(1, [5.0])
    page.now += 2.5
    curve.update(2, [5.0, 4.0])
    assert (len(page.shown), len(page.place.updates)) == (1, 1)
    assert page.shown[0][1]["display_id"] is True


def test_between_two_drawings_pass_two_seconds(page):
    curve, losses = LiveCurve(), []
    for step in range(1, 51):                                       # 5 seconds: drawn at 0.1, 2.2 and 4.3
        page.now += 0.1
        losses.append(3.0)
        curve.update(step, losses)
    assert len(page.place.updates) == 2


def test_drawing_takes_at_most_a_twentieth_of_the_time(page, monkeypatch):
    def slow(figure, compression):
        page.now += 1.0
        return b""

    monkeypatch.setattr(live, "plain_png", slow)
    curve = LiveCurve()
    curve.update(1, [3.0])
    page.now += 19.0
    curve.update(2, [3.0, 2.0])
    assert not page.place.updates
    page.now += 1.5
    curve.update(3, [3.0, 2.0, 1.0])
    assert len(page.place.updates) == 1


def test_closing_draws_the_last_state_once_and_says_it_in_words(page):
    curve = LiveCurve("RNN <small>", "nats per byte")
    curve.update(1, [5.0])
    curve.update(2, [5.0, 4.0], [(2, 4.1)])                         # not due
    curve.close()
    curve.close()
    curve.update(3, [5.0, 4.0, 3.0], [(2, 4.1)])                    # after the end: nothing
    [(bundle, settings)] = page.place.updates
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert bundle["text/plain"] == f"Figure: {curve.alt()}"
    assert settings["metadata"]["image/png"]["alt"] == curve.alt() and len(curve.alt()) >= 20
    assert "RNN &lt;small&gt;" in page.shown[-1][0].data
    assert len(page.shown) == 2


def test_the_words_under_the_curve_hold_no_number_that_another_machine_would_not_reach(page):
    curve = LiveCurve("RNN")
    curve.update(1, [5.25], [(1, 4.125)])
    assert not any(character.isdigit() for character in curve.alt())


def test_a_run_that_ends_before_its_first_step_shows_nothing(page):
    curve = LiveCurve()
    curve.update(0, [])
    curve.close()
    assert page.shown == [] and page.place.updates == []


@pytest.mark.parametrize("shell", [None, SimpleNamespace()], ids=["python", "IPython without a page"])
def test_without_a_page_the_curve_is_silent_but_still_known(page, monkeypatch, shell):
    monkeypatch.setattr(live, "get_ipython", lambda: shell)
    curve = LiveCurve()
    curve.update(2, [5.0, 4.0])
    curve.close()
    assert page.shown == []
    assert curve.figure().axes[0].lines[0].get_ydata().tolist() == [5.0, 4.0]


def test_losses_stand_at_their_steps_also_when_only_every_tenth_is_kept(page):
    curve = LiveCurve()
    curve.update(30, [5.0, 4.0, 3.0])
    assert curve.figure().axes[0].lines[0].get_xdata().tolist() == [10, 20, 30]


def test_a_long_run_is_thinned_to_what_the_figure_can_show_with_both_ends_kept(page):
    curve = LiveCurve()
    curve.update(10_000, list(range(10_000)))
    drawn = curve.figure().axes[0].lines[0]
    assert len(drawn.get_xdata()) == live.MOST_POINTS
    assert (drawn.get_xdata()[0], drawn.get_xdata()[-1], drawn.get_ydata()[-1]) == (1, 10_000, 9_999)
