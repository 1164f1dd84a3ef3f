"""Three ways to turn text into ids and back without losing a byte: words, characters, bytes."""

import re
import reprlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from course_utils.errors import CourseError

UNKNOWN = "<unk>"
PARAGRAPH = "\n\n"

# A blank line, a word, a number or a mark, each with the space before it; whatever else, one character at a time.
PIECE = re.compile(r"\n\n| ?[^\W\d_]+(?:['’][^\W\d_]+)*| ?\d+| ?[^\w\s]|.|\n", re.DOTALL)


def word_pieces(text: str) -> list[str]:
    """Cut text into words, numbers and marks that keep the space before them: `"".join(word_pieces(text)) == text`."""
    return PIECE.findall(text)


def utf8(text: str) -> bytes:
    """The UTF-8 bytes of a text. Raises CourseError for half a surrogate pair, which has none."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        character = f"U+{ord(text[error.start]):04X}"
        raise CourseError(
            f"Character {error.start} of the text is {character}, half of a surrogate pair, which no UTF-8 text holds; "
            'expected whole characters: remove it, for example by text.encode(errors="ignore").decode().'
        ) from error


@dataclass(frozen=True)
class Encoding:
    """A text as a model reads it.

    ids (T,) int64; `start`: the id that stands before the first token; `n_bytes`: length of the text in UTF-8;
    `unknown`: the pieces that `<unk>` stands for, in order, which somebody has to pay for (see `Speller`).
    """

    ids: torch.Tensor
    start: int
    n_bytes: int
    unknown: tuple[str, ...] = ()

    @property
    def inputs(self) -> torch.Tensor:
        """(T,) what the model has just read when it predicts each id."""
        return torch.cat([torch.tensor([self.start]), self.ids])[:-1]


class Vocabulary:
    """Tokens and their ids. `tokens[i]` is the string of id i; `start` is the id that stands before any text."""

    def __init__(self, tokens: Sequence[str], start: str):
        self.tokens = tuple(tokens)
        self.index = {token: i for i, token in enumerate(self.tokens)}
        if len(self.index) != len(self.tokens):
            count = len(self.tokens)
            raise CourseError(f"Of {count} tokens {len(self.index)} differ; a vocabulary needs distinct tokens.")
        if start not in self.index:
            raise CourseError(f"start is {start!r:.60}; expected one of the {len(self.tokens)} tokens.")
        self.start = self.index[start]

    def __len__(self) -> int:
        return len(self.tokens)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} tokens)"

    def split(self, text: str) -> list[str]:
        """Cut text into the pieces this vocabulary numbers."""
        raise NotImplementedError

    def encode(self, text: str) -> Encoding:
        """Text to ids. Raises CourseError for a piece that is not in the vocabulary where there is no `<unk>`."""
        pieces = self.split(text)
        unknown_id = self.index.get(UNKNOWN)
        ids = [self.index.get(piece, unknown_id) for piece in pieces]
        if None in ids:
            piece = pieces[ids.index(None)]
            raise CourseError(f"{piece!r} is none of the {len(self)} tokens; expected those: there is no {UNKNOWN}.")
        unknown = tuple(piece for piece, i in zip(pieces, ids, strict=True) if i == unknown_id)
        return Encoding(torch.tensor(ids, dtype=torch.int64), self.start, len(utf8(text)), unknown)

    def decode(self, ids) -> str:
        """Ids to text; `<unk>` stays visible. Raises CourseError for an id that is not in the vocabulary."""
        return "".join(self.tokens[i] for i in self._checked(ids))

    def _checked(self, ids) -> list[int]:
        if isinstance(ids, str) or getattr(ids, "ndim", 1) != 1:
            raise CourseError(f"ids are {reprlib.repr(ids)}; expected one row of whole numbers.")
        ids = [int(i) for i in ids]
        if ids and not 0 <= min(ids) <= max(ids) < len(self):
            raise CourseError(f"ids must lie in 0 … {len(self) - 1}; got {min(ids)} … {max(ids)}.")
        return ids


class WordVocabulary(Vocabulary):
    """Word pieces seen at least `min_count` times; anything else is `<unk>`, id 0. The blank line is id 1."""

    def __init__(self, text: str, min_count: int = 2):
        counts = Counter(word_pieces(text))
        kept = sorted(piece for piece, count in counts.items() if count >= min_count and piece != PARAGRAPH)
        super().__init__([UNKNOWN, PARAGRAPH, *kept], start=PARAGRAPH)

    def split(self, text: str) -> list[str]:
        return word_pieces(text)


class CharVocabulary(Vocabulary):
    """The distinct characters of a text, in code order; the newline always belongs to it and stands before any text."""

    def __init__(self, text: str):
        super().__init__(sorted(set(text) | {"\n"}), start="\n")

    def split(self, text: str) -> list[str]:
        return list(text)


class ByteVocabulary(Vocabulary):
    """The 256 bytes of UTF-8: no text is ever unknown to it. Id = byte; the newline stands before any text."""

    def __init__(self):
        super().__init__([chr(i) for i in range(256)], start="\n")

    def split(self, text: str) -> list[str]:
        return [chr(byte) for byte in utf8(text)]

    def encode(self, text: str) -> Encoding:
        data = bytearray(utf8(text))
        ids = torch.frombuffer(data, dtype=torch.uint8).long() if data else torch.empty(0, dtype=torch.int64)
        return Encoding(ids, self.start, len(data))

    def decode(self, ids) -> str:
        """Bytes to text; a byte sequence that is not UTF-8 shows as U+FFFD."""
        return bytes(self._checked(ids)).decode(errors="replace")
