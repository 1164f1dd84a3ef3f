"""Let an encoder–decoder write many targets at once, greedily or by beam search."""

import torch

from course_utils.errors import CourseError
from course_utils.models.encoder_decoder import Cached
from course_utils.models.language_model import measuring
from course_utils.models.seq2seq import END, PAD, START, Seq2Seq
from course_utils.shapes import check_counts, check_shapes

LONGEST = 30
ROWS = 1024                                                        # sources in one pass
Model = Seq2Seq | Cached


def transcribe(
    model: Model,
    source: torch.Tensor,
    beam: int = 1,
    longest: int = LONGEST,
    rows: int = ROWS,
    start: int = START,
    end: int = END,
) -> list[list[int]]:
    """The target ids of each source (N, S), without `start` and `end`, at most `longest` each; `rows` at a time.

    start and end: the ids that a target begins with and closes with; a pretrained model has its own. beam 1 takes the
    likeliest token each time; a wider one keeps that many beginnings and returns the target whose log-probability
    divided by its length, `end` counted, is highest. Raises CourseError for a beam or length below 1.
    """
    if min(beam, longest, rows) < 1:
        raise CourseError(f"beam is {beam}, longest {longest} and rows {rows}; expected 1 or more of each.")
    check_shapes("N S+", source=source)
    check_counts(0, start=start, end=end)
    written: list[list[int]] = []
    with measuring(model):
        for part in source.split(rows):
            if len(part) == 0:
                continue
            part = part[:, : max(1, int((part != PAD).sum(dim=1).max()))].to(model.device)
            marks = start, end
            ids = _greedy(model, part, longest, *marks) if beam == 1 else _beam(model, part, beam, longest, *marks)
            written += [_until(end, row) for row in ids.tolist()]
    return written


def _until(end: int, ids: list[int]) -> list[int]:
    return ids[: ids.index(end)] if end in ids else ids


def _greedy(model: Model, source: torch.Tensor, longest: int, start: int, end: int) -> torch.Tensor:
    """(N, ≤ longest) the likeliest token each time, until every row has ended."""
    encoded, state = model.encode(source), None
    token = torch.full((len(source), 1), start, device=source.device)
    tokens, ended = [], torch.zeros(len(source), dtype=torch.bool, device=source.device)
    while len(tokens) < longest and not ended.all():
        logits, state, _ = model.decode(token, encoded, state)
        token = logits[:, -1:].argmax(dim=-1)
        tokens.append(token)
        ended |= token[:, 0] == end
    return torch.cat(tokens, dim=1)


def _beam(model: Model, source: torch.Tensor, beam: int, longest: int, start: int, end: int) -> torch.Tensor:
    """(N, longest) the best of `beam` beginnings of each source, kept side by side as N·beam rows."""
    count, device = len(source), source.device
    first_row = torch.arange(count, device=device)[:, None] * beam                          # (N, 1)
    encoded, state = model.encode(source).rows(torch.arange(count, device=device).repeat_interleave(beam)), None
    tokens = torch.full((count * beam, 1), start, device=device)
    score = torch.full((count, beam), float("-inf"), device=device)
    score[:, 0] = 0.0                                              # all beginnings are alike: only one may go on
    length, ended = torch.zeros_like(score), torch.zeros_like(score, dtype=torch.bool)
    for _ in range(longest):
        logits, state, _ = model.decode(tokens[:, -1:], encoded, state)
        step = _log_p(logits[:, -1].float(), ended.flatten()).view(count, beam, -1)         # (N, beam, V)
        new_length = length + ~ended
        ranked = ((score[:, :, None] + step) / new_length[:, :, None].clamp(min=1)).flatten(1)
        _, best = ranked.topk(beam, dim=1)
        origin, token = best // step.shape[-1], best % step.shape[-1]                       # (N, beam) each
        score = score.gather(1, origin) + step.flatten(1).gather(1, best)
        length, ended = new_length.gather(1, origin), ended.gather(1, origin) | (token == end)
        rows = (first_row + origin).flatten()
        tokens = torch.cat([tokens[rows], token.flatten()[:, None]], dim=1)
        state = tuple(part[:, rows] for part in state)
        if ended.all():
            break
    best = (score / length.clamp(min=1)).argmax(dim=1, keepdim=True)
    return tokens[(first_row + best).flatten(), 1:]


def _log_p(logits: torch.Tensor, ended: torch.Tensor) -> torch.Tensor:
    """log p of each next token; a row that has ended can only go on with padding, at no cost."""
    log_p = logits.log_softmax(dim=-1)
    only_padding = torch.full_like(log_p[0], float("-inf"))
    only_padding[PAD] = 0.0
    return torch.where(ended[:, None], only_padding, log_p)
