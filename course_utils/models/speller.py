"""Who pays for `<unk>`: a byte model that spells the words a vocabulary does not have."""

import numpy as np
import torch

from course_utils.models.ngram import NGram
from course_utils.text.vocabulary import ByteVocabulary, Encoding

NEWLINE = 10


class Speller:
    """A byte-level Kneser–Ney model of single words, each ended by a newline.

    Fit it on the words that became `<unk>` in training, as often as they did: `Speller(encoding.unknown)`.
    """

    def __init__(self, words, order: int = 5):
        self.vocabulary = ByteVocabulary()
        self.model = NGram.fit(self._encode(words), self.vocabulary, order, boundary=NEWLINE)

    def _encode(self, words) -> Encoding:
        return self.vocabulary.encode("".join(f"{word}\n" for word in words))

    def nats(self, words) -> float:
        """−ln p of spelling all these words, the end of each included."""
        if not words:
            return 0.0
        encoding = self._encode(words)
        return self.model.token_nats(encoding.inputs[None], encoding.ids[None]).sum().item()

    def spell(self, generator: torch.Generator, longest: int = 30) -> str:
        """Make up one word."""
        ids = [NEWLINE]
        while len(ids) <= longest:
            probability = torch.from_numpy(np.asarray(self.model.distribution(ids)))
            ids.append(int(torch.multinomial(probability, 1, generator=generator)))
            if ids[-1] == NEWLINE:
                break
        return self.vocabulary.decode([i for i in ids if i != NEWLINE])
