"""One process and two that share every batch: how many tokens of text a second our `fit` learns from.

The same model, batch and number of steps for all; two processes with a thread each stand beside one with one thread
and one with two. They live through all rounds, so that their start is not timed.
"""

import os
import socket
from multiprocessing import get_context
from multiprocessing.connection import Connection

import torch

from benchmarks.paired import Contest, Measured, Timing, race
from course_utils.models.transformer import Transformer, TransformerConfig
from course_utils.seeding import generator
from course_utils.text.batches import windows
from course_utils.training import FitConfig, fit

SIZES = TransformerConfig(2048, 128, 192, heads=6, layers=6)
BATCH, STEPS = 32, 4
TOKENS = STEPS * BATCH * SIZES.context
TWO, ONE = "two processes", "one, one thread"
TEAMS = {TWO: (2, 1), ONE: (1, 1), "one, two threads": (1, 2)}
TASK = "train a GPT"


def measure(rounds: int) -> Measured:
    """Two processes beside one with a thread, and beside one with as many threads as they have together."""
    teams = {name: Team(*sizes) for name, sizes in TEAMS.items()}
    try:
        timing = race({name: team.run for name, team in teams.items()}, rounds)
    finally:
        for team in teams.values():
            team.close()
    peers = [name for name in TEAMS if name != TWO]
    contests = [Contest.of(timing, TASK, TWO, peer, TOKENS, "tokens/s") for peer in peers]
    return Measured(contests, known=_known(timing))


def _known(timing: Timing) -> dict:
    parameters = sum(each.numel() for each in _model().parameters())
    efficiency = timing.faster(TWO, ONE).median / 2
    return {"parameters": parameters, "tokens_a_step": BATCH * SIZES.context, "efficiency_of_two": efficiency}


class Team:
    """Processes that train together each time they are told to."""

    def __init__(self, processes: int, threads: int):
        spawn, port = get_context("spawn"), free_port()
        self.ends, self.members = [], []
        for place in range(processes):
            end, their_end = spawn.Pipe()
            member = spawn.Process(target=_member, args=(their_end, place, processes, threads, port), daemon=True)
            member.start()
            their_end.close()                                      # so that the end of a member is heard here
            self.ends.append(end)
            self.members.append(member)

    def run(self) -> list[float]:
        """Train a fresh model for some steps; the last loss that each process saw. Raises EOFError if one is gone."""
        for end in self.ends:
            end.send(True)
        return [end.recv() for end in self.ends]

    def close(self) -> None:
        """End the processes."""
        for end, member in zip(self.ends, self.members, strict=True):
            end.close()
            member.join()


def free_port() -> int:
    """A port where the processes can meet."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _member(end: Connection, place: int, processes: int, threads: int, port: int) -> None:
    """What a process does until nobody asks any more."""
    if processes > 1:                                              # what torchrun would set
        here = {"RANK": place, "LOCAL_RANK": place, "WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes}
        os.environ |= {name: str(value) for name, value in here.items()}
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ["COURSE_DEVICE"] = "cpu"
    torch.set_num_threads(threads)
    batches = windows(torch.randint(SIZES.vocabulary_size, (100_000,), generator=generator(1)), BATCH, SIZES.context, 1)
    while True:
        try:
            end.recv()
        except EOFError:
            break
        end.send(fit(_model(), batches, FitConfig(steps=STEPS, learning_rate=1e-4)).losses[-1])
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _model() -> Transformer:
    return Transformer(SIZES, generator(0))
