"""Does a head of attention look from a pronoun at the noun it means? Counted over sentences where that is known.

Notation: N sentences, L layers, H heads, T tokens.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from course_utils.errors import CourseError
from course_utils.shapes import check_shape
from course_utils.text.coreference import PronounSentence

SPECIAL = {"[CLS]", "[SEP]"}
Attention = Callable[[str], tuple[list[str], torch.Tensor]]


def token_spans(tokens: Sequence[str], text: str) -> list[tuple[int, int]]:
    """Where each token stands in `text`, (begin, end) in characters; (0, 0) for one that stands for no text.

    tokens: pieces of words (`##` goes on with a word, a space may begin one), in upper or lower case. Raises
    CourseError where they do not spell the text.
    """
    spans, place = [], 0
    for token in tokens:
        piece = "" if token in SPECIAL else token.removeprefix("##").strip().lower()
        begin = place + len(text[place:]) - len(text[place:].lstrip()) if piece else place
        if text[begin : begin + len(piece)].lower() != piece:
            raise CourseError(f"Token {token!r} does not go on with {text[place:][:20]!r}; expected the text's.")
        spans.append((begin, begin + len(piece)) if piece else (0, 0))
        place = begin + len(piece)
    if text[place:].strip():
        raise CourseError(f"The tokens end before {text[place:][:20]!r}; expected those of the whole text.")
    return spans


def tokens_of(word: tuple[int, int], spans: Sequence[tuple[int, int]]) -> list[int]:
    """The numbers of the tokens that make up a word, given where the word and each token stand."""
    for span in (word, *spans):
        if len(span) != 2:
            raise CourseError(f"A span is {span!r}; expected pairs of numbers: where it begins and where it ends.")
    return [i for i, (begin, end) in enumerate(spans) if max(begin, word[0]) < min(end, word[1])]


def looks(tokens: Sequence[str], weights: torch.Tensor, sentence: PronounSentence) -> np.ndarray:
    """(L, H, 3): weight from the pronoun to either noun, and the largest to any other token. weights (L, H, T, T).

    A noun of several tokens gets the sum of theirs; a pronoun has one.
    """
    check_shape(weights, f"L H {len(tokens)} {len(tokens)}", "weights")
    spans = token_spans(tokens, sentence.text)
    row = weights[:, :, tokens_of(sentence.span(sentence.pronoun), spans)[-1]]      # (L, H, T)
    places = [tokens_of(sentence.span(noun), spans) for noun in sentence.nouns]
    others = [place for place in range(len(tokens)) if place not in (*places[0], *places[1])]
    parts = [*(row[..., place].sum(dim=-1) for place in places), row[..., others].amax(dim=-1)]
    return torch.stack(parts, dim=-1).numpy()


def look_at_all(attention: Attention, sentences: Sequence[PronounSentence]) -> np.ndarray:
    """(N, L, H, 3): `looks` at each sentence, by a function like `SentenceEncoder.attention`."""
    return np.stack([looks(*attention(sentence.text), sentence) for sentence in sentences])


def prefers(looked: np.ndarray, sentences: Sequence[PronounSentence]) -> np.ndarray:
    """(N, L, H): 1 where a head gives the right noun more weight than the wrong one, ½ where both get the same."""
    right, wrong = _right_and_wrong(looked, sentences)
    return (right > wrong) + 0.5 * (right == wrong)


def points_at(looked: np.ndarray, sentences: Sequence[PronounSentence]) -> np.ndarray:
    """(N, L, H): 1 where a head gives the right noun more weight than the wrong one and than any other token."""
    right, wrong = _right_and_wrong(looked, sentences)
    return ((right > wrong) & (right > looked[..., 2])).astype(float)


def _right_and_wrong(looked: np.ndarray, sentences: Sequence[PronounSentence]) -> tuple[np.ndarray, np.ndarray]:
    check_shape(looked, f"{len(sentences)} L H 3", "looked")
    rows, meant = np.arange(len(sentences)), np.array([sentence.right for sentence in sentences])
    return looked[rows, ..., meant], looked[rows, ..., 1 - meant]


def by_frame(right: np.ndarray, sentences: Sequence[PronounSentence]) -> np.ndarray:
    """(F, 2): for each frame how many of its sentences were right, right (N,), and how many there are.

    Sentences of one frame resemble one another, so an interval has to draw frames, not sentences: give this to
    `intervals.bootstrap_interval` with `intervals.ratio_of_sums`.
    """
    check_shape(right, f"{len(sentences)}", "right")
    frames = np.array([sentence.frame for sentence in sentences])
    return np.array([[right[frames == frame].sum(), (frames == frame).sum()] for frame in np.unique(frames)])


BASELINES: dict[str, Callable[[PronounSentence], int]] = {
    "the nearest noun": lambda sentence: 1,
    "the first noun": lambda sentence: 0,
    "the subject": lambda sentence: sentence.subject,
}


def baseline(name: str, sentences: Sequence[PronounSentence]) -> np.ndarray:
    """(N,): 1.0 where a rule of order (a key of BASELINES) finds the noun that is meant."""
    if name not in BASELINES:
        raise CourseError(f"{name!r:.60} is no rule; expected one of {', '.join(BASELINES)}.")
    return np.array([float(BASELINES[name](sentence) == sentence.right) for sentence in sentences])
