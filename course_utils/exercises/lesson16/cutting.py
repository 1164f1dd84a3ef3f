"""Exercise 16.2: a text is cut into passages that a search can find and a model can read."""

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception


def cut(text, most, overlap):
    """The passages of a text in order, a list of texts; each begins with the last `overlap` words of the one before.

    Words are what stands between blanks and line ends; in a passage one blank joins them. most > overlap ≥ 0. Every
    passage has `most` words, but the last may have fewer. The first one that reaches the end of the text is the last:
    another would hold nothing new. A text without words has no passages.
    """
    words = text.split()
    starts = range(0, max(len(words) - overlap, 1), most - overlap)
    return [" ".join(words[start : start + most]) for start in starts] if words else []


def _cut(step=lambda most, overlap: most - overlap, width=lambda most, overlap: most, **parts):
    """The same with another step between two passages, or another number of words in each.

    parts: `words` cuts the text, `join` makes a passage, `end` says before which place a passage may begin.
    """
    words_of, join = parts.get("words", str.split), parts.get("join", " ".join)
    end = parts.get("end", lambda count, most, overlap: max(count - overlap, 1))

    def wrong(text, most, overlap):
        words = words_of(text)
        starts = range(0, end(len(words), most, overlap) if words else 0, step(most, overlap))
        return [join(words[start : start + width(most, overlap)]) for start in starts]

    return wrong


def _last_is_full(text, most, overlap):
    """The last passage is moved back until it has as many words as the others."""
    words, passages = text.split(), cut(text, most, overlap)
    return [*passages[:-1], " ".join(words[-most:])] if passages else []


def _rest_to_the_last(text, most, overlap):
    """What is left at the end goes to the last full passage, which becomes too long."""
    words, step = text.split(), most - overlap
    starts = list(range(0, max(len(words) - most, 0) + 1, step))
    stops = [start + most for start in starts[:-1]] + [len(words)]
    return [" ".join(words[start:stop]) for start, stop in zip(starts, stops, strict=True)] if words else []


def _holds_all(result, text, *_):
    return set(text.split()) <= {word for passage in result for word in passage.split()}


def _text(count, gap=" "):
    """A text of so many words, no two alike."""
    return gap.join(f"word{place}" for place in range(1, count + 1))


CUT = Exercise(
    id="16.2",
    title="passages for a search",
    minutes=8,
    difficulty=2,
    stub='''def cut(text, most, overlap):
    """The passages of a text in order, a list of texts; each begins with the last `overlap` words of the one before.

    Words are what stands between blanks and line ends; in a passage one blank joins them. most > overlap ≥ 0. Every
    passage has `most` words, but the last may have fewer. The first one that reaches the end of the text is the last:
    another would hold nothing new. A text without words has no passages.
    """
    raise NotImplementedError
''',
    reference=cut,
    cases=(
        Case(lambda: ("one two three four five", 3, 1)),
        Case(lambda: ("one two", 5, 3)),
        Case(lambda: (" \n ", 4, 1)),
        Case(lambda: ("one  two\nthree four\n\nfive six seven", 4, 2)),
        Case(lambda: (_text(17), 7, 2)),
        Case(lambda: (_text(60), 20, 5)),
    ),
    hidden=(
        Case(lambda: ("", 3, 2)),
        Case(lambda: ("a b", 6, 2)),
        Case(lambda: (_text(23, "\n\n"), 8, 3)),
        Case(lambda: (_text(31, "  "), 9, 2)),
        Case(lambda: (_text(12), 4, 0)),
        Case(lambda: (_text(14), 5, 4)),
    ),
    invariants=(
        Invariant("every word of the text is in a passage", _holds_all),
        Invariant(
            "no passage has more than `most` words",
            lambda result, text, most, overlap: all(len(passage.split()) <= most for passage in result),
        ),
    ),
    hints=(
        "Five words, most 3, overlap 1: the first passage begins at place 0 and the second at place 2. How far apart "
        "are two beginnings?",
        "They are most − overlap apart. From `start` on, words[start : start + most] takes what there is, also at the "
        "end.",
        "A later passage has something new only where start + overlap < len(words). The first is always there, if "
        "there are words: range(0, max(len(words) - overlap, 1), most - overlap).",
    ),
    misconceptions=(
        Misconception(
            "no overlap",
            _cut(step=lambda most, overlap: most, end=lambda count, most, overlap: count),
            "The passages do not overlap: a sentence that is cut in two is whole in none of them. Go most − overlap "
            "words forward.",
        ),
        Misconception(
            "step of the overlap",
            _cut(step=lambda most, overlap: overlap),
            "A passage begins `overlap` words after the one before. That is what two share; go most − overlap forward.",
        ),
        Misconception(
            "step one too long",
            _cut(step=lambda most, overlap: most - overlap + 1),
            "Two passages share one word less than `overlap`: the step is one too long.",
        ),
        Misconception(
            "wider passages",
            _cut(step=lambda most, overlap: most, width=lambda most, overlap: most + overlap),
            "The overlap comes on top: passages of most + overlap words. The model has room for `most`, and the "
            "overlap is a part of them.",
        ),
        Misconception(
            "one word short",
            _cut(width=lambda most, overlap: most - 1),
            "Each passage ends one word early. A slice leaves out its end already: words[start : start + most].",
        ),
        Misconception(
            "a last one that holds nothing new",
            _cut(end=lambda count, most, overlap: count),
            "The last passage stands in the one before it, word for word. A search would find the same twice: stop "
            "where nothing new comes.",
        ),
        Misconception(
            "the rest lost",
            _cut(end=lambda count, most, overlap: count - most + 1),
            "Words at the end are in no passage. Where fewer than `most` are left, the last passage is shorter.",
        ),
        Misconception(
            "the rest put to the last",
            _rest_to_the_last,
            "What is left at the end has been put to the last passage, which is longer than `most` now. It makes a "
            "passage of its own.",
        ),
        Misconception(
            "the last one filled up",
            _last_is_full,
            "The last passage begins earlier, so that it is full. Then it shares more than `overlap` words; it may be "
            "shorter.",
        ),
        Misconception(
            "a short text lost",
            _cut(end=lambda count, most, overlap: count - overlap),
            "A text of no more than `overlap` words has no passage. It has one: the first is always there.",
        ),
        Misconception(
            "an empty passage",
            lambda text, most, overlap: cut(text, most, overlap) or [""],
            "A text without words gives a passage without words. It gives none.",
        ),
        Misconception(
            "characters",
            _cut(words=lambda text: text, join="".join),
            "Characters are counted, not words: text[start : start + most] cuts letters. First text.split().",
        ),
        Misconception(
            "split at each blank",
            _cut(words=lambda text: text.split(" ")),
            'split(" ") makes an empty word of two blanks, and takes a line end for a letter. split() without an '
            "argument cuts at both.",
        ),
        Misconception(
            "lists of words",
            _cut(join=list),
            'Those are lists of words. A passage is a text: " ".join(words).',
        ),
    ),
)
