"""Exercises 5.1 to 5.3: byte-pair encoding. Count pairs, merge one of them, apply merges in the order learned."""

from collections import Counter
from itertools import pairwise

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception


def count_pairs(pieces):
    """How often each pair of neighbouring tokens occurs. pieces: tuple of tokens -> how often the text has this piece.

    Returns a Counter: (left, right) -> number. A pair never reaches from one piece into another.
    """
    counts = Counter()
    for tokens, number in pieces.items():
        for i in range(len(tokens) - 1):
            counts[tokens[i], tokens[i + 1]] += number
    return counts


def _counted(pieces, pairs_of, number_of=lambda number: number):
    """Counts of what `pairs_of(tokens)` yields for each piece, each worth `number_of(number)`."""
    counts = Counter()
    for tokens, number in pieces.items():
        for pair in pairs_of(tokens):
            counts[pair] += number_of(number)
    return counts


def _without_overlaps(tokens):
    found, free = [], 0
    for i, pair in enumerate(pairwise(tokens)):
        if pair[0] != pair[1] or i >= free:
            found.append(pair)
            free = i + 2 if pair[0] == pair[1] else i + 1
    return found


def _across(pieces):
    text = [token for tokens, number in pieces.items() for _ in range(number) for token in tokens]
    return Counter(pairwise(text))


COUNT_PAIRS = Exercise(
    id="5.1",
    title="count pairs",
    minutes=8,
    difficulty=1,
    imports=("from collections import Counter",),
    stub='''def count_pairs(pieces):
    """How often each pair of neighbouring tokens occurs. pieces: tuple of tokens -> how often the text has this piece.

    Returns a Counter: (left, right) -> number. A pair never reaches from one piece into another.
    """
    raise NotImplementedError
''',
    reference=count_pairs,
    cases=(
        Case(lambda: ({("u", "g"): 3},)),
        Case(lambda: ({("h", "u", "g"): 2, ("p", "u", "g"): 1, ("a",): 5},)),
        Case(lambda: ({("a", "a", "a"): 2, ("b", "a"): 1, ("a", "b"): 1},)),
        Case(lambda: ({("b", "a", "n", "a", "n", "a"): 3, ("ban", "d"): 2},)),
    ),
    hidden=(
        Case(lambda: ({("o", "o", "o", "o"): 2, ("o", "p", "o", "p"): 3},)),
        Case(lambda: ({("c", "o", "c", "o", "a"): 2, ("co", "a"): 4, ("o", "c"): 1},)),
    ),
    invariants=(
        Invariant(
            "one pair less than tokens, in every piece",
            lambda counts, pieces: sum(counts.values()) == sum(n * (len(tokens) - 1) for tokens, n in pieces.items()),
        ),
    ),
    hints=(
        "A piece of four tokens holds three pairs: (0, 1), (1, 2), (2, 3).",
        "If the text has a piece seven times, each of its pairs occurs seven times there: add the number, not 1.",
    ),
    misconceptions=(
        Misconception(
            "numbers ignored",
            lambda pieces: _counted(pieces, pairwise, lambda number: 1),
            "Each piece counts once there. One that the text has a thousand times brings its pairs a thousand times.",
        ),
        Misconception(
            "across pieces",
            _across,
            "That counts pairs that reach from one piece into the next. Merges happen inside a piece.",
        ),
        Misconception(
            "overlaps skipped",
            lambda pieces: _counted(pieces, _without_overlaps),
            "Overlaps are left out there: a, a, a holds the pair (a, a) at two places. Both count, although only one "
            "of them can be merged.",
        ),
        Misconception(
            "every second pair",
            lambda pieces: _counted(pieces, lambda tokens: zip(tokens[::2], tokens[1::2], strict=False)),
            "That cuts a piece into twos. A token is the right half of one pair and the left half of the next.",
        ),
        Misconception(
            "last pair lost",
            lambda pieces: _counted(pieces, lambda tokens: pairwise(tokens[:-1])),
            "The last pair of each piece is missing. With n tokens, i runs up to n − 2, that is range(n - 1).",
        ),
        Misconception(
            "without order",
            lambda pieces: _counted(pieces, lambda tokens: (tuple(sorted(pair)) for pair in pairwise(tokens))),
            "(a, b) and (b, a) are put together there. They are two pairs: ab is not ba.",
        ),
        Misconception(
            "once a piece",
            lambda pieces: _counted(pieces, lambda tokens: set(pairwise(tokens))),
            "A pair that a piece holds twice, as banana holds (a, n), counts twice.",
        ),
        Misconception(
            "tokens, not pairs",
            lambda pieces: _counted(pieces, lambda tokens: tokens),
            "That counts single tokens. The keys are pairs, (left, right).",
        ),
    ),
)


def merge(tokens, pair):
    """A new list in which each occurrence of the pair is one token, left + right. From left to right."""
    merged, i = [], 0
    while i < len(tokens):
        if tuple(tokens[i : i + 2]) == tuple(pair):
            merged.append(tokens[i] + tokens[i + 1])
            i += 2
        else:
            merged.append(tokens[i])
            i += 1
    return merged


def _merged(tokens, fits, step=2, most=None):
    """Like `merge`, with another idea of what fits, how far to go on, and how often to merge at most."""
    merged, i, done = [], 0, 0
    while i < len(tokens):
        if i + 1 < len(tokens) and fits(tokens[i], tokens[i + 1]) and done != most:
            merged.append(tokens[i] + tokens[i + 1])
            i, done = i + step, done + 1
        else:
            merged.append(tokens[i])
            i += 1
    return merged


def _overlapping(tokens, pair):
    merged, i = [], 0
    while i < len(tokens):
        if tuple(tokens[i : i + 2]) == pair:
            merged.append(tokens[i] + tokens[i + 1])
            i += 1 if tuple(tokens[i + 1 : i + 3]) == pair else 2       # the right half begins the next pair
        else:
            merged.append(tokens[i])
            i += 1
    return merged


def _from_the_right(tokens, pair):
    turned = _merged([token[::-1] for token in tokens[::-1]], lambda b, a: (a[::-1], b[::-1]) == pair)
    return [token[::-1] for token in turned[::-1]]


def _last_lost(tokens, pair):
    merged, i = [], 0
    while i < len(tokens) - 1:
        fits = (tokens[i], tokens[i + 1]) == pair
        merged.append(tokens[i] + tokens[i + 1] if fits else tokens[i])
        i += 2 if fits else 1
    return merged


MERGE = Exercise(
    id="5.2",
    title="merge a pair",
    minutes=12,
    difficulty=2,
    stub='''def merge(tokens, pair):
    """A new list in which each occurrence of the pair is one token, left + right. From left to right."""
    raise NotImplementedError
''',
    reference=merge,
    cases=(
        Case(lambda: (["h", "u", "g", "s"], ("u", "g"))),
        Case(lambda: (["a", "a", "a"], ("a", "a"))),
        Case(lambda: (["g", "u", "g", "u", "u", "g"], ("u", "g"))),
        Case(lambda: (["ab", "c", "a", "bc"], ("a", "bc"))),
        Case(lambda: (["o", "x", "x", "x", "x", "x"], ("x", "x"))),
    ),
    hidden=(
        Case(lambda: (["b", "b", "b", "a"], ("b", "b"))),
        Case(lambda: (["p", "o", "o", "p", "p", "o", "po", "o"], ("p", "o"))),
        Case(lambda: (["co", "a", "c", "oa", "a", "co", "co"], ("co", "a"))),
    ),
    invariants=(
        Invariant("the tokens spell the same text", lambda merged, tokens, pair: "".join(merged) == "".join(tokens)),
    ),
    hints=(
        "Walk with an index of your own: after a merge it goes on by two, otherwise by one.",
        'What is left of a, a, a when the first two have become "aa"? The third has no partner any more.',
        "Compare tokens with the halves of the pair. What they spell together is not enough.",
    ),
    misconceptions=(
        Misconception(
            "overlapping",
            _overlapping,
            "A token is used twice: as the right half of one pair and the left half of the next. After a merge go on "
            "behind both: a, a, a becomes aa, a.",
        ),
        Misconception(
            "second half kept",
            lambda tokens, pair: _merged(tokens, lambda a, b: (a, b) == pair, step=1),
            "The right half is still there after the merge. Go on by two tokens, not by one.",
        ),
        Misconception(
            "first one only",
            lambda tokens, pair: _merged(tokens, lambda a, b: (a, b) == pair, most=1),
            "Only the first occurrence is merged. The merge holds everywhere in the piece.",
        ),
        Misconception(
            "from the right",
            _from_the_right,
            "That merges from the right: a, a, a becomes a, aa. The left pair goes first. If every program chose for "
            "itself, the ids would differ.",
        ),
        Misconception(
            "last token lost",
            _last_lost,
            "A last token that belongs to no pair is lost: the loop ends one token too early.",
        ),
        Misconception(
            "by what it spells",
            lambda tokens, pair: _merged(tokens, lambda a, b: a + b == "".join(pair)),
            "That merges any two tokens that together spell the same. (ab, c) is not the pair (a, bc): only the pair "
            "that was learned is merged.",
        ),
        Misconception(
            "either order",
            lambda tokens, pair: _merged(tokens, lambda a, b: pair in ((a, b), (b, a))),
            "That merges (g, u) as well as (u, g). The order counts.",
        ),
        Misconception(
            "right half dropped",
            lambda tokens, pair: [t for i, t in enumerate(tokens) if not i or tuple(tokens[i - 1 : i + 1]) != pair],
            "The right half is gone and the left half is unchanged. The new token is left + right.",
        ),
    ),
)


def encode(piece, merges):
    """The tokens of one piece, a text. Begin with its characters; the merge that was learned first goes first.

    merges: list of pairs (left, right) in the order in which they were learned.
    """
    tokens = list(piece)
    for left, right in merges:
        merged = []
        for token in tokens:
            if merged and (merged[-1], token) == (left, right):
                merged[-1] = left + right
            else:
                merged.append(token)
        tokens = merged
    return tokens


def _longest_first(piece, merges):
    known = set(piece) | {left + right for left, right in merges}
    tokens = []
    while piece:
        end = max(length for length in range(1, len(piece) + 1) if piece[:length] in known)
        tokens, piece = [*tokens, piece[:end]], piece[end:]
    return tokens


def _repeatedly(piece, merges, choose, most=-1):
    """Merge one pair at a time, the place chosen by `choose(places, ranks)`; `most` merges at most."""
    tokens, ranks = list(piece), {tuple(pair): rank for rank, pair in enumerate(merges)}
    while most:
        places = {i: ranks[pair] for i, pair in enumerate(pairwise(tokens)) if pair in ranks}
        if not places:
            break
        i = choose(places)
        tokens[i : i + 2] = [tokens[i] + tokens[i + 1]]
        most -= 1
    return tokens


def _each_once(piece, merges):
    tokens = list(piece)
    for pair in merges:
        tokens = _merged(tokens, lambda a, b, pair=tuple(pair): (a, b) == pair, most=1)
    return tokens


def _until_one_misses(piece, merges):
    tokens = list(piece)
    for pair in merges:
        merged = merge(tokens, pair)
        if merged == tokens:
            break
        tokens = merged
    return tokens


HUGS = [("u", "g"), ("p", "u"), ("h", "ug"), ("pu", "n")]

ENCODE = Exercise(
    id="5.3",
    title="apply the merges",
    minutes=15,
    difficulty=2,
    stub='''def encode(piece, merges):
    """The tokens of one piece, a text. Begin with its characters; the merge that was learned first goes first.

    merges: list of pairs (left, right) in the order in which they were learned.
    """
    raise NotImplementedError
''',
    reference=encode,
    cases=(
        Case(lambda: ("hugs", list(HUGS))),
        Case(lambda: ("pug", list(HUGS))),
        Case(lambda: ("hughugpun", list(HUGS))),
        Case(lambda: ("abc", [("a", "b"), ("b", "c"), ("a", "bc")])),
        Case(lambda: ("abca", [("a", "b"), ("b", "c")])),
        Case(lambda: ("xabcx", [("b", "c"), ("a", "b"), ("ab", "c"), ("x", "a")])),
    ),
    hidden=(
        Case(lambda: ("punpug", list(HUGS))),
        Case(lambda: ("aaaaa", [("a", "a"), ("aa", "a"), ("aa", "aa")])),
        Case(lambda: ("abcd", [("c", "d"), ("b", "c"), ("a", "bc"), ("a", "b")])),
        Case(lambda: ("bcabc", [("a", "b"), ("b", "c"), ("a", "bc")])),
    ),
    invariants=(
        Invariant("the tokens spell the piece", lambda tokens, piece, merges: "".join(tokens) == piece),
    ),
    hints=(
        "list(piece) are the tokens to begin with.",
        "Take the merges one after another, in their order, and do each of them everywhere in the piece.",
        "A loop over merges, and in it exercise 5.2. Merges that do not apply leave the list as it is.",
    ),
    misconceptions=(
        Misconception(
            "longest token first",
            _longest_first,
            "That takes the longest token that fits, from the left. WordPiece does so (Devlin et al. 2018); in "
            "byte-pair encoding the order in which merges were learned decides.",
        ),
        Misconception(
            "leftmost first",
            lambda piece, merges: _repeatedly(piece, merges, min),
            "That merges the leftmost pair that is known at all. The pair that was learned first goes first, wherever "
            "it stands: pug becomes p, ug.",
        ),
        Misconception(
            "last learned first",
            lambda piece, merges: _repeatedly(piece, merges, lambda places: max(places, key=places.get)),
            "That begins with the merge that was learned last. The order is that of learning.",
        ),
        Misconception(
            "one merge",
            lambda piece, merges: _repeatedly(piece, merges, lambda places: min(places, key=places.get), most=1),
            "That stops after one merge. What was merged may be merged again.",
        ),
        Misconception(
            "each merge once",
            _each_once,
            "Each merge is done at its first place only. It holds wherever the pair stands.",
        ),
        Misconception(
            "ends at the first miss",
            _until_one_misses,
            "That ends with the first merge that does not apply. Pass over it: a later one may.",
        ),
        Misconception(
            "characters",
            lambda piece, merges: list(piece),
            "Those are the characters. No merge has been done.",
        ),
    ),
)
