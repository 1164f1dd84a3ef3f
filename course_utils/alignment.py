"""What a rater prefers: prompts, answers that a model of ours writes to them, and the rater's choice between two.

The rater likes plain words, which can be measured: its judgement of a text is exact, its choices are noisy as people's
are. `preference_tuning` learns from the choices alone. Notation: N prompts of P tokens, K answers of T tokens to each.
"""

import math
import re
from dataclasses import dataclass

import torch

from course_utils.errors import CourseError
from course_utils.models.language_model import check_ids, measuring
from course_utils.shapes import check_floats, check_shape, check_shapes, check_whole
from course_utils.text.corpora import PARAGRAPH_END

WORD = re.compile(r"[^\W\d_]+")                                    # letters in a row
LONGEST_WORDS = 20.0                                               # letters a word: nothing is worse
TOGETHER = 256                                                     # texts in a pass that only measures


# --- the rater


def letters_per_word(text: str) -> float:
    """Mean length of the words of a text, a word being letters in a row; 20 at most, and 20 where there is no word."""
    words = WORD.findall(text)
    return min(sum(map(len, words)) / len(words), LONGEST_WORDS) if words else LONGEST_WORDS


@dataclass(frozen=True)
class Rater:
    """Somebody who likes plain words: the quality of a text is minus its letters per word.

    strength: how sure the rater is; of two texts that differ by d in quality, the better one wins with probability
    σ(strength · d), the model of Bradley and Terry (1952). Raises CourseError where it is not above 0.
    """

    strength: float = 4.0

    def __post_init__(self):
        if not 0 < self.strength < math.inf:
            raise CourseError(f"strength is {self.strength}; expected a number above 0; near 0 the rater guesses.")

    def quality(self, text: str) -> float:
        """Minus the letters per word: −20, the worst, to −1."""
        return -letters_per_word(text)

    def first_wins(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """(N,) probability that the first of two texts of these qualities (N,) is chosen."""
        check_floats("N, N", first=first, second=second)
        return torch.sigmoid(self.strength * (first - second))

    def choose(self, first: torch.Tensor, second: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """(N,) True where the first text is chosen, each drawn with `first_wins`."""
        probability = self.first_wins(first, second)
        return torch.rand(probability.shape, generator=generator) < probability


# --- prompts and answers


def paragraph_prompts(text: str, vocabulary, count: int, tokens: int, generator: torch.Generator) -> torch.Tensor:
    """(count, tokens) int64: the beginnings of `count` different paragraphs, drawn at random, as a model reads them.

    Each begins with the vocabulary's `start`, which is one of the tokens. Only paragraphs with at least twice as many
    tokens are taken: their beginning is no heading. Raises CourseError where there are too few.
    """
    if count < 1 or tokens < 2:
        raise CourseError(f"{count} prompts of {tokens} tokens; expected 1 or more prompts of 2 tokens or more.")
    paragraphs = [paragraph.strip() for paragraph in text.split(PARAGRAPH_END)]
    prompts = []
    for place in torch.randperm(len(paragraphs), generator=generator).tolist():
        encoding = vocabulary.encode(paragraphs[place])
        if len(encoding.ids) >= 2 * tokens:
            prompts.append(encoding.inputs[:tokens])
        if len(prompts) == count:
            return torch.stack(prompts)
    raise CourseError(f"The text has {len(prompts)} paragraphs of {2 * tokens} tokens or more; expected {count}.")


def sample_answers(model, prompts: torch.Tensor, count: int, tokens: int, generator: torch.Generator) -> torch.Tensor:
    """(N, count, tokens) what the model writes after each of the prompts (N, P), `count` times: plain sampling.

    Many answers are written at once, each with its cache. Raises CourseError where the context is too short.
    """
    check_shapes("N+ P+", prompts=prompts)
    check_ids(prompts, getattr(model, "vocabulary_size", 2**31), "prompts")
    if count < 1 or tokens < 1:
        raise CourseError(f"{count} answers of {tokens} tokens; expected 1 or more of each.")
    rows = prompts.repeat_interleave(count, dim=0)                                    # (N·K, P)
    with measuring(model):
        written = [_written(model, some, tokens, generator) for some in rows.split(TOGETHER)]
    return torch.cat(written).view(len(prompts), count, tokens)


def _written(model, unread: torch.Tensor, tokens: int, generator: torch.Generator) -> torch.Tensor:
    """(B, tokens) what follows the rows `unread` (B, P)."""
    cache, written = None, []
    while len(written) < tokens:
        logits, cache = model.run(unread, cache)
        unread = torch.multinomial(logits[:, -1].softmax(dim=-1), 1, generator=generator)   # (B, 1)
        written.append(unread)
    return torch.cat(written, dim=1)


def qualities(rater: Rater, vocabulary, answers: torch.Tensor) -> torch.Tensor:
    """(N, K) what the rater truly thinks of answers (N, K, T)."""
    found = [rater.quality(vocabulary.decode(answer)) for answer in answers.flatten(0, 1)]
    return torch.tensor(found).view(answers.shape[:2])


# --- pairs


@dataclass(frozen=True)
class Pairs:
    """Prompts (N, P), and of two answers to each the chosen and the rejected one, (N, T) each: ids, int64."""

    prompts: torch.Tensor
    chosen: torch.Tensor
    rejected: torch.Tensor

    def __post_init__(self):
        check_shape(self.prompts, "N P", "prompts")
        check_shape(self.chosen, f"{len(self.prompts)} T", "chosen")
        check_shape(self.rejected, f"{len(self.prompts)} {self.chosen.shape[1]}", "rejected")

    def __len__(self) -> int:
        return len(self.prompts)

    def __getitem__(self, rows) -> "Pairs":
        """Those of the pairs that a slice or a tensor of row numbers picks."""
        return Pairs(self.prompts[rows], self.chosen[rows], self.rejected[rows])

    @property
    def texts(self) -> torch.Tensor:
        """(2N, P + T) each prompt with its chosen answer, then each with its rejected one."""
        return torch.cat([joined(self.prompts, self.chosen), joined(self.prompts, self.rejected)])


def joined(prompts: torch.Tensor, answers: torch.Tensor) -> torch.Tensor:
    """(N, P + T) prompts (N, P), each followed by its answer (N, T)."""
    check_shapes("N P, N T", prompts=prompts, answers=answers)
    return torch.cat([prompts, answers], dim=1)


def preference_pairs(
    prompts: torch.Tensor, answers: torch.Tensor, quality: torch.Tensor, rater: Rater, generator: torch.Generator
) -> Pairs:
    """The rater's choice between the two answers (N, 2, T) to each prompt (N, P), whose true quality is (N, 2)."""
    check_shape(answers, f"{len(prompts)} 2 T", "answers")
    check_shape(quality, f"{len(prompts)} 2", "quality")
    wins = rater.choose(quality[:, 0], quality[:, 1], generator)[:, None]              # (N, 1)
    first, second = answers[:, 0], answers[:, 1]
    return Pairs(prompts, torch.where(wins, first, second), torch.where(wins, second, first))


# --- pressing on a reward


def best_of(scores: torch.Tensor, n: int) -> torch.Tensor:
    """(N, K // n) which of the K answers is best by scores (N, K), in each group of n in a row; the rest is left out.

    Best-of-n: draw n answers, keep the one that the reward model likes most (Stiennon et al. 2020). All groups count,
    so that a small n is measured as exactly as K answers allow. Raises CourseError for an n outside 1 … K.
    """
    check_floats("N K", scores=scores)
    count = scores.shape[1]
    if not 1 <= n <= count:
        raise CourseError(f"best of {n} from {count} answers a prompt; expected 1 to {count}.")
    groups = count // n
    best = scores[:, : groups * n].view(len(scores), groups, n).argmax(dim=2)         # (N, groups)
    return best + n * torch.arange(groups)


def picked(values: torch.Tensor, best: torch.Tensor) -> float:
    """The mean of values (N, K) over the answers that `best_of` has kept."""
    check_floats("N+ K", values=values)
    check_whole(f"{len(values)} best+", best=best)
    check_ids(best, values.shape[1], "best")
    return values.gather(1, best).mean().item()
