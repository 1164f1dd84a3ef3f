"""The images of lessons 11 to 14: parts, names, levels and numbers, batches, and what stands in."""

import dataclasses
import io
import re
from hashlib import sha256

import numpy as np
import pytest
import torch

from course_utils import assets
from course_utils.errors import CourseError
from course_utils.images import corpora
from course_utils.images.batches import epoch_rows, image_batches
from course_utils.images.corpora import FASHION_CLASSES, PARTS, kind_of, load_digits, load_emoji, load_fashion
from course_utils.images.pixels import STEP, over_white, to_bytes, to_float
from course_utils.sources import AssetError
from tools import data_cards

pytestmark = pytest.mark.usefixtures("one_thread")
GREYS = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)


def part_of(corpus, name):
    return getattr(corpus, name)


def sizes(corpus) -> list[int]:
    return [len(part_of(corpus, part)) for part in PARTS]


# --- Fashion-MNIST ---


@pytest.fixture(scope="module")
def fashion():
    return load_fashion(stand_in=False)


def test_fashion_has_its_sizes_classes_and_shape(fashion):
    assert (fashion.name, fashion.classes, fashion.shape) == ("fashion_mnist", FASHION_CLASSES, (1, 28, 28))
    assert sizes(fashion) == [55_000, 5_000, 10_000]
    assert all(part_of(fashion, part).images.dtype == torch.uint8 for part in PARTS)
    assert all(part_of(fashion, part).labels.dtype == torch.int64 for part in PARTS)


def test_the_first_training_image_is_an_ankle_boot_and_the_first_of_the_test_part_too(fashion):
    assert fashion.classes[fashion.train.labels[0]] == fashion.classes[fashion.test.labels[0]] == "Ankle boot"
    boot = fashion.train.images[0, 0].float()
    assert boot[18:].mean() > 2 * boot[:10].mean()          # the sole is below: rows are not columns


def test_no_image_of_fashion_occurs_twice_and_the_card_gives_the_size_of_each_class(fashion):
    seen = {image.tobytes() for part in PARTS for image in part_of(fashion, part).images.numpy()}
    assert len(seen) == 70_000
    text = fashion_card()
    for part in PARTS:
        counts = part_of(fashion, part).labels.bincount(minlength=10)
        assert f"| {part} | {counts.sum():,} | {counts.min():,} | {counts.max():,} |" in text
    black = sum((part_of(fashion, part).images == 0).sum().item() for part in PARTS) / (70_000 * 784)
    assert f"half of all pixels ({black:.1%})".replace("%", " %") in text


@pytest.fixture(scope="module")
def known(fashion):
    """The 60,000 images that are not test (N, 784), uint8, and their labels."""
    images = torch.cat([fashion.train.images, fashion.validation.images]).flatten(1)
    return images, torch.cat([fashion.train.labels, fashion.validation.labels])


def fashion_card() -> str:
    return (data_cards.CARDS / "fashion_mnist.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_as_many_test_images_have_a_near_double_as_the_card_says(fashion, known):
    images, lengths = by_length(known[0])
    doubles = 0
    for some, length in zip(*(rows.split(50) for rows in by_length(fashion.test.images.flatten(1))), strict=True):
        first, last = torch.searchsorted(lengths, torch.stack([length[0] - 10, length[-1] + 10]))  # none nearer outside
        products = some.float() @ images[first:last].float().T / 784                               # (50, last - first)
        squares = length.unsqueeze(1) ** 2 + lengths[first:last] ** 2 - 2 * products
        doubles += (squares.min(1).values < 10**2).sum().item()
    assert f"{doubles} of the 10,000 test images differ" in fashion_card()


def by_length(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (N, 784) in the order of their lengths, and these (N,): roots of the mean square."""
    lengths, order = images.float().square().mean(1).sqrt().sort()
    return images[order], lengths


def test_the_nearest_neighbour_in_pixels_knows_as_many_labels_as_the_card_says(fashion, known):
    images, labels = known[0].float(), fashion.test.labels[:1_000]
    lengths, some = images.square().sum(1), fashion.test.images[:1_000].flatten(1).float()
    nearest = torch.cat([(lengths - 2 * rows @ images.T).argmin(1) for rows in some.split(250)])
    right, shirts = known[1][nearest] == labels, labels == fashion.classes.index("Shirt")
    assert f"right for {right.sum()}, and for {right[shirts].sum()} of the {shirts.sum()} shirts" in fashion_card()


# --- what stands in ---


@pytest.fixture
def no_fashion(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("COURSE_OFFLINE", "1")


def test_digits_stand_in_for_fashion_and_one_line_says_so(no_fashion, capsys):
    corpus = load_fashion()
    said = capsys.readouterr().out
    assert said.startswith("fashion_mnist: digits stands in for it, because The asset 'fashion_mnist' is not to be had")
    assert said.count("\n") == 1 and "COURSE_OFFLINE" in said and "python -m course_utils.assets fashion_mnist" in said
    assert (corpus.name, corpus.shape, sizes(corpus)) == ("digits", (1, 28, 28), [1439, 179, 179])


def test_without_a_stand_in_the_error_is_raised_and_nothing_is_printed(no_fashion, capsys):
    with pytest.raises(AssetError, match="'fashion_mnist' is not to be had"):
        load_fashion(stand_in=False)
    assert capsys.readouterr().out == ""


def test_where_fashion_is_to_be_had_nothing_is_said(fashion, capsys):
    assert load_fashion().name == "fashion_mnist"
    assert capsys.readouterr().out == ""


def test_digits_made_wide_keep_every_level_in_blocks_of_nine():
    small, wide = load_digits(), corpora.as_wide_as_fashion(load_digits())
    assert torch.equal(wide.test.images[:, :, 3:27:3, 3:27:3], small.test.images)               # the middle of each
    assert (wide.test.images.flatten(1).long().sum(1) == 9 * small.test.images.flatten(1).long().sum(1)).all()
    edge = torch.ones(28, 28, dtype=torch.bool)
    edge[2:26, 2:26] = False
    assert not wide.train.images[:, 0, edge].any()


def test_digits_made_wide_keep_their_labels():
    small, wide = load_digits(), corpora.as_wide_as_fashion(load_digits())
    assert all(torch.equal(part_of(wide, part).labels, part_of(small, part).labels) for part in PARTS)
    assert wide.classes == small.classes


# --- digits ---


def test_digits_have_their_sizes_and_their_levels_reach_from_black_to_white():
    digits = load_digits()
    assert (digits.name, digits.shape, sizes(digits)) == ("digits", (1, 8, 8), [1439, 179, 179])
    assert digits.classes == tuple("0123456789")
    assert digits.train.images.unique().tolist() == [round(level * 255 / 16) for level in range(17)]


def test_every_digit_is_in_the_part_that_its_number_says():
    from sklearn import datasets

    target = torch.from_numpy(datasets.load_digits().target)
    digits = load_digits()
    assert torch.equal(digits.test.labels, target[9::10]) and torch.equal(digits.validation.labels, target[8::10])
    assert all(len(part_of(digits, part).labels.unique()) == 10 for part in PARTS)


# --- emoji ---


def test_emoji_have_their_sizes_categories_and_shape():
    emoji = load_emoji()
    assert (emoji.name, emoji.shape, sum(sizes(emoji))) == ("emoji", (4, 32, 32), 1_636)
    assert len(emoji.classes) == 8 and not {"Flags", "Component"} & set(emoji.classes)
    for part in PARTS:
        own = part_of(emoji, part)
        assert len(own.images) == len(own.labels) == len(own.names) == len(own.short_names)
        assert set(own.labels.tolist()) == set(range(8))


def test_a_name_belongs_to_its_picture_and_category():
    emoji = load_emoji()
    place = emoji.train.names.index("heavy black heart")                   # which is red
    red, green, blue, opacity = emoji.train.images[place].float()
    assert emoji.classes[emoji.train.labels[place]] == "Smileys & Emotion"
    middle = (slice(12, 18), slice(12, 20))
    assert opacity[middle].min() == 255 and opacity[0, 0] == 0
    assert red[middle].mean() > 200 and max(green[middle].mean(), blue[middle].mean()) < 100


def test_no_kind_of_emoji_is_in_two_parts():
    emoji = load_emoji()
    kinds = [{kind_of(name) for name in part_of(emoji, part).names} for part in PARTS]
    assert all(not kinds[a] & kinds[b] for a, b in ((0, 1), (0, 2), (1, 2)))
    names = [set(part_of(emoji, part).names) for part in PARTS]
    assert all(not names[a] & names[b] for a, b in ((0, 1), (0, 2), (1, 2)))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("man running facing right", "running"),
        ("woman running", "running"),
        ("family: man, woman, girl", "family"),
        ("hot dog", "hot dog"),
        ("mango", "mango"),                                                # begins with a word for who is shown
    ],
)
def test_variants_of_an_emoji_are_one_kind(name, kind):
    assert kind_of(name) == kind


def test_the_card_of_the_emoji_gives_the_true_counts():
    emoji = load_emoji()
    text = (data_cards.CARDS / "emoji.md").read_text(encoding="utf-8")
    words = [[set(re.findall(r"\w+", name)) for name in part_of(emoji, part).names] for part in PARTS]
    for part in PARTS:
        own = part_of(emoji, part)
        assert f"| {part} | {len(own):,} | {len({kind_of(name) for name in own.names}):,} |" in text
    every = sum(words, [])
    new = sum(not name <= set.union(*words[0]) for name in words[2])
    assert f"Of the {len(words[2])} test names {new} have a word that no training name has" in text
    people = sum((part_of(emoji, part).labels == emoji.classes.index("People & Body")).sum() for part in PARTS)
    assert f"{people} are people" in text and f"{sum(bool(name & corpora.WHO) for name in every)} names say who" in text
    opacity = torch.cat([part_of(emoji, part).images[:, 3] for part in PARTS])
    assert f"{(opacity == 0).float().mean():.1%} of the pixels".replace("%", " %") in text


def test_a_pixel_of_which_nothing_is_seen_is_zero_throughout():
    images = load_emoji().train.images
    assert not images.movedim(1, -1)[images[:, 3] == 0].any()


def a_small_file(path, **changed) -> str:
    """Four emoji, of which two are of one kind and so of one part; returns the sha256."""
    arrays = {
        "images": np.arange(4 * 32 * 32 * 4).astype(np.uint8).reshape(4, 32, 32, 4),
        "labels": np.array([1, 2, 0, 1], np.uint8),
        "names": np.array(["hot dog", "man running", "woman running", "kiwifruit"]),
        "short_names": np.array(["hotdog", "runner", "running_woman", "kiwi"]),
        "categories": np.array(["Sports", "Food", "Animals"]),
    } | changed
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    path.write_bytes(stream.getvalue())
    return sha256(stream.getvalue()).hexdigest()


def test_channels_of_a_file_come_first_and_order_is_kept(tmp_path):
    corpus = corpora.read_emoji(tmp_path / "e.npz", a_small_file(tmp_path / "e.npz"))
    found = {name: image for part in PARTS for name, image in zip(*names_and_images(corpus, part), strict=True)}
    assert found["hot dog"][:, 0, 1].tolist() == [4, 5, 6, 7] and found["kiwifruit"].shape == (4, 32, 32)


def test_what_a_file_says_of_an_emoji_stays_together_and_its_classes_are_the_files(tmp_path):
    corpus = corpora.read_emoji(tmp_path / "e.npz", a_small_file(tmp_path / "e.npz"))
    assert corpus.classes == ("Sports", "Food", "Animals")
    parts = [part_of(corpus, part) for part in PARTS]
    rows = {row for own in parts for row in zip(own.names, own.short_names, own.labels.tolist(), strict=True)}
    assert rows == {
        ("hot dog", "hotdog", 1),
        ("man running", "runner", 2),
        ("woman running", "running_woman", 0),
        ("kiwifruit", "kiwi", 1),
    }


def test_a_file_with_objects_in_it_is_not_unpacked_since_that_runs_code(tmp_path):
    objects = np.array(["hot dog", "man running", "woman running", "kiwifruit"], dtype=object)
    found = a_small_file(tmp_path / "e.npz", names=objects)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        corpora.read_emoji(tmp_path / "e.npz", found)


def names_and_images(corpus, part):
    return part_of(corpus, part).names, part_of(corpus, part).images


def test_a_file_of_emoji_that_is_missing_or_another_is_refused(tmp_path):
    with pytest.raises(CourseError, match=r"e\.npz cannot be read .*take it from the repository again"):
        corpora.read_emoji(tmp_path / "e.npz", "0" * 64)
    found = a_small_file(tmp_path / "e.npz")
    with pytest.raises(CourseError, match=f"has sha256 {found}; expected {'0' * 64}"):
        corpora.read_emoji(tmp_path / "e.npz", "0" * 64)


def test_a_corpus_cannot_be_changed_by_accident():
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_digits().name = "mine"


# --- pixels ---


def test_black_is_minus_one_and_white_is_one_and_the_levels_between_are_even():
    floats = to_float(GREYS).flatten()
    assert (floats[0], floats[255]) == (-1, 1) and floats.dtype == torch.float32
    assert torch.allclose(floats.diff(), torch.full((255,), STEP), atol=1e-6)
    assert pytest.approx(2 / 255) == STEP


def test_every_level_comes_back_also_from_nearly_half_a_level_away():
    for shift in (-0.49, 0, 0.49):
        assert torch.equal(to_bytes(to_float(GREYS) + shift * STEP), GREYS)


def test_half_precision_gives_a_level_at_most_one_away():
    back = to_bytes(to_float(GREYS).half()).int()
    assert (back - GREYS.int()).abs().max() <= 1


@pytest.mark.parametrize("wrong", [GREYS.float(), GREYS.float() / 255, GREYS.int()])
def test_only_bytes_are_made_floats(wrong):
    with pytest.raises(CourseError, match="expected uint8, levels 0 to 255"):
        to_float(wrong)
    with pytest.raises(CourseError, match="expected uint8"):
        over_white(wrong.expand(1, 4, 16, 16))


@pytest.mark.parametrize("bad", [1.01, -1.01, float("nan"), float("inf")])
def test_one_pixel_outside_or_no_number_is_refused(bad):
    images = torch.zeros(2, 1, 4, 4)
    images[1, 0, 2, 3] = bad
    with pytest.raises(CourseError, match=r"expected \[-1, 1\]. Clamp"):
        to_bytes(images)


def test_bytes_are_not_made_bytes_again_and_shapes_are_checked():
    with pytest.raises(CourseError, match="images are torch.uint8; expected floats"):
        to_bytes(GREYS)
    for call in (to_bytes, to_float, over_white):
        with pytest.raises(CourseError, match="images"):
            call(torch.zeros(28, 28))
    with pytest.raises(CourseError, match="4"):
        over_white(GREYS)


def test_a_picture_laid_on_white_mixes_by_opacity():
    pixels = torch.tensor([[200, 100, 0, 255], [200, 100, 0, 0], [200, 100, 0, 51]], dtype=torch.uint8)
    found = over_white(pixels.T.reshape(1, 4, 1, 3))                       # (1, 3, 1, 3)
    assert found[0, :, 0].T.tolist() == [[200, 100, 0], [255, 255, 255], [244, 224, 204]]     # 0.2·x + 0.8·255


# --- batches ---

SIX = torch.arange(6, dtype=torch.uint8).reshape(6, 1, 1, 1).expand(6, 1, 2, 2)


def shown(source, steps) -> list[int]:
    """The numbers of the images in these steps, one after the other."""
    return [int(level) for step in steps for level in to_bytes(source(step)[0])[:, 0, 0, 0]]


@pytest.mark.parametrize("batch", [1, 2, 3, 4, 5, 6, 7, 13])
def test_every_image_comes_once_an_epoch_also_where_batches_reach_over_its_end(batch):
    row = shown(image_batches(SIX, batch, seed=1), range(6 * 4))           # a whole number of epochs, whatever `batch`
    epochs = [row[start : start + 6] for start in range(0, len(row), 6)]
    assert all(sorted(epoch) == [0, 1, 2, 3, 4, 5] for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1


def test_a_step_always_gives_the_same_batch_whatever_was_asked_before():
    first, other = image_batches(SIX, 4, seed=1), image_batches(SIX, 4, seed=1)
    forward = [first(step)[0] for step in range(9)]
    backward = [other(step)[0] for step in reversed(range(9))]
    assert all(torch.equal(a, b) for a, b in zip(forward, reversed(backward), strict=True))


def test_another_seed_gives_another_order_and_the_global_generator_is_left_alone():
    state = torch.get_rng_state()
    assert shown(image_batches(SIX, 6, seed=1), range(5)) != shown(image_batches(SIX, 6, seed=2), range(5))
    assert torch.equal(torch.get_rng_state(), state)


def test_each_epoch_of_each_seed_has_an_order_of_its_own():
    orders = {tuple(epoch_rows(20, 20, seed)(epoch).tolist()) for seed in range(4) for epoch in range(4)}
    assert len(orders) == 16                                       # seed + epoch would leave 7


def test_labels_go_with_their_images():
    images, labels = image_batches(SIX, 4, seed=3, labels=torch.arange(6) * 10)(1)
    assert images.shape == (4, 1, 2, 2) and images.dtype == torch.float32
    assert (to_bytes(images)[:, 0, 0, 0] * 10).tolist() == labels.tolist()
    assert len(image_batches(SIX, 4, seed=3)(1)) == 1


def test_batches_of_bad_input_are_refused():
    with pytest.raises(CourseError, match="expected uint8"):
        image_batches(to_float(SIX), 2, seed=1)
    with pytest.raises(CourseError, match="at least one image and a batch of at least 1; got 0 and 2"):
        image_batches(SIX[:0], 2, seed=1)
    with pytest.raises(CourseError, match="got 6 and 0"):
        image_batches(SIX, 0, seed=1)
    with pytest.raises(CourseError, match=r"labels have shape \(5,\); expected \(6,\)"):
        image_batches(SIX, 2, seed=1, labels=torch.arange(5))
    with pytest.raises(CourseError, match="step of 0 or more, got -1"):
        image_batches(SIX, 2, seed=1)(-1)


def test_the_line_about_a_stand_in_names_what_the_manifest_names():
    assert assets.load_manifest()["fashion_mnist"].stand_in == load_digits().name
