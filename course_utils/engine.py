"""A chat model that runs on this course's own code, or on yours: `Engine("smollm2", attention=my_attention)`."""

import warnings
from collections.abc import Callable, Iterator, Sequence

import torch

from course_utils.errors import CourseError
from course_utils.exercises.checks import Report, examine
from course_utils.exercises.specs import find
from course_utils.generation import greedy
from course_utils.memory import give_back
from course_utils.models.fast import FastDecoder
from course_utils.models.transformer import Operations
from course_utils.pretrained import load_decoder

CHECKS = {"attention": "6.4", "rms_norm": "7.3", "rotary": "5.9", "swiglu": "7.4", "sample": "7.9"}
Message = dict[str, str]                                           # role (system, user or assistant) and content


class MistakeError(CourseError):
    """A function that was to be swapped in did not pass its check; the message says which mistake it makes."""


class Engine:
    """A pretrained chat model on our decoder. Each of its functions may be replaced by one of the reader's.

    attention(query, key, value, mask) -> (mixed, weights), rms_norm(x, gain, epsilon), rotary(x, positions, base),
    swiglu(x, gate, up, down) and sample(probability (V,), generator) -> id, as in `models.attention`, `models.layers`
    and `generation`. What is swapped in is checked first, by its exercise; a wrong function raises MistakeError with
    the diagnosis, and runs nevertheless with `anyway=True`.

    Without functions of the reader's the model runs on the fast path, with weights of `precision` float32, bfloat16 or
    int8. `context`: how many tokens it holds. Raises CourseError for a name or a precision that there is not.
    """

    def __init__(
        self,
        name: str = "smollm2",
        *,
        attention: Callable | None = None,
        rms_norm: Callable | None = None,
        rotary: Callable | None = None,
        swiglu: Callable | None = None,
        sample: Callable | None = None,
        precision: str = "float32",
        context: int = 2048,
        anyway: bool = False,
    ):
        parts = {"attention": attention, "rms_norm": rms_norm, "rotary": rotary, "swiglu": swiglu}
        own = {part: function for part, function in parts.items() if function is not None}
        for part, function in (own | ({} if sample is None else {"sample": sample})).items():
            _admit(part, function, anyway)
        if own and precision != "float32":
            raise CourseError(f"Your own functions run in float32; precision is {precision!r}. Leave one of them out.")
        give_back()                                                # the reader may just have let another model go
        model, self.tokenizer = load_decoder(name, Operations(**own), context)
        self.model = _Written(model) if own else FastDecoder(model, precision)
        self.sample, self.context = greedy if sample is None else sample, model.context
        del model                                                  # the fast path has packed its weights anew
        give_back()
        self._text = None                                          # whose text the model has in mind

    def prompt(self, messages: Sequence[Message]) -> str:
        """A conversation as the model was trained to see it, ready for the assistant's next turn."""
        return self.tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)

    def encode(self, text: str) -> list[int]:
        """Text to ids. Raises CourseError for an empty text and for one that leaves no room to go on."""
        ids = self.tokenizer(text, add_special_tokens=False).input_ids
        if not ids:
            raise CourseError("The text is empty; write at least one word for the model to go on from.")
        if len(ids) >= self.context:
            raise CourseError(
                f"The text has {len(ids)} tokens, and the engine holds {self.context}. Shorten it, or make room: "
                f"Engine(context={2 * len(ids)})."
            )
        return ids

    def tokens(
        self,
        ids: Sequence[int],
        longest: int,
        generator: torch.Generator | None = None,
        sample: Callable | None = None,
    ) -> Iterator[int]:
        """The ids that follow `ids`, at most `longest`; ends before the end-of-text token. `sample` is for this text.

        Where the room ends it stops with a warning. Raises CourseError if another text was begun meanwhile: the engine
        has one at a time in mind.
        """
        self.model.reset()
        sample = self.sample if sample is None else sample
        self._text = own = object()
        unread, room = list(ids), self.context - len(ids) + 1
        for number in range(longest):
            if self._text is not own:
                raise CourseError("Another text was begun on this engine before this one ended; use one for each.")
            if number == room:
                full = f"The engine holds {self.context} tokens and is full; make room: Engine(context=…)."
                warnings.warn(full, stacklevel=2)
                return
            token = int(sample(self.model.read(unread).softmax(dim=-1), generator))
            if token == self.tokenizer.eos_token_id:
                return
            yield token
            unread = [token]

    def stream(
        self,
        text: str,
        longest: int = 60,
        generator: torch.Generator | None = None,
        sample: Callable | None = None,
    ) -> Iterator[str]:
        """What follows `text`, piece by piece. A character of several tokens comes when it is whole.

        sample(probability (V,), generator) -> id: for this text in the place of the engine's own.
        """
        written, shown = [], 0
        for token in self.tokens(self.encode(text), longest, generator, sample):
            written.append(token)
            whole = self.tokenizer.decode(written, skip_special_tokens=True)
            if not whole.endswith("\ufffd"):
                yield whole[shown:]
                shown = len(whole)
        rest = self.tokenizer.decode(written, skip_special_tokens=True)[shown:]
        if rest:
            yield rest

    def write(self, text: str, longest: int = 60, generator: torch.Generator | None = None) -> str:
        """What follows `text`, all at once."""
        return "".join(self.stream(text, longest, generator))

    def reply(
        self, messages: Sequence[Message], longest: int = 200, generator: torch.Generator | None = None
    ) -> Iterator[str]:
        """The assistant's next turn in a conversation, piece by piece."""
        return self.stream(self.prompt(messages), longest, generator)

    def answer(self, question: str, longest: int = 60, generator: torch.Generator | None = None) -> str:
        """The answer to one question. Raises CourseError where it is empty."""
        if not question.strip():
            raise CourseError("The question is empty; write one.")
        return "".join(self.reply([{"role": "user", "content": question}], longest, generator)).strip()


class _Written:
    """The written-out decoder with the same two methods as the fast one: `read` more ids, and `reset`."""

    def __init__(self, model):
        self.model, self.cache = model, None

    def reset(self) -> None:
        self.cache = None

    @torch.no_grad()
    def read(self, ids: Sequence[int]) -> torch.Tensor:
        """The logits (V,) of what follows."""
        stream, _, self.cache = self.model.stream(torch.tensor([list(ids)]), self.cache)
        return self.model.logits(stream[0, -1])


def diagnose(part: str, function: Callable) -> Report:
    """What the check of `part` says of a function: one of attention, rms_norm, rotary, swiglu and sample."""
    return examine(find(CHECKS[part]), function)


def _admit(part: str, function: Callable, anyway: bool) -> None:
    report = diagnose(part, function)
    if report.passed:
        return
    if not anyway:
        raise MistakeError(f"{report.text}\nTo run it nevertheless: Engine(…, {part}=…, anyway=True).")
    print(report.text)
