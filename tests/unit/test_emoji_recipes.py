"""Names to emoji and back: what is learned from, how it is augmented, and how it is counted whether an image fits."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from course_utils.encoders import load_minilm
from course_utils.errors import CourseError
from course_utils.images import emoji as learned
from course_utils.images.batches import mirror
from course_utils.images.corpora import NamedImagePart, load_emoji
from course_utils.images.emoji import emoji_batches, has_no_side, jittered, on_white, premultiplied, shift
from course_utils.images.pixels import over_white, to_float
from course_utils.intervals import wilson_interval
from course_utils.models.diffusion import Diffusion
from course_utils.recipes import emoji, emoji_reader
from course_utils.recipes.base import load_from
from course_utils.recipes.emoji_reader import NameReader, centred, fits, found, held_out_loss, name_loss, ranks
from course_utils.seeding import generator
from course_utils.shapes import ShapeError

pytestmark = pytest.mark.usefixtures("one_thread")
WIDTH = emoji_reader.WIDTH


@pytest.fixture
def names(monkeypatch):
    """Random vectors of length 1 in place of MiniLM's, three wordings for each name."""
    vectors = {
        part: torch.nn.functional.normalize(
            torch.randn(len(getattr(load_emoji(), part)), 3, WIDTH, generator=generator(seed)), dim=-1
        )
        for seed, part in enumerate(("train", "validation", "test"))
    }
    for module in (emoji, emoji_reader):
        monkeypatch.setattr(module, "name_vectors", lambda part, ways=3: vectors[part][:, :ways])
    return vectors


def small_reader() -> NameReader:
    reader = NameReader(replace(emoji_reader.CONFIG, widths=(4, 4), features=8), generator(1)).eval()
    reader.common.normal_(0, 0.03, generator=generator(2))
    return reader


# --- images -----------------------------------------------------------------------------------------


def test_a_colour_counts_as_much_as_it_is_opaque():
    half = torch.tensor([255, 0, 102, 51], dtype=torch.uint8).reshape(1, 4, 1, 1)       # a fifth is opaque
    expected = torch.tensor([0.2, 0.0, 0.08, 0.2]) * 2 - 1
    torch.testing.assert_close(premultiplied(half).flatten(), expected)


def test_a_hidden_colour_is_black():
    hidden = torch.tensor([255, 255, 255, 0], dtype=torch.uint8).reshape(1, 4, 1, 1)
    torch.testing.assert_close(premultiplied(hidden).flatten(), -torch.ones(4))


def test_on_white_they_look_as_they_did_before():
    images = load_emoji().test.images[:20]
    torch.testing.assert_close(on_white(premultiplied(images)), to_float(over_white(images)), atol=0.005, rtol=0)


@pytest.mark.parametrize("make", [premultiplied, on_white])
def test_images_without_opacity_are_refused(make):
    with pytest.raises(ShapeError):
        make(torch.zeros(1, 3, 4, 4, dtype=torch.uint8))


@pytest.mark.parametrize("name", ["leftwards black arrow", "clock face one oclock", "keycap 0", "waning crescent moon"])
def test_what_has_a_left_and_a_right_is_not_mirrored(name):
    assert not has_no_side(name)


@pytest.mark.parametrize("name", ["ghost", "high-heeled shoe", "white heart", "ring buoy"])
def test_other_things_may_be(name):
    assert has_no_side(name)


def test_mirrored_are_half_of_those_that_may_be():
    images = torch.arange(3.0).repeat(1000, 1, 1, 1)                # (1000, 1, 1, 3)
    may = torch.arange(1000) < 800
    turned = mirror(images, may, generator(1))[:, 0, 0, 0] == 2
    assert not turned[800:].any()
    assert turned[:800].float().mean().item() == pytest.approx(0.5, abs=0.06)           # three and a half errors


def test_a_shifted_image_lost_one_edge_at_most_and_what_came_in_is_empty():
    image = torch.arange(9.0).reshape(1, 1, 3, 3)
    moved = shift(image.repeat(300, 1, 1, 1), generator(1))
    assert moved.shape == (300, 1, 3, 3)
    places = {tuple((one == 4).nonzero()[0].tolist()) for one in moved[:, 0]}
    assert places == {(y, x) for y in range(3) for x in range(3)}   # the middle pixel comes to all nine places
    assert set(moved.unique().tolist()) == {-1.0, *range(9)}


def test_a_moved_vector_keeps_length_one_and_about_its_direction():
    vectors = torch.nn.functional.normalize(torch.randn(200, WIDTH, generator=generator(1)), dim=1)
    moved = jittered(vectors, generator(2))
    torch.testing.assert_close(moved.norm(dim=1), torch.ones(200))
    cosine = (moved * vectors).sum(dim=1).mean().item()
    assert cosine == pytest.approx(1 / math.sqrt(1 + learned.JITTER**2), abs=0.01)
    torch.testing.assert_close(jittered(vectors, generator(2), 0.0), vectors)
    with pytest.raises(CourseError, match="0 or more"):
        jittered(vectors, generator(2), -1.0)


def part_of(count: int) -> NamedImagePart:
    whole = load_emoji().train
    return NamedImagePart(whole.images[:count], whole.labels[:count], whole.names[:count], whole.short_names[:count])


def test_a_batch_is_images_with_vectors_of_their_own_names_the_same_at_each_call():
    part, vectors = part_of(6), torch.eye(WIDTH)[:12].reshape(6, 2, WIDTH)
    batches = emoji_batches(part, vectors, batch=6, seed=1)
    images, conditions = batches(0)
    assert images.shape == (6, 4, 32, 32) and conditions.shape == (6, WIDTH)
    for one, other in zip(batches(0), batches(0), strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(batches(0)[1], batches(1)[1])
    rows = (conditions @ vectors.flatten(0, 1).T).argmax(dim=1) // 2                    # whose wording it is
    assert sorted(rows.tolist()) == list(range(6))
    real = premultiplied(part.images)
    pad = torch.nn.functional.pad(real, (1, 1, 1, 1), value=-1.0)
    for image, row in zip(images, rows.tolist(), strict=True):
        windows = [pad[row][:, y : y + 32, x : x + 32] for y in range(3) for x in range(3)]
        mirrored = [window.flip(2) for window in windows]
        assert any(torch.equal(image, window) for window in [*windows, *mirrored])


def test_what_has_a_left_and_a_right_is_never_mirrored_in_a_batch():
    whole = load_emoji().train
    rows = [row for row, name in enumerate(whole.names) if "arrow" in name.split()][:8]
    sided = NamedImagePart(
        whole.images[rows], whole.labels[rows], tuple(whole.names[row] for row in rows), ("arrow",) * len(rows)
    )
    framed = torch.nn.functional.pad(premultiplied(sided.images), (1, 1, 1, 1), value=-1.0)
    windows = torch.stack([framed[..., y : y + 32, x : x + 32] for y in range(3) for x in range(3)]).flatten(0, 1)
    batches = emoji_batches(sided, torch.eye(WIDTH)[:8].unsqueeze(1), batch=8, seed=1)
    for image in torch.cat([batches(step)[0] for step in range(20)]):
        assert (windows == image).flatten(1).all(dim=1).any()


def test_each_wording_is_drawn():
    vectors = torch.eye(WIDTH)[:12].reshape(6, 2, WIDTH)
    batches = emoji_batches(part_of(6), vectors, batch=6, seed=1)
    drawn = {int((row @ vectors.flatten(0, 1).T).argmax()) for step in range(20) for row in batches(step)[1]}
    assert drawn == set(range(12))


def test_vectors_of_another_number_are_refused():
    with pytest.raises(ShapeError):
        emoji_batches(part_of(6), torch.zeros(5, 2, WIDTH), batch=2, seed=1)


# --- the reader -------------------------------------------------------------------------------------


def test_the_place_of_the_right_name_is_counted_from_one_and_ties_come_last():
    scores = torch.tensor([[0.9, 0.1, 0.5], [0.3, 0.3, 0.1], [0.2, 0.4, 0.3]])
    assert ranks(scores, torch.tensor([0, 1, 2])).tolist() == [1, 2, 2]


def test_found_is_the_share_among_the_first_five():
    assert found(torch.tensor([1, 5, 6, 40])) == (0.5, *wilson_interval(2, 4))


def test_what_all_names_have_in_common_is_taken_out():
    common, vector = torch.randn(2, WIDTH, generator=generator(5))
    torch.testing.assert_close(centred(common + vector, common), vector / vector.norm())


def test_before_it_learns_the_reader_is_told_what_the_training_names_have_in_common(names, monkeypatch, tmp_path):
    monkeypatch.setattr(emoji_reader, "by_fit", lambda recipe, reader, prepared, folder: reader.common.clone())
    known = emoji_reader.learn(emoji_reader.EMOJI_READER, small_reader(), None, tmp_path)
    torch.testing.assert_close(known, names["train"].mean(dim=(0, 1)))


@pytest.mark.slow
def test_the_shipped_reader_has_kept_it():
    common = emoji_reader.name_vectors("train").mean(dim=(0, 1))
    torch.testing.assert_close(load_from(emoji_reader.EMOJI_READER).common, common, atol=1e-4, rtol=0)   # in halves


def test_the_whole_name_is_the_first_of_its_wordings():
    names = load_emoji().test.names[:3]
    expected = load_minilm().vectors(names)
    torch.testing.assert_close(emoji_reader.name_vectors("test", 1)[:3, 0], expected, atol=1e-5, rtol=0)


def test_an_image_fits_a_name_by_the_cosine(names):
    reader, images = small_reader(), premultiplied(load_emoji().test.images[:3])
    said, wanted = reader.logits(images), centred(names["test"][:4, 0], reader.common)
    expected = (said[1] @ wanted[2]) / said[1].norm()
    assert fits(reader, images, names["test"][:4, 0])[1, 2].item() == pytest.approx(expected.item(), abs=1e-5)


def test_the_loss_is_the_surprise_at_the_right_name_of_the_batch(names):
    reader, images = small_reader(), premultiplied(load_emoji().train.images[:4])
    vectors = names["train"][:4, 0]
    scores = emoji_reader.SHARPNESS * fits(reader, images, vectors)
    expected = -scores.log_softmax(dim=1).diagonal().mean()
    assert name_loss(reader, (images, vectors)).item() == pytest.approx(expected.item(), abs=1e-5)


def test_what_is_validated_is_that_loss_on_all_validation_emoji(names):
    reader, part = small_reader(), load_emoji().validation
    batch = premultiplied(part.images), names["validation"][:, 0]
    assert held_out_loss(reader) == pytest.approx(name_loss(reader, batch).item(), abs=1e-5)


def test_the_metrics_of_the_reader_are_of_all_test_emoji(names):
    reader, test = small_reader(), load_emoji().test
    metrics = emoji_reader.measure(reader)
    scores = fits(reader, premultiplied(test.images), names["test"][:, 0])
    among = (scores.topk(5, dim=1).indices == torch.arange(len(test))[:, None]).any(dim=1)
    assert metrics["test_names"] == 158 and metrics["top5_chance"] == pytest.approx(5 / 158)
    assert metrics["top5"] == pytest.approx(among.float().mean().item())


# --- the painter ------------------------------------------------------------------------------------


def test_the_model_fits_a_checkpoint_of_four_megabytes():
    assert 2 * sum(tensor.numel() for tensor in emoji.EMOJI.model().state_dict().values()) <= 4_000_000


def test_training_is_prepared_from_training_emoji_and_validated_on_others(names):
    prepared = emoji.prepare()
    images, conditions = prepared.batches(0)
    assert images.shape == (emoji.BATCH, 4, 32, 32) and conditions.shape == (emoji.BATCH, WIDTH)
    assert prepared.data == emoji_reader.prepare().data
    assert prepared.validate(emoji.EMOJI.model()) == pytest.approx(1.0, abs=0.02)       # it says 0, and noise has 1


class Copier(Diffusion):
    """Draws the real test emoji, whatever noise it is given, and keeps what it was asked."""

    def sample(self, n, generator, **settings):
        self.asked = [*getattr(self, "asked", []), (n, generator.initial_seed(), settings)]
        return premultiplied(load_emoji().test.images[:n])


def test_who_draws_the_real_emoji_is_measured_as_they_are(names, monkeypatch):
    monkeypatch.setattr(emoji, "load_from", lambda recipe: small_reader())
    metrics = emoji.measure(Copier(emoji.CONFIG, generator(0)))
    for measured in ("top5", "category", "nearest"):
        assert metrics[measured] == pytest.approx(metrics[f"{measured}_real"], abs=1e-5)
    assert metrics["nearest"] > 0.05 and metrics["top5_low"] <= metrics["top5"] <= metrics["top5_high"]


def test_each_draw_has_a_seed_of_its_own_and_is_told_the_names_and_how_strongly(names, monkeypatch):
    monkeypatch.setattr(emoji, "load_from", lambda recipe: small_reader())
    model = Copier(emoji.CONFIG, generator(0))
    emoji.measure(model)
    assert [(n, seed) for n, seed, _ in model.asked] == [(158, 1), (158, 2)]
    for _, _, settings in model.asked:
        assert torch.equal(settings.pop("condition"), names["test"][:, 0])
        assert settings == {"guidance": 3.0, "steps": 25}


def test_the_category_is_that_of_the_mean_which_is_said(names):
    names_of, labels = names["train"].mean(dim=1), load_emoji().train.labels
    said = torch.stack([names_of[labels == label].mean(dim=0) for label in range(8)]) - names_of.mean(dim=0)
    reader = SimpleNamespace(logits=lambda images: images, common=names_of.mean(dim=0))
    assert emoji_reader.categories(reader, said.flip(0)).tolist() == [7, 6, 5, 4, 3, 2, 1, 0]


class Knowing:
    """Says the name of each real test emoji, and of any other image the first test name."""

    common = torch.zeros(WIDTH)

    def __init__(self, said):
        self.said = said                                           # (158, 384)
        self.rows = {image.numpy().tobytes(): row for row, image in enumerate(premultiplied(load_emoji().test.images))}

    def logits(self, images):
        return self.said[[self.rows.get(image.numpy().tobytes(), 0) for image in images]]


def test_the_namesakes_are_measured_and_not_the_real_ones(names, monkeypatch):
    monkeypatch.setattr(emoji, "load_from", lambda recipe: Knowing(names["test"][:, 0]))
    metrics = emoji.measure(Copier(emoji.CONFIG, generator(0)))
    assert (metrics["top5"], metrics["top5_real"]) == (1.0, 1.0)
    assert metrics["top5_namesake"] == pytest.approx(5 / 158)   # all are read alike: five names come first


def test_a_training_emoji_is_no_way_from_itself_and_its_own_namesake(names):
    assert emoji.distance(premultiplied(load_emoji().train.images[7:9])).tolist() == pytest.approx([0, 0], abs=1e-6)
    assert emoji.namesakes(names["train"][7:9, 0]).tolist() == [7, 8]
