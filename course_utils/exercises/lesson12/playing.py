"""Exercises 12.4, 12.7 and 12.8: who moves in a turn, the average of a restless generator, modes that are missing."""

import torch
from torch.nn import functional

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.seeding import generator

# --- turns ------------------------------------------------------------------------------------------------


def slopes_of_a_round(place, steepness, real, noise):
    """The slope of the discriminator's loss by `steepness`, and that of the generator's by `place`: two floats.

    The generator's points are place + noise, the discriminator's logit at x is steepness · x. Both slopes are taken
    where the players stand. real, noise: tensors (B,). Losses −ln D(real) − ln(1 − D(fake)), and −ln D(fake).
    """
    place = torch.tensor(float(place), requires_grad=True)
    steepness = torch.tensor(float(steepness), requires_grad=True)
    fake = place + noise  # (B,)
    given = fake.detach()  # the discriminator takes them as they are
    critic_loss = functional.softplus(-steepness * real).mean() + functional.softplus(steepness * given).mean()
    critic_loss.backward()
    critic_slope = steepness.grad.item()  # kept before the generator's loss adds to it
    functional.softplus(-steepness * fake).mean().backward()
    return critic_slope, place.grad.item()


def _parts(place, steepness, real, noise):
    """All four slopes: of the discriminator's loss by both, and of the generator's by both."""
    place = torch.tensor(float(place), requires_grad=True)
    steepness = torch.tensor(float(steepness), requires_grad=True)
    fake = place + noise
    critic = functional.softplus(-steepness * real).mean() + functional.softplus(steepness * fake).mean()
    maker = functional.softplus(-steepness * fake).mean()
    own, other = (torch.autograd.grad(loss, (steepness, place), retain_graph=True) for loss in (critic, maker))
    return own[0].item(), own[1].item(), other[0].item(), other[1].item()


def _round(made):
    """The answer as made(critic by steepness, critic by place, generator by steepness, generator by place)."""
    return lambda place, steepness, real, noise: made(*_parts(place, steepness, real, noise))


def _minimax(place, steepness, real, noise):
    point = torch.tensor(float(place), requires_grad=True)
    (-functional.softplus(steepness * (point + noise)).mean()).backward()
    return _parts(place, steepness, real, noise)[0], point.grad.item()


def _stopped_everywhere(place, steepness, real, noise):
    point = torch.tensor(float(place), requires_grad=True)
    loss = functional.softplus(-steepness * (point + noise).detach()).mean()
    loss.backward()


def _draws(seed, place, steepness, count):
    chance = generator(seed)
    return place, steepness, 1 + 0.3 * torch.randn(count, generator=chance), 0.3 * torch.randn(count, generator=chance)


TURNS = Exercise(
    id="12.4",
    title="debug this: who moves?",
    minutes=10,
    difficulty=2,
    kind="debug",
    imports=("import torch", "from torch.nn import functional"),
    tolerance=1e-4,
    stub='''def slopes_of_a_round(place, steepness, real, noise):
    """The slope of the discriminator's loss by `steepness`, and that of the generator's by `place`: two floats.

    The generator's points are place + noise, the discriminator's logit at x is steepness · x. Both slopes are taken
    where the players stand. real, noise: tensors (B,). Losses −ln D(real) − ln(1 − D(fake)), and −ln D(fake).
    With this one the generator runs away from the data.
    """
    place = torch.tensor(float(place), requires_grad=True)
    steepness = torch.tensor(float(steepness), requires_grad=True)
    fake = place + noise  # (B,)
    critic_loss = functional.softplus(-steepness * real).mean() + functional.softplus(steepness * fake).mean()
    critic_loss.backward()
    given = fake.detach()
    functional.softplus(-steepness * given).mean().backward()
    return steepness.grad.item(), place.grad.item()
''',
    reference=slopes_of_a_round,
    cases=(
        Case(lambda: (0.0, 0.5, torch.tensor([1.0, 2.0]), torch.tensor([-0.5, 0.5]))),
        Case(lambda: _draws(1, 2.0, -1.5, 6)),
        Case(lambda: _draws(2, -1.0, 2.0, 5)),
    ),
    hidden=(Case(lambda: _draws(3, 0.5, 1.0, 4)), Case(lambda: _draws(4, 3.0, -0.7, 8))),
    hints=(
        "Follow each loss backwards. Which of the two numbers does it reach, and which should it?",
        "The discriminator's loss takes the fakes as given: there belongs detach(). The generator's has to reach place "
        "through them: there it must not be.",
        "backward() adds to .grad. The generator's loss reaches steepness too: read steepness.grad before it comes.",
    ),
    misconceptions=(
        Misconception(
            "no detach",
            _round(lambda critic, pushed, back, maker: (critic + back, pushed + maker)),
            "Both losses reach both players, and backward() adds up. The discriminator's loss must not reach place: "
            "detach its fakes. The generator's must not count for steepness: read its slope before.",
        ),
        Misconception(
            "no detach, slope read in time",
            _round(lambda critic, pushed, back, maker: (critic, pushed + maker)),
            "The discriminator's slope is right. Its loss has also reached place, against what the generator wants: "
            "detach the fakes it is shown.",
        ),
        Misconception(
            "slope read too late",
            _round(lambda critic, pushed, back, maker: (critic + back, maker)),
            "The generator's slope is right. Its loss has added to steepness.grad as well: read that before, or the "
            "discriminator helps the generator.",
        ),
        Misconception(
            "the generator's loss pushes the discriminator",
            _round(lambda critic, pushed, back, maker: (back, maker)),
            "The first slope is that of the generator's loss by steepness. The discriminator goes down its own loss.",
        ),
        Misconception(
            "the discriminator's loss pushes the generator",
            _round(lambda critic, pushed, back, maker: (critic, pushed)),
            "The second slope is that of the discriminator's loss by place. Going down it, the generator makes its "
            "fakes the easier to tell: that is how it runs away.",
        ),
        Misconception(
            "minimax",
            _minimax,
            "The generator's slope is that of the minimax loss, ln(1 − D(fake)). The other loss is −ln D(fake).",
        ),
        Misconception(
            "sign of the generator",
            _round(lambda critic, pushed, back, maker: (critic, -maker)),
            "The generator's slope has the wrong sign: it would go up its own loss.",
        ),
        Misconception(
            "fakes stopped in both",
            _stopped_everywhere,
            "place has no gradient: the fakes are detached in the generator's turn. There they lead back to it.",
        ),
        Misconception(
            "exchanged",
            _round(lambda critic, pushed, back, maker: (maker, critic)),
            "The generator's slope comes first there. Return the discriminator's first.",
        ),
    ),
)


# --- the average ------------------------------------------------------------------------------------------


def followed(weights, decay):
    """The exponential moving average after the last step: (N,).

    weights (T, N): a generator's N numbers after each of T steps. It begins as the first row. Each later row w makes
    it decay · average + (1 − decay) · w.
    """
    average = weights[0]
    for row in weights[1:]:
        average = decay * average + (1 - decay) * row
    return average


def _exchanged(weights, decay):
    return followed(weights, 1 - decay)


def _from_nothing(weights, decay):
    return followed(torch.cat([torch.zeros_like(weights[:1]), weights]), decay)


def _corrected(weights, decay):
    return _from_nothing(weights, decay) / (1 - decay ** len(weights))


def _not_weighed(weights, decay):
    average = weights[0]
    for row in weights[1:]:
        average = decay * average + row
    return average


def _from_the_last(weights, decay):
    return decay * weights[-2] + (1 - decay) * weights[-1]


def _walk(seed, steps, count):
    return torch.randn(steps, count, generator=generator(seed)).cumsum(dim=0)


AVERAGE = Exercise(
    id="12.7",
    title="an average that follows",
    minutes=6,
    difficulty=1,
    imports=("import torch",),
    tolerance=1e-4,
    stub='''def followed(weights, decay):
    """The exponential moving average after the last step: (N,).

    weights (T, N): a generator's N numbers after each of T steps. It begins as the first row. Each later row w makes
    it decay · average + (1 − decay) · w.
    """
    raise NotImplementedError
''',
    reference=followed,
    cases=(
        Case(lambda: (torch.tensor([[1.0], [2.0], [4.0]]), 0.75)),
        Case(lambda: (_walk(1, 5, 3), 0.9)),
        Case(lambda: (_walk(2, 30, 2), 0.8)),
    ),
    hidden=(Case(lambda: (_walk(3, 4, 4), 0.6)), Case(lambda: (_walk(4, 12, 3), 0.95))),
    invariants=(
        Invariant(
            "it lies between the smallest and the largest weight",
            lambda average, weights, decay: bool(
                ((average >= weights.min(dim=0).values - 1e-4) & (average <= weights.max(dim=0).values + 1e-4)).all()
            ),
        ),
    ),
    hints=(
        "On paper, for 1, 2, 4 and decay 0.75: first 1, then 0.75 · 1 + 0.25 · 2.",
        "One loop over weights[1:], and one line in it.",
    ),
    misconceptions=(
        Misconception(
            "shares exchanged",
            _exchanged,
            "decay and 1 − decay are exchanged. decay is what stays: with 0.998 the average moves by 0.2 % a step.",
        ),
        Misconception(
            "from zero",
            _from_nothing,
            "The average begins at 0, and the first rows are too small. It begins as the first row.",
        ),
        Misconception(
            "from zero, corrected",
            _corrected,
            "That begins at 0 and divides by 1 − decay^T afterwards, as Adam does. Here it begins as the first row.",
        ),
        Misconception(
            "the plain mean",
            lambda weights, decay: weights.mean(dim=0),
            "That is the plain mean of all steps. The first random weights would count as much as the last.",
        ),
        Misconception("the last row", lambda weights, decay: weights[-1], "Those are the last weights, not averaged."),
        Misconception(
            "new part not weighed",
            _not_weighed,
            "The new row is added whole. It counts 1 − decay, so that both shares make 1.",
        ),
        Misconception(
            "the last two",
            _from_the_last,
            "Only the last two rows are mixed. The average of the step before has to go into the next one.",
        ),
        Misconception(
            "last step left out",
            lambda weights, decay: followed(weights[:-1], decay),
            "The last row is left out: weights[1:] goes up to it.",
        ),
    ),
)


# --- missing modes ----------------------------------------------------------------------------------------


def modes_found(points, centres, radius, least):
    """How many modes were found, and the share of points that lie near one: (int, float).

    points (B, D), centres (M, D). A point is near its closest centre if it is no farther from it than `radius`. A mode
    is found if at least `least` points are near it.
    """
    distance, mode = torch.cdist(points, centres).min(dim=1)  # (B,) each
    near = mode[distance <= radius]
    counts = torch.bincount(near, minlength=len(centres))  # (M,)
    return int((counts >= least).sum()), len(near) / len(points)


def _found(points, centres, radius, least, distances=torch.cdist, share=lambda near, points, counts: near / points):
    distance, mode = distances(points, centres).min(dim=1)
    near = mode[distance <= radius]
    counts = torch.bincount(near, minlength=len(centres))
    return int((counts >= least).sum()), share(len(near), len(points), counts)


def _all_points(points, centres, radius, least):
    counts = torch.bincount(torch.cdist(points, centres).argmin(dim=1), minlength=len(centres))
    return int((counts >= least).sum()), modes_found(points, centres, radius, least)[1]


def _in_every_ball(points, centres, radius, least):
    inside = torch.cdist(points, centres) <= radius
    return int((inside.sum(dim=0) >= least).sum()), inside.sum().item() / len(points)


def _share_of_found_modes(points, centres, radius, least):
    distance, mode = torch.cdist(points, centres).min(dim=1)
    counts = torch.bincount(mode[distance <= radius], minlength=len(centres))
    return int((counts >= least).sum()), counts[counts >= least].sum().item() / len(points)


def _squares(points, centres):
    return torch.cdist(points, centres).square()


def _along_one_axis(points, centres):
    return (points[:, None] - centres).abs().amax(dim=2)


def _city_block(points, centres):
    return torch.cdist(points, centres, p=1)


CORNERS = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]])
SEEN = torch.tensor(
    [[0.1, 0.0], [0.0, 0.4], [0.4, 0.4], [2.2, 0.1], [1.7, 0.2], [0.9, 1.1], [0.1, 1.9], [1.0, 0.1], [0.3, 0.3]]
)


def _cloud(seed, count, reach=2.0):
    return reach * torch.rand(count, 2, generator=generator(seed))


MODES = Exercise(
    id="12.8",
    title="which modes are missing?",
    minutes=10,
    difficulty=2,
    imports=("import torch",),
    tolerance=1e-4,
    stub='''def modes_found(points, centres, radius, least):
    """How many modes were found, and the share of points that lie near one: (int, float).

    points (B, D), centres (M, D). A point is near its closest centre if it is no farther from it than `radius`. A mode
    is found if at least `least` points are near it.
    """
    raise NotImplementedError
''',
    reference=modes_found,
    cases=(
        Case(lambda: (SEEN.clone(), CORNERS.clone(), 0.5, 2)),
        Case(lambda: (_cloud(1, 60), CORNERS.clone(), 0.6, 6)),
        Case(lambda: (_cloud(2, 60), CORNERS.clone(), 1.3, 14)),
    ),
    hidden=(
        Case(lambda: (_cloud(3, 40), CORNERS.clone(), 0.7, 5)),
        Case(lambda: (_cloud(4, 80, 2.4), CORNERS.clone(), 1.25, 17)),
        Case(lambda: (SEEN.clone() + 0.05, CORNERS.clone(), 0.45, 2)),
    ),
    invariants=(
        Invariant("the share lies from 0 to 1", lambda found, *_: 0 <= found[1] <= 1),
        Invariant(
            "there are no more modes found than modes",
            lambda found, points, centres, radius, least: found[0] <= len(centres),
        ),
    ),
    hints=(
        "torch.cdist(points, centres) is a table (B, M) of distances.",
        ".min(dim=1) gives two tensors: the distance of the closest centre, and which centre that is.",
        "Keep the modes of the near points, and count them with torch.bincount(…, minlength=len(centres)).",
    ),
    misconceptions=(
        Misconception(
            "one point is enough",
            lambda points, centres, radius, least: modes_found(points, centres, radius, 1),
            "A single point counts as a find there: `least` is not used. One stray point says nothing.",
        ),
        Misconception(
            "more than least",
            lambda points, centres, radius, least: modes_found(points, centres, radius, least + 1),
            "A mode with exactly `least` points is found: use >=.",
        ),
        Misconception(
            "far points too",
            _all_points,
            "Every point counts for its closest mode, however far it is. Keep those within the radius.",
        ),
        Misconception(
            "several modes for a point",
            _in_every_ball,
            "A point counts for every mode in whose radius it lies. It counts for the closest alone.",
        ),
        Misconception(
            "distance squared",
            lambda *given: _found(*given, distances=_squares),
            "The squared distance is compared with the radius. Take its root.",
        ),
        Misconception(
            "along the axes",
            lambda *given: _found(*given, distances=_along_one_axis),
            "The radius is a square there: each coordinate is compared by itself. Take the distance.",
        ),
        Misconception(
            "coordinates added",
            lambda *given: _found(*given, distances=_city_block),
            "The differences of the coordinates are added. The distance is the root of their squares: torch.cdist.",
        ),
        Misconception(
            "share of the modes",
            lambda *given: (modes_found(*given)[0], modes_found(*given)[0] / len(given[1])),
            "The share is that of the modes found. Asked is the share of the points that are near a mode.",
        ),
        Misconception(
            "points of found modes alone",
            _share_of_found_modes,
            "The share leaves out points near modes that were not found. They are near all the same.",
        ),
        Misconception(
            "modes missing",
            lambda *given: (len(given[1]) - modes_found(*given)[0], modes_found(*given)[1]),
            "Those are the modes that are missing. Return how many were found.",
        ),
        Misconception(
            "how many points",
            lambda *given: (modes_found(*given)[0], round(modes_found(*given)[1] * len(given[0]))),
            "That is the number of near points. Divide it by the number of all points.",
        ),
    ),
)
