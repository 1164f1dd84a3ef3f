"""Exercise 9.8: an encoder–decoder that writes greedily, to be mended."""

from dataclasses import dataclass, field

from course_utils.errors import CourseError
from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception

START, END = 1, 2


@dataclass(frozen=True)
class Reader:
    """An encoder small enough to follow on paper: one number for each id, which depends on all of them.

    It refuses to read the same text a second time.
    """

    factor: int = 3
    seen: set = field(default_factory=set, compare=False)

    def __call__(self, source: list[int]) -> tuple[int, ...]:
        if tuple(source) in self.seen:
            raise CourseError("This text has been encoded before; keep what the encoder gave for all steps.")
        self.seen.add(tuple(source))
        return tuple((self.factor * token + sum(source)) % 17 for token in source)


@dataclass(frozen=True)
class Writer:
    """A decoder to match: nine scores for what follows, which depend on every id written, its place and the memory."""

    factor: int = 5

    def __call__(self, written: list[int], memory: tuple[int, ...]) -> list[int]:
        total = sum(memory) + sum((self.factor + place) * token for place, token in enumerate(written))
        return [(total * (symbol + 2) + symbol * symbol) % 23 for symbol in range(9)]


def translate(encode, decode, source, start, end, limit):
    """The target of `source`, greedily: until `end`, which is not returned, or until there are `limit` ids.

    encode(ids) gives a memory; decode(ids, memory) the scores (a list) of the id after the last of `ids`. A target
    begins with `start`, which is not returned either.
    """
    memory, written = encode(source), [start]
    while len(written) <= limit:
        scores = decode(written, memory)
        token = scores.index(max(scores))
        if token == end:
            break
        written.append(token)
    return written[1:]


def _write(encode, decode, source, start, end, limit, read=None, fed=None, begin=None, stop=True):
    """`translate` with one thing otherwise.

    read(source, written) is encoded anew at each step, fed(source, written) is what the decoder reads; begin(source,
    start) stands before the first written id.
    """
    memory = encode(source) if read is None else None
    written, before = [], [start] if begin is None else begin(source, start)
    while len(written) < limit:
        text = [*before, *written]
        scores = decode(text if fed is None else fed(text), memory if read is None else encode(read(source, text)))
        token = scores.index(max(scores))
        if token == end and stop:
            break
        written.append(token)
    return written


def _memory_is_the_source(encode, decode, source, start, end, limit):
    return translate(lambda ids: ids, decode, source, start, end, limit)


def _end_kept(encode, decode, source, start, end, limit):
    written = translate(encode, decode, source, start, end, limit)
    return [*written, end] if len(written) < limit else written


WRITE = Exercise(
    id="9.8",
    title="debug this: who reads the source?",
    minutes=8,
    difficulty=2,
    kind="debug",
    stub='''def translate(encode, decode, source, start, end, limit):
    """The target of `source`, greedily: until `end`, which is not returned, or until there are `limit` ids.

    encode(ids) gives a memory; decode(ids, memory) the scores (a list) of the id after the last of `ids`. A target
    begins with `start`, which is not returned either. Whoever wrote this had a decoder-only model in mind.
    """
    memory, written = encode(source), [*source, start]
    first = len(written)
    while len(written) < first + limit:
        scores = decode(written, memory)
        token = scores.index(max(scores))
        if token == end:
            break
        written.append(token)
    return written[first:]
''',
    reference=translate,
    cases=(
        Case(lambda: (Reader(), Writer(), [4, 5], START, END, 3)),
        Case(lambda: (Reader(), Writer(), [7, 3, 8], START, END, 8)),
        Case(lambda: (Reader(5), Writer(4), [6, 3, 3, 5], START, END, 9)),
        Case(lambda: (Reader(7), Writer(3), [5, 8, 4], START, END, 9)),
    ),
    hidden=(
        Case(lambda: (Reader(4), Writer(6), [3, 4, 6], START, END, 9)),
        Case(lambda: (Reader(2), Writer(7), [8, 8, 3, 6, 5], START, END, 7)),
        Case(lambda: (Reader(6), Writer(2), [5, 4], START, END, 9)),
    ),
    invariants=(
        Invariant("no end among the ids", lambda ids, encode, decode, source, start, end, limit: end not in ids),
        Invariant("at most `limit` ids", lambda ids, encode, decode, source, start, end, limit: len(ids) <= limit),
    ),
    hints=(
        "Let `decode` print what it is given at the first step. What of it did the decoder never read in training?",
        "The decoder sees the source in the memory alone. What it reads begins with start: [start].",
    ),
    misconceptions=(
        Misconception(
            "the source encoded at each step",
            lambda *arguments: _write(*arguments, read=lambda source, written: source),
            "The source is encoded at each step. It does not change while the target is written: once is enough, and "
            "this encoder refuses the second time.",
        ),
        Misconception(
            "the encoder reads the target, too",
            lambda *arguments: _write(*arguments, read=lambda source, written: [*source, *written[1:]]),
            "The encoder reads what has been written after the source. It reads the source alone; the target is the "
            "decoder's.",
        ),
        Misconception(
            "the encoder reads the target",
            lambda *arguments: _write(*arguments, read=lambda source, written: written),
            "The encoder reads what has been written and never the source.",
        ),
        Misconception(
            "no encoder",
            _memory_is_the_source,
            "The decoder gets the source's ids for a memory. It looks at what the encoder made of them.",
        ),
        Misconception(
            "only the last id",
            lambda *arguments: _write(*arguments, fed=lambda written: written[-1:]),
            "The decoder is given the last id alone, and has no other memory of its own text here. It reads all of it.",
        ),
        Misconception(
            "no start",
            lambda *arguments: _write(*arguments, begin=lambda source, start: []),
            "The decoder begins with nothing. It learned with `start` in front.",
        ),
        Misconception(
            "begins with the source's first id",
            lambda *arguments: _write(*arguments, begin=lambda source, start: source[:1]),
            "The target begins with the first id of the source. It begins with `start`.",
        ),
        Misconception(
            "source without start",
            lambda *arguments: _write(*arguments, begin=lambda source, start: source),
            "The decoder still reads the source, now without `start`. It reads [start] and what it has written.",
        ),
        Misconception(
            "start before the source",
            lambda *arguments: _write(*arguments, begin=lambda source, start: [start, *source]),
            "The decoder still reads the source, now after `start`. It reads [start] and what it has written.",
        ),
        Misconception(
            "end kept", _end_kept, "`end` is returned. It says that the target is over; it is no part of it."
        ),
        Misconception(
            "start kept",
            lambda encode, decode, source, start, *rest: [start, *translate(encode, decode, source, start, *rest)],
            "`start` is returned. Nobody wrote it; leave the first id out.",
        ),
        Misconception(
            "never stops",
            lambda *arguments: _write(*arguments, stop=False),
            "It goes on after `end`, to the limit. Nothing in training says what comes then.",
        ),
        Misconception(
            "one too few",
            lambda encode, decode, source, start, end, limit: translate(encode, decode, source, start, end, limit - 1),
            "Only `limit` − 1 ids are written: `start` is counted as one of them.",
        ),
        Misconception(
            "one too many",
            lambda encode, decode, source, start, end, limit: translate(encode, decode, source, start, end, limit + 1),
            "Up to `limit` + 1 ids are written.",
        ),
    ),
)
