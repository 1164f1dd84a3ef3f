"""Scaling laws: how the loss falls with parameters N and tokens D, fitted to small runs to foretell a larger one.

L(N, D) = E + A/N^alpha + B/D^beta (Hoffmann et al. 2022, eq. 2), and L(C) = E + A/C^alpha for one quantity alone. E is
what no model gets below; the other terms are what a finite model and finite data cost. L in nats per token.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import torch
from scipy.optimize import least_squares, nnls
from scipy.special import logsumexp

from course_utils.costs import TRAINING_FLOPS
from course_utils.errors import CourseError

MOST = 1e100                                                       # its square is a number still
DELTA = 1e-3                                                       # of the Huber loss, as Hoffmann et al. 2022 chose it
LEAST_SQUARES = 10.0                                               # a delta that no residual reaches
EXPONENTS = (0.1, 0.2, 0.35, 0.5, 0.8, 1.2)                        # where the search begins
LIMITS = (0.0, 3.0)                                                # of an exponent
STARTS = 3                                                         # how many of the best beginnings are followed
DISTINCT = 3                                                       # sizes, and budgets, that a curve needs
TOLERANCE = 1e-9                                                   # when the search has arrived


def _check_amounts(**amounts) -> None:
    """Raises CourseError for an amount that is not above 0: it has no power."""
    for name, amount in amounts.items():
        if not np.all(np.asarray(amount, dtype=float) > 0):
            raise CourseError(f"{name} is {amount}; expected numbers above 0.")


@dataclass(frozen=True)
class Law:
    """L(N, D) = E + A/N^alpha + B/D^beta."""

    E: float
    A: float
    B: float
    alpha: float
    beta: float

    def loss(self, parameters, tokens):
        """Nats per token that models of N parameters reach on D tokens; numbers, or arrays of one shape."""
        _check_amounts(parameters=parameters, tokens=tokens)
        return self.E + self.A * np.power(parameters, -self.alpha) + self.B * np.power(tokens, -self.beta)


@dataclass(frozen=True)
class PowerLaw:
    """L(C) = E + A/C^alpha, where C is one quantity: operations, or parameters, or tokens."""

    E: float
    A: float
    alpha: float

    def loss(self, amount):
        """Nats per token at an amount; a number or an array."""
        _check_amounts(amount=amount)
        return self.E + self.A * np.power(amount, -self.alpha)


@dataclass(frozen=True)
class PublishedLaw:
    """A law that others fitted, and where it stands."""

    law: Law
    source: str
    year: int


# Both for the models and the text of Hoffmann et al., nats per token of their vocabulary, N with all parameters.
# Besiroglu et al. read the runs off a figure of the paper, fitted them anew, and found the first fit not converged.
CHINCHILLA = MappingProxyType(
    {
        "Hoffmann": PublishedLaw(
            Law(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28),
            "Hoffmann et al., Training Compute-Optimal Large Language Models, arXiv:2203.15556, section D.3",
            2022,
        ),
        "Besiroglu": PublishedLaw(
            Law(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658),
            "Besiroglu et al., Chinchilla Scaling: A Replication Attempt, arXiv:2404.10102",
            2024,
        ),
    }
)


@dataclass(frozen=True)
class Fit:
    """A fitted law; the same law fitted to data that might as well have come; and ln(measured/fitted) of each run.

    The residuals are made larger by √(n/(n − k)), since a law with k constants bends towards the n runs it was given.
    """

    law: Law | PowerLaw
    resampled: tuple[Law | PowerLaw, ...]
    residuals: tuple[float, ...]

    def interval(self, constant: str, level: float = 0.9) -> tuple[float, float]:
        """(low, high) of a constant such as "alpha". Raises CourseError for one that the law has not."""
        if constant not in vars(self.law):
            raise CourseError(f"The law has no {constant!r}; expected one of {', '.join(vars(self.law))}.")
        return _middle(np.array([getattr(law, constant) for law in self.resampled]), level)

    def foretell(self, *amounts: float, level: float = 0.9) -> tuple[float, float, float]:
        """(loss, low, high) of a run still to be made, at parameters and tokens or at an amount.

        The interval holds both what is not known of the law and how far single runs lie from it. It takes for granted
        that the law still holds out there.
        """
        laws = np.array([law.loss(*amounts) for law in self.resampled])                    # (R,)
        runs = laws[:, None] * np.exp(np.array(self.residuals))                            # (R, n)
        return (float(self.law.loss(*amounts)), *_middle(runs, level))


def fit_law(parameters, tokens, losses, delta: float = DELTA) -> Law:
    """The law that comes closest to n runs: the Huber loss of ln(measured/fitted), summed, is least.

    Logarithms, so that 1 % counts the same at a high loss and at a low one; the Huber loss (1964), so that one run that
    went wrong pulls no more than any other. That is what Hoffmann et al. 2022 do; `delta=LEAST_SQUARES` squares all
    residuals instead. Arrays (n,). Raises CourseError for fewer than 6 runs, fewer than 3 sizes or budgets, and
    numbers that are not above 0.
    """
    return _Problem.of(Law, [parameters, tokens], losses, delta).solve()


def fit_power_law(amount, losses, delta: float = DELTA) -> PowerLaw:
    """The same for L(C) = E + A/C^alpha: arrays (n,), at least 4 runs at 3 amounts."""
    return _Problem.of(PowerLaw, [amount], losses, delta).solve()


def bootstrap_law(
    parameters, tokens, losses, generator: torch.Generator, samples: int = 200, delta: float = DELTA
) -> Fit:
    """`fit_law` with what its constants and its forecasts are sure to; see `fit_law` for the arrays and the errors.

    The residuals are shuffled over the runs with replacement, and the law fitted again, `samples` times (Efron 1979).
    Not the runs: without the smallest size, or the largest, it would be another experiment.
    """
    return _bootstrap(_Problem.of(Law, [parameters, tokens], losses, delta), generator, samples)


def bootstrap_power_law(amount, losses, generator: torch.Generator, samples: int = 200, delta: float = DELTA) -> Fit:
    """`fit_power_law` with what its constants and its forecasts are sure to, in the same way."""
    return _bootstrap(_Problem.of(PowerLaw, [amount], losses, delta), generator, samples)


def compute_optimal(law: Law, flops: float) -> tuple[float, float]:
    """(parameters, tokens) of the least loss that C = 6·N·D operations can buy. Hoffmann et al. 2022, eq. 4.

    Both derivatives are equal there: alpha·A/N^alpha = beta·B/D^beta. Raises CourseError for a budget not above 0.
    """
    if not flops > 0:
        raise CourseError(f"flops is {flops}; expected a number of operations above 0, such as 1e18.")
    together = law.alpha + law.beta
    ratio = (law.alpha * law.A / (law.beta * law.B)) ** (1 / together)
    pairs = flops / TRAINING_FLOPS                                                          # N·D
    return ratio * pairs ** (law.beta / together), pairs ** (law.alpha / together) / ratio


# --- the search -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Problem:
    """Runs and what is to be found for them: amounts (n, k), losses (n,), for the law `kind` with 2·k + 1 constants.

    It is searched for as ln E, ln A, …, alpha, …, with amounts divided by their geometric mean: then the unknowns
    hardly depend on each other, and the search arrives. Hoffmann's stopped too early (Besiroglu et al. 2024).
    """

    kind: type
    amounts: np.ndarray
    losses: np.ndarray
    delta: float

    @classmethod
    def of(cls, kind: type, columns: Sequence, losses, delta: float) -> "_Problem":
        amounts, losses = _checked(columns, losses)
        if not 0 < delta < MOST:
            raise CourseError(f"delta is {delta}; expected a residual above 0, such as {DELTA}.")
        return cls(kind, amounts, losses, delta)

    @property
    def logs(self) -> np.ndarray:
        """ln of the amounts over their geometric means, (n, k)."""
        return np.log(self.amounts) - np.log(self.amounts).mean(axis=0)

    def solve(self) -> Law | PowerLaw:
        """The law of the least Huber loss."""
        return self.law(self.search(_starts(self.logs, self.losses)))

    def search(self, starts: list[np.ndarray]) -> np.ndarray:
        """The unknowns (2k + 1,) of the least Huber loss that the search reaches from any of the starts."""
        count = self.amounts.shape[1]
        lower = [-np.inf] * (count + 1) + [LIMITS[0]] * count
        upper = [np.inf] * (count + 1) + [LIMITS[1]] * count
        found = [
            least_squares(
                _residuals, start, _slopes, (lower, upper), loss="huber", f_scale=self.delta,
                args=(self.logs, self.losses), xtol=TOLERANCE, ftol=TOLERANCE, gtol=TOLERANCE, max_nfev=300,
            )
            for start in starts
        ]  # fmt: skip
        return min(found, key=lambda result: result.cost).x

    def law(self, unknown: np.ndarray) -> Law | PowerLaw:
        """Unknowns (2k + 1,) as the law's own constants, for amounts as they were given."""
        count = self.amounts.shape[1]
        middle, exponents = np.log(self.amounts).mean(axis=0), unknown[count + 1 :]
        heights = np.exp(unknown[: count + 1] + np.concatenate([[0.0], exponents * middle]))
        return self.kind(*heights.tolist(), *exponents.tolist())


def _checked(columns: Sequence, losses) -> tuple[np.ndarray, np.ndarray]:
    """Amounts (n, k) and losses (n,) as float arrays."""
    columns, losses = [np.asarray(column, float) for column in columns], np.asarray(losses, float)
    shapes = {array.shape for array in (*columns, losses)}
    if len(shapes) > 1 or losses.ndim != 1:
        raise CourseError(f"The arrays have shapes {sorted(shapes)}; expected one number for each run in each of them.")
    unknown = 2 * len(columns) + 1
    if len(losses) <= unknown:
        raise CourseError(f"{len(losses)} runs cannot fix {unknown} constants; expected at least {unknown + 1} runs.")
    for array, name in ((losses, "losses"), *((column, "amounts") for column in columns)):
        if not ((array > 0) & (array < MOST)).all():
            raise CourseError(f"Some {name} are {array[~((array > 0) & (array < MOST))][0]}; expected all above 0.")
    for column in columns:
        if len(np.unique(column)) < DISTINCT:
            raise CourseError(f"The runs are at {np.unique(column)} alone; a curve takes {DISTINCT} sizes or budgets.")
    return np.stack(columns, axis=1), losses


def _terms(unknown: np.ndarray, logs: np.ndarray) -> np.ndarray:
    """The logarithms of E, A/N^alpha, … for each run: (n, k + 1)."""
    count = logs.shape[1]
    return unknown[: count + 1] - np.pad(logs * unknown[count + 1 :], ((0, 0), (1, 0)))


def _residuals(unknown: np.ndarray, logs: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """ln(fitted/measured) of each run, (n,)."""
    return logsumexp(_terms(unknown, logs), axis=1) - np.log(losses)


def _slopes(unknown: np.ndarray, logs: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """The derivatives of the residuals, (n, 2k + 1): each term's share of the loss, and −share · ln N for alpha."""
    terms = _terms(unknown, logs)
    shares = np.exp(terms - logsumexp(terms, axis=1, keepdims=True))                       # (n, k + 1)
    return np.concatenate([shares, -shares[:, 1:] * logs], axis=1)


def _starts(logs: np.ndarray, losses: np.ndarray) -> list[np.ndarray]:
    """The best beginnings: for given exponents, E, A and B are a problem of least squares with one answer."""
    grid = np.stack(np.meshgrid(*[EXPONENTS] * logs.shape[1]), axis=-1).reshape(-1, logs.shape[1])
    starts = []
    for exponents in grid:
        terms = np.concatenate([np.ones((len(logs), 1)), np.exp(-logs * exponents)], axis=1)
        heights, distance = nnls(terms, losses)
        starts.append((distance, np.concatenate([np.log(np.maximum(heights, 1e-3 * losses.min())), exponents])))
    return [start for _, start in sorted(starts, key=lambda pair: pair[0])[:STARTS]]


def _bootstrap(problem: _Problem, generator: torch.Generator, samples: int) -> Fit:
    """The law, and the law fitted again to what it says times shuffled residuals; each search begins where it lies."""
    if samples < 1:
        raise CourseError(f"samples is {samples}; expected 1 or more.")
    best = problem.search(_starts(problem.logs, problem.losses))
    law, count = problem.law(best), len(problem.losses)
    fitted = law.loss(*problem.amounts.T)                                                   # (n,)
    residuals = np.log(problem.losses / fitted)
    residuals = (residuals - residuals.mean()) * np.sqrt(count / (count - len(best)))
    drawn = torch.randint(count, (samples, count), generator=generator).numpy()
    again = (replace(problem, losses=fitted * np.exp(residuals[row])) for row in drawn)
    return Fit(law, tuple(each.law(each.search([best])) for each in again), tuple(residuals.tolist()))


def _middle(values: np.ndarray, level: float) -> tuple[float, float]:
    """Between which `level` of the values lie, as much cut off below as above."""
    if not 0 < level < 1:
        raise CourseError(f"level={level}: expected a share between 0 and 1, such as 0.9.")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
