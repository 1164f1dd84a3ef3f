"""Exercises 4.7 and 4.8: writing without being told the right prefix. Greedy, to be mended; one step of a beam."""

from dataclasses import dataclass

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception

PAD, START, END, IGNORE = 0, 1, 2, -100


@dataclass(frozen=True)
class ToyDecoder:
    """A decoder small enough to follow on paper: `rules` are triples (step, previous symbol, next symbol).

    The state is the number of the step. Where no rule fits it writes `otherwise`.
    """

    rules: tuple[tuple[int, int, int], ...]
    otherwise: int = END

    def __call__(self, previous: int, state: int) -> tuple[list[float], int]:
        fitting = [symbol for step, before, symbol in self.rules if (step, before) == (state, previous)]
        chosen = fitting[0] if fitting else self.otherwise
        return [1.0 if symbol == chosen else 0.0 for symbol in range(10)], state + 1


def mark(step, state, correct, limit):
    """Let a decoder write one pronunciation by itself, and say whether it is the correct one.

    step(previous, state) -> (scores, state): scores is a list, one number for each symbol. The likeliest symbol is
    written, until END or until there are `limit`. Returns the list written, without END, and True or False.
    """
    written, previous = [], START
    while len(written) < limit:
        scores, state = step(previous, state)
        previous = scores.index(max(scores))
        if previous == END:
            break
        written.append(previous)
    return written, written == correct


def _write(step, state, limit, carry=True, feed=None, stop=True):
    """Greedy writing with one thing wrong: the state, what is fed back, or the stop at END."""
    written, previous = [], START
    while len(written) < limit:
        scores, following = step(previous, state)
        state = following if carry else state
        symbol = scores.index(max(scores))
        if symbol == END and stop:
            break
        written.append(symbol)
        previous = symbol if feed is None else feed
    return written


def _end_kept(step, state, correct, limit):
    written = _write(step, state, limit)
    written = [*written, END] if len(written) < limit else written
    return written, written == correct


def _begun_by_the_truth(step, state, correct, limit):
    written, previous = correct[:1], correct[0] if correct else END
    while len(written) < limit and previous != END:
        scores, state = step(previous, state)
        previous = scores.index(max(scores))
        if previous != END:
            written.append(previous)
    return written, written == correct


def _marked(write):
    def marked(step, state, correct, limit):
        written = write(step, state, correct, limit)
        return written, written == correct

    return marked


MARK = Exercise(
    id="4.7",
    title="debug this: marking a word",
    minutes=10,
    difficulty=2,
    kind="debug",
    imports=("PAD, START, END, IGNORE = 0, 1, 2, -100",),
    stub='''def mark(step, state, correct, limit):
    """Let a decoder write one pronunciation by itself, and say whether it is the correct one.

    step(previous, state) -> (scores, state): scores is a list, one number for each symbol. The likeliest symbol is
    written, until END or until there are `limit`. Returns the list written, without END, and True or False.
    Something about the loop is wrong.
    """
    written = []
    for previous in [START, *correct]:
        scores, state = step(previous, state)
        symbol = scores.index(max(scores))
        if symbol == END or len(written) == limit:
            break
        written.append(symbol)
    return written, written == correct
''',
    reference=mark,
    cases=(
        Case(lambda: (ToyDecoder(((0, START, 5), (1, 5, 6))), 0, [5, 6], 8)),
        Case(lambda: (ToyDecoder(((0, START, 8), (1, 8, 9), (1, 5, 6), (2, 6, 7))), 0, [5, 6, 7], 8)),
        Case(lambda: (ToyDecoder(((0, START, 4), (1, 4, 7)), otherwise=3), 0, [4], 5)),
        Case(lambda: (ToyDecoder(((0, START, 6), (0, 6, 4), (1, 6, 5), (1, START, 3), (2, 5, 5))), 0, [6, 5, 5, 8], 8)),
        Case(lambda: (ToyDecoder(((0, START, 3), (1, 3, 4), (2, 4, END), (3, END, 9))), 0, [3], 6)),
    ),
    hidden=(
        Case(lambda: (ToyDecoder(((0, START, 7), (1, 7, 7), (2, 7, 4), (1, 6, 6))), 0, [6, 6], 9)),
        Case(lambda: (ToyDecoder(((0, START, 9),), otherwise=5), 0, [9, 5], 4)),
        Case(lambda: (ToyDecoder(((0, START, 3), (1, 3, 8))), 0, [3, 8], 6)),
    ),
    invariants=(
        Invariant("at most `limit` symbols are written", lambda result, *given: len(result[0]) <= given[-1]),
        Invariant("END is not among them", lambda result, *_: END not in result[0]),
    ),
    hints=(
        "Which symbols does the decoder read in this loop? Would you have them for a word that is in no dictionary?",
        "That is teacher forcing: right for training, wrong for a test. And it gives the right length away.",
        "Begin with previous = START, and after each step let previous be the symbol that was written.",
    ),
    misconceptions=(
        Misconception(
            "length of the truth",
            _marked(lambda step, state, correct, limit: _write(step, state, min(limit, len(correct) + 1))),
            "It reads its own symbols now, but still takes as many steps as the correct word has. END and `limit` "
            "decide the length.",
        ),
        Misconception(
            "END kept",
            _end_kept,
            "END is among what is returned. It ends the word and is no phoneme.",
        ),
        Misconception(
            "does not stop at END",
            _marked(lambda step, state, correct, limit: _write(step, state, limit, stop=False)),
            "It writes on after END, up to `limit`.",
        ),
        Misconception(
            "state not carried",
            _marked(lambda step, state, correct, limit: _write(step, state, limit, carry=False)),
            "Every step begins with the first state. The state that step returns has to go into the next one.",
        ),
        Misconception(
            "START each time",
            _marked(lambda step, state, correct, limit: _write(step, state, limit, feed=START)),
            "The decoder reads START at every step. After the first it reads what it has just written.",
        ),
        Misconception(
            "begun by the truth",
            _begun_by_the_truth,
            "The first phoneme is still taken from the correct word. Of that word nothing may be read.",
        ),
        Misconception(
            "one over the limit",
            _marked(lambda step, state, correct, limit: _write(step, state, limit + 1)),
            "That writes one symbol more than `limit` allows.",
        ),
    ),
)


def beam_step(hypotheses, log_probs, width):
    """Extend each hypothesis by every symbol and keep the `width` likeliest, best first.

    hypotheses: list of (ids, total): a tuple of ids and the sum of their log-probabilities. log_probs: one list for
    each hypothesis, log_probs[i][symbol]. A hypothesis that ends in END is finished: it stays as it is and competes.
    """
    candidates = []
    for (ids, total), row in zip(hypotheses, log_probs, strict=True):
        if ids[-1] == END:
            candidates.append((ids, total))
        else:
            candidates += [((*ids, symbol), total + log_prob) for symbol, log_prob in enumerate(row)]
    return sorted(candidates, key=lambda candidate: -candidate[1])[:width]


def _extended(hypotheses, log_probs, join, finished=True):
    """All candidates; `join(total, log_prob)` is the new total, `finished`: finished ones stay as they are."""
    made = []
    for (ids, total), row in zip(hypotheses, log_probs, strict=True):
        if finished and ids[-1] == END:
            made.append((ids, total))
        else:
            made += [((*ids, symbol), join(total, log_prob)) for symbol, log_prob in enumerate(row)]
    return made


def _add(total, log_prob):
    return total + log_prob


def _best(candidates, width, key=lambda candidate: candidate[1]):
    return sorted(candidates, key=key, reverse=True)[:width]


def _one_child_each(hypotheses, log_probs, width):
    pairs = zip(hypotheses, log_probs, strict=True)
    return _best([_best(_extended([one], [row], _add), 1)[0] for one, row in pairs], width)


def _width_each(hypotheses, log_probs, width):
    pairs = zip(hypotheses, log_probs, strict=True)
    kept = [candidate for one, row in pairs for candidate in _best(_extended([one], [row], _add), width)]
    return _best(kept, len(kept))


def _finished_dropped(hypotheses, log_probs, width):
    going = [pair for pair in zip(hypotheses, log_probs, strict=True) if pair[0][0][-1] != END]
    return _best([candidate for one, row in going for candidate in _extended([one], [row], _add)], width)


BEAM_STEP = Exercise(
    id="4.8",
    title="one step of beam search",
    minutes=15,
    difficulty=3,
    imports=("PAD, START, END, IGNORE = 0, 1, 2, -100",),
    stub='''def beam_step(hypotheses, log_probs, width):
    """Extend each hypothesis by every symbol and keep the `width` likeliest, best first.

    hypotheses: list of (ids, total): a tuple of ids and the sum of their log-probabilities. log_probs: one list for
    each hypothesis, log_probs[i][symbol]. A hypothesis that ends in END is finished: it stays as it is and competes.
    """
    raise NotImplementedError
''',
    reference=beam_step,
    cases=(
        Case(lambda: ([((1,), 0.0)], [[-9.0, -8.0, -2.0, -0.3, -1.6]], 2)),
        Case(lambda: ([((1, 3), -0.3), ((1, 4), -1.6)], [[-9, -8, -2.5, -0.9, -1.1], [-7, -9, -0.1, -4, -5]], 2)),
        Case(lambda: ([((1, 3, 2), -1.2), ((1, 4), -1.0)], [[-0.2, -9.0, -3.0, -2.0], [-6.0, -7.0, -0.5, -1.0]], 3)),
        Case(lambda: ([((1, 3, 2), -3.0), ((1, 4, 3), -1.0)], [[-1.0, -2.0, -0.5, -4.0], [-3.1, -2.8, -2.4, -1.5]], 2)),
    ),
    hidden=(
        Case(lambda: ([((1, 4), -0.5), ((1, 3, 2), -0.9)], [[-5, -6, -0.2, -2], [-1, -1, -0.1, -2]], 3)),
        Case(lambda: ([((1, 3), -1.0), ((1, 4), -1.2)], [[-4.0, -5.0, -0.2, -0.6], [-3.0, -4.5, -0.9, -2.0]], 2)),
        Case(lambda: ([((1, 3, 3, 2), -2.3), ((1, 4), -0.9)], [[-2.0, -1.0, -0.4, -3.0], [-4.0, -5.0, -1.2, -1.6]], 2)),
    ),
    invariants=(
        Invariant("at most `width` hypotheses are kept", lambda result, hypotheses, rows, width: len(result) <= width),
        Invariant(
            "the totals fall from first to last",
            lambda result, *_: [total for _, total in result] == sorted((total for _, total in result), reverse=True),
        ),
    ),
    hints=(
        "Make one list of all candidates, whichever hypothesis they come from, and sort it once.",
        "A candidate is ((*ids, symbol), total + log_prob): log-probabilities add up.",
        "A hypothesis whose last id is END goes into the list as it is; its row of log_probs is not used.",
    ),
    misconceptions=(
        Misconception(
            "one child each",
            _one_child_each,
            "Each hypothesis keeps only its own best symbol. All candidates compete together; two may share a parent.",
        ),
        Misconception(
            "width of each",
            _width_each,
            "That keeps `width` candidates of each hypothesis, so the beam grows with every step. Cut once, over all.",
        ),
        Misconception(
            "finished ones grow",
            lambda hypotheses, log_probs, width: _best(_extended(hypotheses, log_probs, _add, finished=False), width),
            "A finished hypothesis is extended as well: nothing follows END.",
        ),
        Misconception(
            "finished ones dropped",
            _finished_dropped,
            "Finished hypotheses are dropped. One of them may be the answer: they stay and compete.",
        ),
        Misconception(
            "old total forgotten",
            lambda hypotheses, log_probs, width: _best(_extended(hypotheses, log_probs, lambda _, new: new), width),
            "The new total is the last symbol's log-probability alone. Add it to the total so far.",
        ),
        Misconception(
            "multiplied",
            lambda hypotheses, log_probs, width: _best(_extended(hypotheses, log_probs, lambda a, b: a * b), width),
            "Log-probabilities are multiplied. Probabilities multiply; their logarithms add up.",
        ),
        Misconception(
            "least likely first",
            lambda hypotheses, log_probs, width: _best(_extended(hypotheses, log_probs, _add), width, lambda c: -c[1]),
            "Those are the least likely ones: sorted() puts the smallest first, and log-probabilities are negative.",
        ),
        Misconception(
            "mean of each symbol",
            lambda hypotheses, log_probs, width: _best(
                _extended(hypotheses, log_probs, _add), width, key=lambda candidate: candidate[1] / len(candidate[0])
            ),
            "That ranks by the mean for each symbol, which favours long hypotheses. Here the plain total decides.",
        ),
    ),
)
