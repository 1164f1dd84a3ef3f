"""Exercises 11.2 and 11.8: the two parts of the evidence lower bound on paper-sized numbers, and a tighter bound."""

import math

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.seeding import generator


def elbo(prior, likelihood, guess):
    """The two parts of the bound for a latent z of L values, in nats: (reconstruction, divergence), two numbers.

    prior p(z), guess q(z) and likelihood p(x|z): tensors (L,), all above 0. reconstruction is the mean of −ln p(x|z)
    over q, divergence how far q is from the prior, KL(q ‖ p). Their sum is no less than −ln p(x).
    """
    reconstruction = -(guess * likelihood.log()).sum()
    divergence = (guess * (guess / prior).log()).sum()
    return reconstruction, divergence


def _parts(reconstruction=None, divergence=None):
    """`elbo` with one of its parts replaced."""

    def parts(prior, likelihood, guess):
        first, second = elbo(prior, likelihood, guess)
        first = first if reconstruction is None else reconstruction(prior, likelihood, guess)
        return first, second if divergence is None else divergence(prior, likelihood, guess)

    return parts


def _distributions(*rows):
    return tuple(map(torch.tensor, rows))


ELBO = Exercise(
    id="11.2",
    title="the bound in its two parts",
    minutes=8,
    difficulty=2,
    imports=("import torch",),
    stub='''def elbo(prior, likelihood, guess):
    """The two parts of the bound for a latent z of L values, in nats: (reconstruction, divergence), two numbers.

    prior p(z), guess q(z) and likelihood p(x|z): tensors (L,), all above 0. reconstruction is the mean of −ln p(x|z)
    over q, divergence how far q is from the prior, KL(q ‖ p). Their sum is no less than −ln p(x).
    """
    raise NotImplementedError
''',
    reference=elbo,
    tolerance=1e-4,
    cases=(
        Case(lambda: _distributions([0.5, 0.5], [0.8, 0.2], [0.9, 0.1])),
        Case(lambda: _distributions([0.6, 0.3, 0.1], [0.05, 0.5, 0.2], [0.1, 0.6, 0.3])),
    ),
    hidden=(
        Case(lambda: _distributions([0.25, 0.75], [0.3, 0.1], [0.5, 0.5])),
        Case(lambda: _distributions([0.2, 0.3, 0.4, 0.1], [0.9, 0.01, 0.2, 0.4], [0.7, 0.05, 0.05, 0.2])),
    ),
    invariants=(
        Invariant(
            "their sum is no less than −ln p(x)",
            lambda parts, prior, likelihood, _: (
                float(parts[0] + parts[1]) >= -math.log(float((prior * likelihood).sum())) - 1e-5
            ),
        ),
        Invariant("the divergence is not below 0", lambda parts, *_: float(parts[1]) >= -1e-6),
    ),
    hints=(
        "A mean over q is a sum in which each value counts as often as q says: (guess * …).sum().",
        "reconstruction: of −ln p(x|z). divergence: of ln (q(z) / p(z)).",
    ),
    misconceptions=(
        Misconception(
            "mean over the prior",
            _parts(reconstruction=lambda p, x, q: -(p * x.log()).sum()),
            "The reconstruction is averaged over the prior. z comes from q: it is what the encoder proposes.",
        ),
        Misconception(
            "plain mean",
            _parts(reconstruction=lambda p, x, q: -x.log().mean()),
            "All z count alike in the reconstruction. Weigh each with q(z).",
        ),
        Misconception(
            "logarithm of the mean",
            _parts(reconstruction=lambda p, x, q: -(q * x).sum().log()),
            "That is the logarithm of a mean. The bound has the mean of the logarithms; the step between is Jensen's.",
        ),
        Misconception(
            "divergence the wrong way round",
            _parts(divergence=lambda p, x, q: (p * (p / q).log()).sum()),
            "That is KL(p ‖ q). The mean is over q, of ln (q / p).",
        ),
        Misconception(
            "sign of the divergence",
            _parts(divergence=lambda p, x, q: (q * (p / q).log()).sum()),
            "The fraction is upside down: that is −KL. A divergence is never below 0.",
        ),
        Misconception(
            "sign of the reconstruction",
            _parts(reconstruction=lambda p, x, q: (q * x.log()).sum()),
            "The reconstruction has lost its minus. −ln p(x|z) is not below 0 for a probability.",
        ),
        Misconception(
            "prior forgotten",
            _parts(divergence=lambda p, x, q: (q * q.log()).sum()),
            "The prior is missing in the divergence: ln q(z) alone. Compare q with p.",
        ),
        Misconception(
            "guess forgotten",
            _parts(divergence=lambda p, x, q: -(q * p.log()).sum()),
            "That is the mean of −ln p(z), a cross-entropy. Add the mean of ln q(z).",
        ),
        Misconception(
            "not weighed by the guess",
            _parts(divergence=lambda p, x, q: (q / p).log().sum()),
            "The logarithms are added up as they are. Each counts as often as q(z) says.",
        ),
        Misconception(
            "compared with the posterior",
            _parts(divergence=lambda p, x, q: (q * (q * (p * x).sum() / (p * x)).log()).sum()),
            "That is the distance from p(z|x): the gap of the bound. Its second part is the distance from the prior.",
        ),
        Misconception(
            "in bits",
            lambda *three: tuple(part / math.log(2) for part in elbo(*three)),
            "Those are bits. Nats are asked for: natural logarithms.",
        ),
        Misconception(
            "one number",
            lambda *three: sum(elbo(*three)),
            "The two parts are added up. Return both, the reconstruction first.",
        ),
    ),
)


def importance_bound(log_weights):
    """−ln of the mean weight of each image, in nats: (B,). Burda et al. 2016 (IWAE), eq. 8.

    log_weights (K, B): ln (p(x|z) p(z) / q(z|x)) of K draws for each of B images. They lie near −1,000 and lower, where
    exp gives 0: torch.logsumexp takes the logarithm of a sum without leaving the logarithms.
    """
    return math.log(len(log_weights)) - torch.logsumexp(log_weights, dim=0)


def _weights(seed, draws, rows, middle):
    return (middle + 3 * torch.randn(draws, rows, generator=generator(seed)),)


BOUND = Exercise(
    id="11.8",
    title="more draws, a tighter bound",
    minutes=8,
    difficulty=2,
    imports=("import math", "import torch"),
    stub='''def importance_bound(log_weights):
    """−ln of the mean weight of each image, in nats: (B,). Burda et al. 2016 (IWAE), eq. 8.

    log_weights (K, B): ln (p(x|z) p(z) / q(z|x)) of K draws for each of B images. They lie near −1,000 and lower, where
    exp gives 0: torch.logsumexp takes the logarithm of a sum without leaving the logarithms.
    """
    raise NotImplementedError
''',
    reference=importance_bound,
    tolerance=1e-5,
    cases=(
        Case(lambda: (torch.tensor([[-3.0], [-1.0]]),)),
        Case(lambda: _weights(1, 4, 2, -5.0)),
        Case(lambda: _weights(2, 5, 3, -1_000.0)),
    ),
    hidden=(Case(lambda: _weights(3, 3, 2, -8.0)), Case(lambda: _weights(4, 6, 4, -2_000.0))),
    invariants=(
        Invariant(
            "never above the mean over single draws",
            lambda nats, log_weights: bool((nats <= -log_weights.mean(dim=0) + 1e-3).all()),
        ),
    ),
    hints=(
        "The mean of K weights is their sum over K, so its logarithm is that of the sum, less ln K.",
        "torch.logsumexp(log_weights, dim=0) is the logarithm of the sum over the draws.",
        "Then the sign: −(logsumexp − ln K). len(log_weights) is K.",
    ),
    misconceptions=(
        Misconception(
            "no ln K",
            lambda log_weights: -torch.logsumexp(log_weights, dim=0),
            "ln K is missing: that is the sum of the weights, not their mean. It would fall with K for ever.",
        ),
        Misconception(
            "ln K with the wrong sign",
            lambda log_weights: -torch.logsumexp(log_weights, dim=0) - math.log(len(log_weights)),
            "ln K has the wrong sign. −ln (sum / K) is −ln sum + ln K.",
        ),
        Misconception(
            "mean of the logarithms",
            lambda log_weights: -log_weights.mean(dim=0),
            "That is the mean of the logarithms: the ELBO, and no better with more draws. Average the weights first.",
        ),
        Misconception(
            "sign",
            lambda log_weights: torch.logsumexp(log_weights, dim=0) - math.log(len(log_weights)),
            "The sign is turned: −ln p is wanted.",
        ),
        Misconception(
            "the largest weight",
            lambda log_weights: -log_weights.max(dim=0).values,
            "That keeps the best draw alone. It is near where one weight rules, but all of them count.",
        ),
        Misconception(
            "out of the logarithms",
            lambda log_weights: -log_weights.exp().mean(dim=0).log(),
            "exp of −1,000 is 0 in float32, and its logarithm −inf. Use torch.logsumexp.",
        ),
        Misconception(
            "over the images",
            lambda log_weights: math.log(log_weights.shape[1]) - torch.logsumexp(log_weights, dim=1),
            "That averages over the images, dim=1. Each image has K draws of its own: dim=0.",
        ),
        Misconception(
            "over everything",
            lambda log_weights: math.log(log_weights.numel()) - torch.logsumexp(log_weights.flatten(), dim=0),
            "Draws and images are thrown together. Return a number for each image.",
        ),
        Misconception(
            "number of images for K",
            lambda log_weights: math.log(log_weights.shape[1]) - torch.logsumexp(log_weights, dim=0),
            "ln of the number of images is added. K is the number of draws, the rows.",
        ),
        Misconception(
            "K for ln K",
            lambda log_weights: len(log_weights) - torch.logsumexp(log_weights, dim=0),
            "K itself is added. Dividing by K is taking off ln K.",
        ),
        Misconception(
            "averaged over the images",
            lambda log_weights: importance_bound(log_weights).mean(),
            "That is the mean over the images. Return a number for each.",
        ),
    ),
)
