"""Exercise 9.5: the task that T5 learned language by. Stretches of a text are hidden, and the decoder writes them."""

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception


def hide(ids, spans, sentinel, end):
    """Span corruption: what the encoder reads and what the decoder has to write. Raffel et al. 2020, section 3.1.4.

    ids: a list. spans: (start, stop) of each hidden stretch, stop not included, in order; at least one token stands
    between two. Each stretch is replaced by one sentinel: `sentinel`, then sentinel − 1, sentinel − 2, … The target
    has, for each, its sentinel and what it hides, and one more sentinel at the end. Both lists close with `end`.
    """
    read, write, place = [], [], 0
    for number, (start, stop) in enumerate(spans):
        read += [*ids[place:start], sentinel - number]
        write += [sentinel - number, *ids[start:stop]]
        place = stop
    return [*read, *ids[place:], end], [*write, sentinel - len(spans), end]


def _hide(ids, spans, sentinel, end, step=-1, each_token=False, marked=True, last=True, ends=(True, True)):
    """The same with one thing otherwise."""
    read, write, place = [], [], 0
    for number, (start, stop) in enumerate(spans):
        mark = sentinel + step * number
        read += [*ids[place:start], *[mark] * (stop - start if each_token else 1)]
        write += [*([mark] if marked else []), *ids[start:stop]]
        place = stop
    read += [*ids[place:], *([end] if ends[0] else [])]
    return read, [*write, *([sentinel + step * len(spans)] if last else []), *([end] if ends[1] else [])]


def _stop_included(ids, spans, sentinel, end):
    return hide(ids, [(start, stop + 1) for start, stop in spans], sentinel, end)


def _one_for_each_token(ids, spans, sentinel, end):
    """Every hidden token has a sentinel of its own."""
    return hide(ids, [(i, i + 1) for start, stop in spans for i in range(start, stop)], sentinel, end)


def _left_out(ids, spans, sentinel, end):
    hidden = {i for start, stop in spans for i in range(start, stop)}
    return [token for i, token in enumerate(ids) if i not in hidden] + [end], hide(ids, spans, sentinel, end)[1]


def _last_piece_lost(ids, spans, sentinel, end):
    return hide(ids[: spans[-1][1]], spans, sentinel, end)


def _complement(ids, spans, sentinel, end):
    """In the target, too, what was not hidden stands between the sentinels: the whole text."""
    return hide(ids, spans, sentinel, end)[0], [*ids, end]


SPANS = Exercise(
    id="9.5",
    title="hide spans",
    minutes=12,
    difficulty=2,
    stub='''def hide(ids, spans, sentinel, end):
    """Span corruption: what the encoder reads and what the decoder has to write. Raffel et al. 2020, section 3.1.4.

    ids: a list. spans: (start, stop) of each hidden stretch, stop not included, in order; at least one token stands
    between two. Each stretch is replaced by one sentinel: `sentinel`, then sentinel − 1, sentinel − 2, … The target
    has, for each, its sentinel and what it hides, and one more sentinel at the end. Both lists close with `end`.
    """
    raise NotImplementedError
''',
    reference=hide,
    cases=(
        Case(lambda: ([11, 12, 13, 14], [(1, 3)], 99, 1)),
        Case(lambda: ([21, 22, 23, 24, 25, 26, 27], [(0, 1), (3, 6)], 99, 1)),
        Case(lambda: (list(range(10, 22)), [(2, 4), (5, 6), (9, 12)], 32099, 1)),
    ),
    hidden=(
        Case(lambda: (list(range(40, 51)), [(0, 3), (4, 6), (8, 9)], 32099, 1)),
        Case(lambda: ([31, 32, 33, 34, 35], [(3, 5)], 77, 2)),
    ),
    invariants=(
        Invariant(
            "no token is lost or written twice",
            lambda result, ids, spans, sentinel, end: (
                sorted(result[0] + result[1])
                == sorted([*ids, end, end, sentinel - len(spans), *[sentinel - n for n in range(len(spans))] * 2])
            ),
        ),
    ),
    hints=(
        "On paper: Thank you for inviting me to your party. Hide `for inviting` and `your`. The encoder reads "
        "Thank you <0> me to <1> party, the decoder writes <0> for inviting <1> your <2>.",
        "Keep `place`, where the last stretch stopped. For the next: ids[place:start] and a sentinel go to the "
        "encoder, a sentinel and ids[start:stop] to the decoder.",
        "After the loop: ids[place:] and end for the encoder; sentinel − len(spans) and end for the decoder.",
    ),
    misconceptions=(
        Misconception(
            "sentinels count up",
            lambda *arguments: _hide(*arguments, step=1),
            lambda ids, spans, sentinel, end: (
                f"The second sentinel is {sentinel + 1} there. T5's stand at the end of the vocabulary and count down: "
                f"{sentinel}, then {sentinel - 1}."
            ),
        ),
        Misconception(
            "one sentinel for all",
            lambda *arguments: _hide(*arguments, step=0),
            "All stretches have the same sentinel, as BERT's [MASK]. The decoder could not say which one it writes.",
        ),
        Misconception(
            "a sentinel for each token",
            _one_for_each_token,
            "Each hidden token has a sentinel of its own. A stretch has one, so that its length stays hidden.",
        ),
        Misconception(
            "sentinel as often as there are tokens",
            lambda *arguments: _hide(*arguments, each_token=True),
            "The sentinel is repeated for each hidden token, which tells how many there are. One for a stretch.",
        ),
        Misconception(
            "left out",
            _left_out,
            "The encoder's text has no sentinels: it cannot see where something is missing.",
        ),
        Misconception(
            "target without sentinels",
            lambda *arguments: _hide(*arguments, marked=False),
            "The target holds what is hidden, with nothing to tell one stretch from the next. A sentinel goes before "
            "each.",
        ),
        Misconception(
            "no last sentinel",
            lambda *arguments: _hide(*arguments, last=False),
            lambda ids, spans, sentinel, end: (
                f"The target's last sentinel, {sentinel - len(spans)}, is missing. It closes the last stretch."
            ),
        ),
        Misconception(
            "the whole text to be written",
            _complement,
            "The target is the whole text. BART learns so; T5 writes only what is hidden, which is cheaper.",
        ),
        Misconception(
            "stop included",
            _stop_included,
            "Each stretch is one token too long: stop is not included, as in ids[start:stop].",
        ),
        Misconception(
            "what follows is lost",
            _last_piece_lost,
            "What stands after the last stretch is lost. After the loop ids[place:] is still to be read.",
        ),
        Misconception(
            "no end to read",
            lambda *arguments: _hide(*arguments, ends=(False, True)),
            "The encoder's list has no `end`. T5 closes both.",
        ),
        Misconception(
            "no end to write",
            lambda *arguments: _hide(*arguments, ends=(True, False)),
            "The target has no `end`: the decoder would not learn to stop.",
        ),
        Misconception(
            "target first",
            lambda *arguments: hide(*arguments)[::-1],
            "The target comes first there. Return what is read, then what is to be written.",
        ),
    ),
)
