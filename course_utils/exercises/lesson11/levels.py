"""Exercise 11.1: what a density says of a pixel that has only so many levels."""

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception


def level_masses(values, step, mean, scale):
    """The probability of each level of a pixel under a logistic density: its mass between the level's two edges.

    values (L,): the levels in order, `step` apart. An edge lies halfway between two levels; the first level also gets
    what lies below it, the last what lies above. The mass below a point t is sigmoid((t − mean) / scale). Returns (L,).
    """
    edges = values[:-1] + step / 2  # (L − 1,)
    below = torch.sigmoid((edges - mean) / scale)
    return torch.cat([below, torch.ones(1)]) - torch.cat([torch.zeros(1), below])


def _masses(half=0.5, ends=True, at=lambda t, mean, scale: torch.sigmoid((t - mean) / scale)):
    """The masses with edges `half` a step away, without what lies beyond the ends, or with another mass below t."""

    def masses(values, step, mean, scale):
        upper, lower = at(values + half * step, mean, scale), at(values - half * step, mean, scale)
        if ends:
            upper, lower = upper.clone(), lower.clone()
            upper[-1], lower[0] = 1.0, 0.0
        return upper - lower

    return masses


def _density(values, step, mean, scale):
    slope = torch.sigmoid((values - mean) / scale)
    return slope * (1 - slope) / scale


def _density_by_the_step(values, step, mean, scale):
    return _density(values, step, mean, scale) * step


def _ends_shared_out(values, step, mean, scale):
    inside = _masses(ends=False)(values, step, mean, scale)
    return inside / inside.sum()


def _below(values, step, mean, scale):
    """What lies below each upper edge, and nothing taken off."""
    return torch.cat([torch.sigmoid((values[:-1] + step / 2 - mean) / scale), torch.ones(1)])


def _edges_at_the_levels(values, step, mean, scale):
    """From each level up to the next, instead of half a step to either side."""
    below = torch.sigmoid((values[1:] - mean) / scale)
    return torch.cat([below, torch.ones(1)]) - torch.cat([torch.zeros(1), below])


def _normal(t, mean, scale):
    return torch.special.ndtr((t - mean) / scale)


def _levels(count, mean, scale):
    step = 2 / (count - 1)
    return torch.linspace(-1, 1, count), step, mean, scale


LEVELS = Exercise(
    id="11.1",
    title="from a density to levels",
    minutes=10,
    difficulty=2,
    imports=("import torch",),
    stub='''def level_masses(values, step, mean, scale):
    """The probability of each level of a pixel under a logistic density: its mass between the level's two edges.

    values (L,): the levels in order, `step` apart. An edge lies halfway between two levels; the first level also gets
    what lies below it, the last what lies above. The mass below a point t is sigmoid((t − mean) / scale). Returns (L,).
    """
    raise NotImplementedError
''',
    reference=level_masses,
    tolerance=1e-4,
    cases=(
        Case(lambda: _levels(3, 0.25, 0.5)),
        Case(lambda: _levels(5, -0.75, 0.25)),
        Case(lambda: _levels(9, 0.125, 0.0625)),
    ),
    hidden=(Case(lambda: _levels(4, 0.5, 0.4)), Case(lambda: _levels(17, 1.0, 0.125))),
    invariants=(
        Invariant("they sum to one", lambda masses, *_: abs(float(masses.sum()) - 1) < 1e-4),
        Invariant("none is below 0", lambda masses, *_: bool((masses >= 0).all())),
    ),
    hints=(
        "Three levels −1, 0, 1 have two edges: −0.5 and 0.5. What lies below each edge is one call of torch.sigmoid.",
        "A level's mass is what lies below its upper edge less what lies below its lower one.",
        "The first level has nothing to take off: 0. Of the last, all lies below: 1. torch.cat puts these in.",
    ),
    misconceptions=(
        Misconception(
            "the density itself",
            _density,
            "That is the density's height at each level. A height is no probability: it may be above 1. Take masses.",
        ),
        Misconception(
            "height times step",
            _density_by_the_step,
            "That is height times step, a rectangle in place of the area under the curve. It does not sum to one.",
        ),
        Misconception(
            "nothing beyond the ends",
            _masses(ends=False),
            "What lies below the first level and above the last is lost, so the sum is below one. The ends get it.",
        ),
        Misconception(
            "ends shared out",
            _ends_shared_out,
            "What lies beyond the ends is shared out over all levels. It belongs to the first and the last.",
        ),
        Misconception(
            "a whole step to either side",
            _masses(half=1.0),
            "The edges are a whole step away, so that neighbours overlap. An edge is half a step away.",
        ),
        Misconception(
            "from level to level",
            _edges_at_the_levels,
            "The edges are the levels themselves. They lie halfway between: values + step / 2.",
        ),
        Misconception(
            "nothing taken off",
            _below,
            "That is all that lies below each upper edge. Take off what lies below the lower one.",
        ),
        Misconception(
            "multiplied by the scale",
            _masses(at=lambda t, mean, scale: torch.sigmoid((t - mean) * scale)),
            "The distance is multiplied by the scale. A large scale makes a wide density: divide.",
        ),
        Misconception(
            "scale taken as its logarithm",
            _masses(at=lambda t, mean, scale: torch.sigmoid((t - mean) * torch.tensor(-scale).exp())),
            "The scale is taken for its logarithm. Here it comes as it is; networks give the logarithm.",
        ),
        Misconception(
            "mean forgotten",
            _masses(at=lambda t, mean, scale: torch.sigmoid(t / scale)),
            "The mean is not used: all pixels would be grey.",
        ),
        Misconception(
            "a normal density",
            _masses(at=_normal),
            "Those are the masses of a normal density. The logistic one has torch.sigmoid for the mass below a point.",
        ),
    ),
)
