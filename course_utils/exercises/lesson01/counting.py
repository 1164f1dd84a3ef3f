"""Exercises 1.1 and 1.2: count, and divide counts."""

from collections import Counter

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception


def count_ngrams(tokens, n):
    """Count every run of n neighbouring tokens. Returns a Counter of tuples of n tokens."""
    return Counter(tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1))


def _count_at(tokens, starts, n):
    return Counter(tuple(tokens[start : start + n]) for start in starts)


COUNT_NGRAMS = Exercise(
    id="1.1",
    title="count n-grams",
    minutes=8,
    difficulty=1,
    imports=("from collections import Counter",),
    stub='''def count_ngrams(tokens, n):
    """Count every run of n neighbouring tokens. Returns a Counter of tuples of n tokens."""
    raise NotImplementedError
''',
    reference=count_ngrams,
    cases=(
        Case(lambda: (["we", "the", "people"], 2)),
        Case(lambda: (["to", "be", "or", "not", "to", "be"], 2)),
        Case(lambda: (["to", "be", "or", "not", "to", "be"], 1)),
        Case(lambda: (["a", "b", "a", "b", "a", "c", "b"], 3)),
        Case(lambda: (["we", "the", "people"], 4)),
    ),
    hidden=(
        Case(lambda: (["x", "y", "x", "y", "x"], 2)),
        Case(lambda: (list("abracadabra"), 3)),
        Case(lambda: (["x"], 2)),
    ),
    invariants=(
        Invariant("every key is a tuple of n tokens", lambda counts, tokens, n: all(_is_key(key, n) for key in counts)),
        Invariant(
            "the counts sum to len(tokens) - n + 1",
            lambda counts, tokens, n: sum(counts.values()) == max(0, len(tokens) - n + 1),
        ),
    ),
    hints=(
        "Write the 2-grams of we the people on paper. There are 2 of them, one fewer than tokens.",
        "The n-gram that starts at position i is tokens[i : i + n]; as a key it has to be a tuple.",
        "The last start is len(tokens) - n, so the starts are range(len(tokens) - n + 1).",
    ),
    misconceptions=(
        Misconception(
            "stops early",
            lambda tokens, n: _count_at(tokens, range(len(tokens) - n), n),
            lambda tokens, n: (
                f"The last n-gram, {tuple(tokens[-n:])}, is missing: range({len(tokens)} - {n}) ends one start "
                "too early."
            ),
        ),
        Misconception(
            "steps of n",
            lambda tokens, n: _count_at(tokens, range(0, len(tokens) - n + 1, n), n),
            lambda tokens, n: (
                f"That moves on by {n} tokens each time. n-grams overlap: each token but the last few starts one."
            ),
        ),
        Misconception(
            "n - 1 tokens",
            lambda tokens, n: _count_at(tokens, range(len(tokens) - n + 2), n - 1),
            lambda tokens, n: (
                f"Those are runs of {n - 1}: the slice tokens[i : i + {n} - 1] leaves the last token out."
            ),
        ),
        Misconception(
            "runs off the end",
            lambda tokens, n: _count_at(tokens, range(len(tokens)), n),
            lambda tokens, n: f"Some keys are shorter than {n}: a slice that starts near the end runs out of tokens.",
        ),
        Misconception(
            "always bigrams",
            lambda tokens, n: Counter(zip(tokens, tokens[1:], strict=False)),
            lambda tokens, n: f"That makes bigrams, whatever n is; here it is {n}. Take the slice tokens[i : i + n].",
        ),
        Misconception(
            "list as key",
            lambda tokens, n: Counter(tokens[start : start + n] for start in range(len(tokens) - n + 1)),
            "A list cannot be a key. If your keys are slices, write tuple(tokens[i : i + n]).",
        ),
        Misconception(
            "wraps round",
            lambda tokens, n: _count_at(list(tokens) + list(tokens[: n - 1]), range(len(tokens)), n),
            "That joins the end of the text to its beginning: nothing follows the last token.",
        ),
    ),
)


def _is_key(key, n):
    return isinstance(key, tuple) and len(key) == n


def conditional_probability(tokens, context, word):
    """P(word | context) by counting: how often `word` comes next where `context` (a tuple) is followed by anything."""
    length = len(context)
    starts = range(len(tokens) - length)
    followers = [tokens[start + length] for start in starts if tuple(tokens[start : start + length]) == context]
    return followers.count(word) / len(followers) if followers else 0.0


def _occurrences(tokens, run):
    return sum(tuple(tokens[start : start + len(run)]) == run for start in range(len(tokens) - len(run) + 1))


def _share(part, whole):
    return part / whole if whole else 0.0


def _no_guard(tokens, context, word):
    return _occurrences(tokens, (*context, word)) / _occurrences(tokens[:-1], context)


CONDITIONAL_PROBABILITY = Exercise(
    id="1.2",
    title="conditional probability",
    minutes=10,
    difficulty=2,
    stub='''def conditional_probability(tokens, context, word):
    """p(word | context): of the times `context` (a tuple) is followed by anything, the share in which `word` follows.

    tokens: list of text; context: tuple of one token or more. Returns 0.0 where the context is never followed.
    """
    raise NotImplementedError
''',
    reference=conditional_probability,
    cases=(
        Case(lambda: (["the", "cat", "the", "dog", "the", "cat", "sat"], ("the",), "cat")),
        Case(lambda: (["the", "cat", "sat", "on", "the"], ("the",), "cat")),
        Case(lambda: (["the", "cat", "sat", "on", "the", "mat"], ("a",), "cat")),
        Case(lambda: (["a", "b", "c", "d", "b", "e", "a", "b", "e"], ("a", "b"), "c")),
    ),
    hidden=(
        Case(lambda: (["x", "y", "z", "y", "x", "y", "x", "z", "x"], ("x",), "y")),
        Case(lambda: (["x", "y"], ("q", "x"), "y")),
        Case(lambda: (list("abcabdabcbc"), ("b", "c"), "a")),
    ),
    invariants=(Invariant("a probability is from 0 to 1", lambda result, *_: 0 <= result <= 1),),
    hints=(
        "Two counts are needed: how often the context is followed by the word, and how often it is followed by "
        "anything.",
        "Collect the followers first: for each start, compare tuple(tokens[start : start + len(context)]) with "
        "context.",
        "A context at the very end of the text has no follower. An unseen one gives 0.0, so look before you divide.",
    ),
    misconceptions=(
        Misconception(
            "all tokens",
            lambda tokens, context, word: _occurrences(tokens, (*context, word)) / len(tokens),
            lambda tokens, context, word: (
                f"That divides by all {len(tokens)} tokens. Given the context, only the places where it occurs count."
            ),
        ),
        Misconception(
            "given the word",
            lambda tokens, context, word: _share(_occurrences(tokens, (*context, word)), tokens.count(word)),
            lambda tokens, context, word: (
                f"That divides by how often {word!r} occurs, which gives P(context | word), the other way round."
            ),
        ),
        Misconception(
            "the end counts",
            lambda tokens, context, word: _share(_occurrences(tokens, (*context, word)), _occurrences(tokens, context)),
            lambda tokens, context, word: (
                f"That also counts {context} at the very end of the text, where nothing follows it."
            ),
        ),
        Misconception(
            "word first",
            lambda tokens, context, word: _share(
                _occurrences(tokens, (word, *context)), _occurrences(tokens[1:], context)
            ),
            "That counts the word before the context instead of after it.",
        ),
        Misconception(
            "list against tuple",
            lambda tokens, context, word: conditional_probability(tokens, list(context), word),
            "Nothing ever matches: a slice of a list is a list, and a list never equals a tuple. Write tuple(...).",
        ),
        Misconception(
            "list against tuple, no guard",
            lambda tokens, context, word: _no_guard(tokens, list(context), word),
            "The context is never found, not even where it occurs. If you compare a slice with it, make the slice a "
            "tuple: a list never equals one.",
        ),
        Misconception(
            "count by count",
            lambda tokens, context, word: _occurrences(tokens, (*context, word)) / _occurrences(tokens, context),
            "That counts the context at the very end of the text, too, where nothing follows it; and an unseen "
            "context makes it divide by 0.",
        ),
        Misconception(
            "last token only",
            lambda tokens, context, word: conditional_probability(tokens, context[-1:], word),
            "That compares only the last token of the context. All of it has to match.",
        ),
        Misconception(
            "unseen context",
            _no_guard,
            lambda tokens, context, word: (
                "Right where the context occurs. An unseen one is followed by nothing: return 0.0 there."
            ),
        ),
    ),
)
