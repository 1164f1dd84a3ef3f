"""Exercises 14.6 and 14.7: a comparison that is not fair, to be mended, and the settings that no other beats."""

import numpy as np

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception


def ranking(entries, train, test, judge, distance):
    """The models with their distances, best first: a list of (name, distance).

    entries: name -> (images, network): the images (N, P) that a model has drawn, and the classifier which its authors
    used. train, test (M, P): real images that models learn from, and that none has seen. judge: our own classifier. A
    network turns images into rows of features; distance(real rows, drawn rows) is smaller for better images. Fair is:
    test images alone, one classifier for all, and of each model as many images, its first ones, as the fewest that any
    has drawn.
    """
    count = min(len(images) for images, _ in entries.values())
    real = judge(test)
    distances = [(name, distance(real, judge(images[:count]))) for name, (images, _) in entries.items()]
    return sorted(distances, key=lambda pair: pair[1])


def _unfair(all_of_them=False, own_network=False, reference=lambda train, test: test):
    """The comparison with what is asked for left unfair."""

    def ranked(entries, train, test, judge, distance):
        count = min(len(images) for images, _ in entries.values())
        found = []
        for name, (images, network) in entries.items():
            see = network if own_network else judge
            drawn = images if all_of_them else images[:count]
            found.append((name, distance(see(reference(train, test)), see(drawn))))
        return sorted(found, key=lambda pair: pair[1])

    return ranked


def _both_parts(train, test):
    return np.concatenate([train, test])


def _train_alone(train, test):
    return train


def _as_many_as(number):
    """The comparison at number(entries, test) images of each model."""

    def ranked(entries, train, test, judge, distance):
        some = {name: (images[: number(entries, test)], network) for name, (images, network) in entries.items()}
        return _unfair(all_of_them=True)(some, train, test, judge, distance)

    return ranked


def _network_of_the_first(entries, train, test, judge, distance):
    return ranking(entries, train, test, next(iter(entries.values()))[1], distance)


def _last_ones(entries, train, test, judge, distance):
    count = min(len(images) for images, _ in entries.values())
    last = {name: (images[-count:], network) for name, (images, network) in entries.items()}
    return ranking(last, train, test, judge, distance)


# --- networks and a distance, small enough to work out on paper


def sums(images):
    """Two features: the sum of all pixels, and of the first half."""
    return np.stack([images.sum(axis=1), images[:, : images.shape[1] // 2].sum(axis=1)], axis=1)


def edges(images):
    """Another network: the mean of the steps from a pixel to the next, and the largest."""
    steps = np.abs(np.diff(images, axis=1))
    return np.stack([steps.mean(axis=1), steps.max(axis=1)], axis=1)


def bright(images):
    """A third: the mean and the largest level."""
    return np.stack([images.mean(axis=1), images.max(axis=1)], axis=1)


def reach(real, drawn):
    """How far the nearest drawn row is from a real one, on average: less where more are drawn."""
    return float(np.abs(real[:, None] - drawn[None]).sum(axis=-1).min(axis=1).mean().round(6))


def _entries(seed, *counts, pixels=6):
    """Models that draw around other brightnesses; the arguments of `ranking`."""
    chance = np.random.default_rng(seed)
    networks = (edges, bright, sums)
    entries = {
        f"model {letter}": ((chance.normal(size=(count, pixels)) + 0.3 * place).round(1), networks[place % 3])
        for place, (letter, count) in enumerate(zip("ABCD", counts, strict=False))
    }
    train, test = (chance.normal(size=(size, pixels)).round(1) for size in (9, 6))
    return entries, train + 0.5, test, sums, reach


FAIR = Exercise(
    id="14.6",
    title="debug this: whose images are best?",
    minutes=10,
    difficulty=2,
    kind="debug",
    imports=("import numpy as np",),
    stub='''def ranking(entries, train, test, judge, distance):
    """The models with their distances, best first: a list of (name, distance).

    entries: name -> (images, network): the images (N, P) that a model has drawn, and the classifier which its authors
    used. train, test (M, P): real images that models learn from, and that none has seen. judge: our own classifier. A
    network turns images into rows of features; distance(real rows, drawn rows) is smaller for better images. Fair is:
    test images alone, one classifier for all, and of each model as many images, its first ones, as the fewest that any
    has drawn. This one is unfair in three ways.
    """
    real = np.concatenate([train, test])
    distances = [
        (name, distance(network(real), network(images))) for name, (images, network) in entries.items()
    ]
    return sorted(distances, key=lambda pair: pair[1])
''',
    reference=ranking,
    tolerance=1e-5,
    cases=(
        Case(lambda: _entries(1, 3, 5, pixels=2)),
        Case(lambda: _entries(2, 12, 4, 6)),
        Case(lambda: _entries(3, 5, 9, 20, 7)),
    ),
    hidden=(Case(lambda: _entries(4, 8, 3, 5)), Case(lambda: _entries(5, 6, 25, 4, 9))),
    invariants=(
        Invariant("every model is ranked once", lambda result, entries, *_: sorted(dict(result)) == sorted(entries)),
        Invariant(
            "the smallest distance first",
            lambda result, *_: [far for _, far in result] == sorted(far for _, far in result),
        ),
    ),
    hints=(
        "Ask of each side of a comparison: how many images, of which part, seen by whom?",
        "A model that copies what it has learned from would win against real = train and test together.",
        "count = min(len(images) for images, _ in entries.values()); then judge(test) against judge(images[:count]).",
    ),
    misconceptions=(
        Misconception(
            "other numbers of images",
            _unfair(all_of_them=True),
            "One thing is still unfair: who has drawn more images is measured on more. Such a distance falls with N "
            "for no merit of the model: take as many of each.",
        ),
        Misconception(
            "training images beside the test images",
            _unfair(reference=_both_parts),
            "One thing is still unfair: training images are among the real ones. A model that copies them would win.",
        ),
        Misconception(
            "each in its own network",
            _unfair(own_network=True),
            "One thing is still unfair: each model is seen by its authors' network. Distances in different features "
            "are in different units: use judge for all.",
        ),
        Misconception(
            "only the number mended",
            _unfair(own_network=True, reference=_both_parts),
            "As many images of each, that is mended. What they are compared with, and who looks at them, is not.",
        ),
        Misconception(
            "only the test images mended",
            _unfair(all_of_them=True, own_network=True),
            "Only test images, that is mended. How many images of each count, and who looks at them, is not.",
        ),
        Misconception(
            "only the network mended",
            _unfair(all_of_them=True, reference=_both_parts),
            "One network for all, that is mended. How many images of each count, and what with, is not.",
        ),
        Misconception(
            "training images alone",
            _unfair(reference=_train_alone),
            "The models are compared with the training images, which they have seen. Take the test images.",
        ),
        Misconception(
            "as many as test images",
            _as_many_as(lambda entries, test: len(test)),
            "There are as many images of each as there are test images, and of a model that drew fewer, fewer. Take "
            "the fewest that any model has drawn.",
        ),
        Misconception(
            "the network of the first model",
            _network_of_the_first,
            "One network for all, but it is that of the first model's authors, who chose it. judge belongs to nobody.",
        ),
        Misconception(
            "the last images",
            _last_ones,
            "Those are the last images of each model. The first ones are asked for.",
        ),
        Misconception(
            "worst first",
            lambda *arguments: ranking(*arguments)[::-1],
            "The worst model comes first. A smaller distance is better.",
        ),
        Misconception(
            "names alone",
            lambda *arguments: [name for name, _ in ranking(*arguments)],
            "The distances are missing: by how much one is better says more than that it is.",
        ),
    ),
)


def pareto_front(points):
    """The names of the settings that no other beats, the fastest first (equally fast: the nearer one first).

    points: name -> (seconds, distance), both better when smaller. A setting beats another that it is at least equal to
    in both, and better than in one.
    """

    def beaten(name):
        seconds, distance = points[name]
        return any(
            other != (seconds, distance) and other[0] <= seconds and other[1] <= distance for other in points.values()
        )

    return sorted((name for name in points if not beaten(name)), key=points.get)


def _front(beats, keep=lambda beaten: not beaten, order=None):
    """The front with another beats(other, own), another choice, or another order."""

    def front(points):
        kept = [
            name
            for name, own in points.items()
            if keep(any(beats(other, own) for another, other in points.items() if another != name))
        ]
        return sorted(kept, key=order(points) if order else points.get)

    return front


def _beats(other, own):
    return other != own and other[0] <= own[0] and other[1] <= own[1]


def _fastest_and_nearest(points):
    ends = {min(points, key=points.get), min(points, key=lambda name: points[name][::-1])}
    return sorted(ends, key=points.get)


def _than_the_one_before(points):
    """Each is compared with the next faster one alone."""
    order = sorted(points, key=points.get)
    better = [name for before, name in zip(order, order[1:], strict=False) if points[name][1] < points[before][1]]
    return order[:1] + better


def _below_the_line(points):
    """The lower hull: settings above the straight line between two others are left out."""
    hull = []
    for name in pareto_front(points):
        while len(hull) > 1 and _above(points[hull[-2]], points[hull[-1]], points[name]):
            hull.pop()
        hull.append(name)
    return hull


def _above(first, middle, last):
    across, up = last[0] - first[0], last[1] - first[1]
    return (middle[1] - first[1]) * across > up * (middle[0] - first[0])


def _least_product(points):
    return [min(points, key=lambda name: points[name][0] * points[name][1])]


PARETO = Exercise(
    id="14.7",
    title="what nobody beats",
    minutes=8,
    difficulty=2,
    stub='''def pareto_front(points):
    """The names of the settings that no other beats, the fastest first (equally fast: the nearer one first).

    points: name -> (seconds, distance), both better when smaller. A setting beats another that it is at least equal to
    in both, and better than in one.
    """
    raise NotImplementedError
''',
    reference=pareto_front,
    cases=(
        Case(lambda: ({"GAN": (0.001, 4.0), "10 steps": (0.1, 5.0), "50 steps": (0.5, 2.0)},)),
        Case(lambda: ({"a": (1.0, 9.0), "b": (2.0, 8.0), "c": (3.0, 3.0), "d": (4.0, 5.0), "e": (5.0, 4.0)},)),
        Case(lambda: ({"e": (4.0, 1.0), "a": (2.0, 3.0), "b": (1.0, 3.0), "c": (1.0, 7.0), "d": (4.0, 1.0)},)),
    ),
    hidden=(
        Case(lambda: ({"a": (6.0, 1.5), "b": (1.0, 8.0), "c": (2.0, 7.5), "d": (3.0, 2.0), "e": (5.0, 4.0)},)),
        Case(
            lambda: (
                {"a": (1.0, 2.0), "b": (3.0, 9.0), "c": (4.0, 6.0), "d": (1.0, 2.0), "e": (7.0, 1.0), "f": (5.0, 1.0)},
            )
        ),
        Case(lambda: ({"a": (2.0, 4.0)},)),
    ),
    invariants=(
        Invariant("the fastest is among them", lambda names, points: min(points, key=points.get) in names),
    ),
    hints=(
        "Draw the points: seconds across, distance up. What beats a point lies to the left of it, or below, or both, "
        "and never to the right or above.",
        "any(…) over all points tells whether one of them beats this one. Two equal points do not beat each other.",
        "sorted(names, key=points.get) orders by seconds, and by distance where they are equal.",
    ),
    misconceptions=(
        Misconception(
            "beaten only in both",
            _front(lambda other, own: other[0] < own[0] and other[1] < own[1]),
            "A setting counts as beaten only by one that is better in both. Equally good and twice as fast beats it "
            "too.",
        ),
        Misconception(
            "equal ones beat each other",
            _front(lambda other, own: other[0] <= own[0] and other[1] <= own[1]),
            "Two equal settings beat each other there, and both fall out. To beat, one has to be better in one thing.",
        ),
        Misconception(
            "one of equals",
            lambda points: [
                name
                for place, name in enumerate(pareto_front(points))
                if points[name] not in [points[other] for other in pareto_front(points)[:place]]
            ],
            "Of equal settings only the first is kept. None of them beats the other: both belong to the front.",
        ),
        Misconception(
            "the beaten ones",
            _front(_beats, keep=bool),
            "Those are the settings that are beaten. The others are asked for.",
        ),
        Misconception(
            "more is better",
            _front(lambda other, own: _beats([-value for value in other], [-value for value in own])),
            "That is the front of the slowest and farthest. Seconds and distance are both better when smaller.",
        ),
        Misconception(
            "a larger distance is better",
            _front(lambda other, own: _beats((other[0], -other[1]), (own[0], -own[1]))),
            "A larger distance counts as better there. Seconds and distance are both better when smaller.",
        ),
        Misconception(
            "better in one is enough",
            _front(lambda other, own: other[0] < own[0] or other[1] < own[1]),
            "It is enough there to be better in one thing. Who beats has to be at least equal in the other.",
        ),
        Misconception(
            "the fastest and the nearest",
            _fastest_and_nearest,
            "Only the fastest and the nearest are left. Those between that nobody beats belong to the front as well.",
        ),
        Misconception(
            "compared with the one before",
            _than_the_one_before,
            "Each is compared with the next faster one alone. One that is faster still may beat it: compare with all.",
        ),
        Misconception(
            "below the straight line",
            _below_the_line,
            "What lies above the straight line between two others is left out. Nobody offers what lies on that line: "
            "it is settings that beat, not mixtures of them.",
        ),
        Misconception(
            "the least product",
            _least_product,
            "The least seconds times distance is one setting. How much time a distance is worth is not ours to say.",
        ),
        Misconception(
            "nearest first",
            _front(_beats, order=lambda points: lambda name: points[name][::-1]),
            "The nearest comes first. The fastest is asked for first.",
        ),
        Misconception(
            "in the given order",
            lambda points: [name for name in points if name in pareto_front(points)],
            "They stand in the order they came in. Sort them, the fastest first.",
        ),
        Misconception(
            "points",
            lambda points: [points[name] for name in pareto_front(points)],
            "Those are the points. Their names are asked for.",
        ),
    ),
)
