"""Turns of the game: who moves, what each is told, the penalty, the average; and a ring that is found or lost."""

import copy
import math

import pytest
import torch
from torch import nn

from course_utils import adversarial
from course_utils.adversarial import Game, GameConfig, descend, play
from course_utils.checkpoints import CheckpointError
from course_utils.errors import CourseError
from course_utils.models import gan
from course_utils.models.toy_gan import PointDiscriminator, PointGANConfig, PointGenerator, ShiftedNoise, ring
from course_utils.seeding import generator
from course_utils.training import TrainingError

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = PointGANConfig(dimensions=2, latent=2, width=8)
REAL = ring().draw(16, generator(9))


def game(config=GameConfig()) -> Game:                             # noqa: B008  (it is frozen)
    return Game(PointGenerator(SMALL, generator(1)), PointDiscriminator(SMALL, generator(2)), config)


def weights(player: nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in player.parameters()]


def moved(player: nn.Module, before: list[torch.Tensor]) -> bool:
    return any(not torch.equal(now, then) for now, then in zip(player.parameters(), before, strict=True))


def test_two_processes_that_would_each_play_the_whole_game_are_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")                          # as torchrun and accelerate launch set it
    ours = game()
    with pytest.raises(CourseError, match="A game cannot be shared by 2 processes: .* Start it without a launcher"):
        play(ours, lambda step: (REAL,), 1)
    assert ours.history.steps == 0


# --- turns ----------------------------------------------------------------------------------------


def test_in_its_turn_only_the_one_player_moves_and_the_other_gets_no_gradient():
    ours = game()
    generators, discriminators = weights(ours.generator), weights(ours.discriminator)
    ours.discriminator_turn(REAL)
    assert moved(ours.discriminator, discriminators) and not moved(ours.generator, generators)
    assert all(parameter.grad is None for parameter in ours.generator.parameters())
    discriminators, slopes = weights(ours.discriminator), [p.grad.clone() for p in ours.discriminator.parameters()]
    ours.generator_turn(16)
    assert moved(ours.generator, generators) and not moved(ours.discriminator, discriminators)
    kept = zip(slopes, ours.discriminator.parameters(), strict=True)
    assert all(torch.equal(then, now.grad) for then, now in kept)


def test_the_discriminator_is_shown_fakes_that_nothing_flows_back_from_and_the_generator_is_not():
    ours, flows = game(), []
    ours.discriminator.register_forward_pre_hook(lambda module, inputs: flows.append(inputs[0].requires_grad))
    ours.discriminator_turn(REAL)
    ours.generator_turn(16)
    assert flows == [False, False, True]                           # real, fake; then the generator's own fake


def test_a_step_is_what_two_textbook_steps_come_to():
    config = GameConfig(r1=0.5, generator_rate=1e-2, discriminator_rate=2e-2)
    ours, random = game(config), generator(config.seed)
    network, critic = copy.deepcopy(ours.generator), copy.deepcopy(ours.discriminator)
    ours.step(REAL)
    for player, rate in ((critic, 2e-2), (network, 1e-2)):
        fake = network(network.latents(16, random))
        if player is critic:
            loss = gan.discriminator_loss(critic(REAL), critic(fake.detach())) + 0.25 * gan.r1_penalty(critic, REAL)
        else:
            loss = gan.non_saturating_loss(critic(fake))
        optimizer = torch.optim.Adam(player.parameters(), rate, (0.5, 0.999))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for one, other in ((ours.generator, network), (ours.discriminator, critic)):
        for here, there in zip(one.parameters(), other.parameters(), strict=True):
            assert torch.allclose(here, there, atol=1e-6)


def test_each_turn_makes_its_own_loss_smaller():
    ours = game(GameConfig(generator_rate=1e-3, discriminator_rate=1e-3))
    codes = ours.generator.latents(16, generator(0))                # those that the turns will draw first

    def losses() -> tuple[float, float]:
        with torch.no_grad():
            fake = ours.discriminator(ours.generator(codes))
            told = gan.discriminator_loss(ours.discriminator(REAL), fake)
        return told.item(), gan.non_saturating_loss(fake).item()

    before = losses()
    ours.discriminator_turn(REAL)
    between = losses()
    assert between[0] < before[0]
    ours.random.manual_seed(0)
    ours.generator_turn(16)
    assert losses()[1] < between[1]


def test_descending_is_for_the_optimizers_own_numbers():
    own, other = nn.Parameter(torch.tensor(2.0)), nn.Parameter(torch.tensor(3.0))
    descend(torch.optim.SGD([own], 0.1), own.square() * other)      # the slope is 2 · 2 · 3
    assert own.item() == pytest.approx(0.8, abs=1e-6)
    assert other.item() == 3.0 and other.grad is None


# --- the penalty and the average --------------------------------------------------------------------


def test_a_lazy_penalty_comes_every_so_many_turns_and_is_so_many_times_as_heavy():
    ours = game(GameConfig(r1=0.5, r1_every=4))
    steepness = gan.r1_penalty(ours.discriminator, REAL).item()
    assert ours.penalty(REAL).item() == pytest.approx(0.5 / 2 * 4 * steepness, rel=1e-5)
    ours.history.penalties.clear()
    for _ in range(9):
        ours.discriminator_turn(REAL)
    assert len(ours.history.penalties) == 3                        # turns 0, 4 and 8
    assert game().penalty(REAL) == 0.0


def test_the_average_is_that_of_the_generator_and_follows_fast_at_first():
    ours = game(GameConfig(average=0.5, generator_rate=0.1, discriminator_turns=2))      # steps are not turns
    wanted = ours.generator.body[0].weight.detach().clone()
    for step in range(1, 15):
        ours.step(REAL)
        decay = min(0.5, step / (step + 10))                       # 1/11, 2/12, … up to 0.5
        wanted = decay * wanted + (1 - decay) * ours.generator.body[0].weight.detach()
        assert torch.allclose(ours.average.body[0].weight, wanted, atol=1e-6), step
    assert not torch.equal(ours.average.body[0].weight, ours.generator.body[0].weight)
    assert not ours.average.training


# --- playing ----------------------------------------------------------------------------------------


def test_the_same_seed_plays_the_same_game_and_two_halves_are_the_whole():
    whole, halves = game(), game()
    play(whole, lambda step: (REAL + step,), 6)
    play(halves, lambda step: (REAL + step,), 4)
    history = play(halves, lambda step: (REAL + step,), 2)
    assert whole.history.generator == history.generator and whole.history.discriminator == history.discriminator
    assert history.steps == 6 and len(history.discriminator) == 6
    assert not moved(whole.average, weights(halves.average))
    assert not whole.generator.training


def test_an_interrupt_before_the_first_step_of_a_game_stops_the_cell_as_well():
    ours = game()

    def batches(step: int):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play(ours, batches, 3)
    assert play(ours, lambda step: (REAL,), 3).steps == 3 and not ours.history.interrupted


def test_a_game_that_is_interrupted_stands_where_it_was_and_that_is_said(capsys):
    ours, seen = game(), []

    def look(steps: int) -> None:
        seen.append(steps)
        if steps == 3:
            raise KeyboardInterrupt

    history = play(ours, lambda step: (REAL,), 10, look)
    assert seen == [1, 2, 3]
    assert history.interrupted and history.steps == 3 and not ours.discriminator.training
    assert capsys.readouterr().out.startswith("Interrupted after 3 steps: ")


def test_a_step_that_is_interrupted_between_the_two_turns_is_no_step(monkeypatch):
    ours = game()

    def stopped(count):
        raise KeyboardInterrupt

    play(ours, lambda step: (REAL,), 1)
    monkeypatch.setattr(ours, "generator_turn", stopped)
    history = play(ours, lambda step: (REAL,), 5)
    assert history.interrupted and history.steps == 1 and len(history.discriminator) == 1
    monkeypatch.undo()
    history = play(ours, lambda step: (REAL,), 2)
    assert len(history.discriminator) == len(history.generator) == 3


def test_several_turns_of_the_discriminator_are_one_step():
    ours = game(GameConfig(discriminator_turns=3))
    play(ours, lambda step: (REAL,), 2)
    assert ours.turns == 6 and ours.history.steps == 2 and len(ours.history.discriminator) == 2


def test_images_are_played_for_with_spectral_norm_and_a_batch_norm_that_is_averaged():
    config = gan.GANConfig(size=8, latent=3, width=4, discriminator_width=2, spectral=True)
    ours = Game(gan.Generator(config, generator(1)), gan.Discriminator(config, generator(2)), GameConfig(r1=1.0))
    real = torch.rand(6, 1, 8, 8, generator=generator(3)) * 2 - 1
    history = play(ours, lambda step: (real,), 3)
    assert all(math.isfinite(loss) for loss in history.discriminator + history.generator)
    assert ours.average.body[2].running_mean.abs().max() > 0
    assert ours.average.sample(2, generator(4)).shape == (2, 1, 8, 8)


# --- being kept -------------------------------------------------------------------------------------

KEPT = GameConfig(r1=0.3, r1_every=2)


def test_a_game_that_is_killed_goes_on_from_its_folder_as_if_nothing_had_happened(tmp_path):
    whole, killed, later = game(KEPT), game(KEPT), game(KEPT)
    play(whole, lambda step: (REAL + step,), 7)
    play(killed, lambda step: (REAL + step,), 3)                   # odd: whose turn the penalty is must be kept
    killed.save(tmp_path)
    later.resume(tmp_path)
    play(later, lambda step: (REAL + step,), 4)
    assert later.history.generator == whole.history.generator
    assert later.history.penalties == whole.history.penalties and later.turns == whole.turns
    for player in ("generator", "discriminator", "average"):
        assert not moved(getattr(later, player), weights(getattr(whole, player))), player


@pytest.mark.parametrize("part", ["generator", "average", "generator_optimizer", "discriminator_optimizer", "random"])
def test_a_game_that_is_kept_without_one_part_would_end_elsewhere(tmp_path, part):
    whole, killed, later = game(KEPT), game(KEPT), game(KEPT)
    play(whole, lambda step: (REAL + step,), 6)
    play(killed, lambda step: (REAL + step,), 3)
    kept = killed.state_dict() | {part: later.state_dict()[part]}
    killed.state_dict = lambda: kept
    killed.save(tmp_path)
    later.resume(tmp_path)
    play(later, lambda step: (REAL + step,), 3)
    assert moved(later.average, weights(whole.average))


def test_a_folder_with_nothing_in_it_is_a_beginning_and_one_of_other_rules_is_refused(tmp_path):
    ours = game(KEPT)
    ours.resume(tmp_path)
    assert ours.history.steps == 0
    ours.save(tmp_path)
    with pytest.raises(CheckpointError, match="other rules"):
        game(GameConfig(r1=0.4)).resume(tmp_path)


def test_in_bfloat16_the_products_are_rounded_the_losses_and_weights_are_not():
    rounded, exact = game(GameConfig(precision="bfloat16")), game()
    for ours in (rounded, exact):
        play(ours, lambda step: (REAL,), 2)
    assert rounded.history.generator != exact.history.generator
    assert rounded.history.generator == pytest.approx(exact.history.generator, rel=0.05)
    assert next(rounded.average.parameters()).dtype == torch.float32
    with pytest.raises(CourseError, match="float32 or bfloat16"):
        GameConfig(precision="float16")


# --- what comes of it ---------------------------------------------------------------------------------


def test_a_generator_that_can_only_move_comes_to_stand_on_the_data():
    config = PointGANConfig(dimensions=1, width=16)
    ours = Game(
        ShiftedNoise(torch.tensor([1.0])),
        PointDiscriminator(config, generator(2)),
        GameConfig(r1=1.0, generator_rate=1e-2, discriminator_rate=1e-2, betas=(0.0, 0.99)),
    )
    play(ours, lambda step: (0.1 * torch.randn(64, 1, generator=generator(step)),), 400)
    assert abs(ours.average.place.item()) < 0.1


def test_rules_that_make_no_sense_are_refused():
    for wrong, match in (
        ({"loss": "hinge"}, "non-saturating"),
        ({"r1": -1.0}, "r1 of 0"),
        ({"average": 1.0}, "average"),
        ({"generator_rate": 0.0}, "rates"),
        ({"r1_every": 0}, "r1_every"),
    ):
        with pytest.raises(CourseError, match=match):
            GameConfig(**wrong)


def test_a_loss_that_is_no_number_ends_the_game_before_anybody_moves():
    ours = game()
    before = weights(ours.discriminator)
    with pytest.raises(TrainingError, match="discriminator's loss is nan at step 0"):
        play(ours, lambda step: (REAL * float("nan"),), 3)
    assert not moved(ours.discriminator, before)


# --- mutations ----------------------------------------------------------------------------------------


def test_the_minimax_generator_is_told_less_by_a_discriminator_that_is_sure():
    ours = {loss: game(GameConfig(loss=loss)) for loss in ("minimax", "non-saturating")}
    for each in ours.values():
        with torch.no_grad():
            each.discriminator.body[-1].bias.fill_(-20.0)
        each.generator_turn(16)
    slopes = {name: each.generator.body[0].weight.grad.norm().item() for name, each in ours.items()}
    assert slopes["minimax"] < 1e-4 * slopes["non-saturating"]


def test_wrong_games_are_noticed(monkeypatch):
    ours = game()
    monkeypatch.setitem(adversarial.GENERATOR_LOSSES, "non-saturating", lambda x: -gan.non_saturating_loss(x))
    with torch.no_grad():
        before = ours.discriminator(ours.generator(ours.generator.latents(64, generator(0)))).mean()
    ours.random.manual_seed(0)
    ours.generator_turn(64)
    with torch.no_grad():
        after = ours.discriminator(ours.generator(ours.generator.latents(64, generator(0)))).mean()
    assert after < before                                          # with the sign turned it helps the other
