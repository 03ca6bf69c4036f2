"""How much better could method "log" choose its smoothness? python bench/best_lambda.py [SEED] [COUNT]

A second implementation of the fit in NumPy (its errors agree with those of the core to 2 %), with the weights that the
core chose. Prints the error of gamma, as bench/accuracy.py does, for COUNT spectra of each family and 10 of each
circuit and level of noise:

log         the core's estimate
best        the strength that is best in hindsight, of 31.6 times less to 31.6 times more
mean        ln(gamma) averaged over strengths, weighted by evidence
noise       the variance of the noise known
uniform     one precision for all second differences, by evidence
best of two log or uniform, the better in hindsight
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter1d

import accuracy
import drtengine as dt
from drtengine import posterior
from drtengine.campaign import frequency_grids
from drtengine.choice import cell_edges
from drtengine.design import stack_parts, stacked_weights
from drtengine.simulate import add_noise, benchmark_cases
from drtengine.smooth import ANCHOR, END_SLOPE_ERROR, between_nodes
from drtengine.spectrum import FloatArray
from families import FREQUENCY, TAU

COLUMNS = ("log", "best", "mean", "noise", "uniform", "best of two")
STRENGTHS = 10.0 ** np.arange(1.5, -1.6, -0.5)
END_SLOPE = 0.8

Error = Callable[[FloatArray], float]


class Spectrum:
    """One spectrum in units of its noise: least is |z - A [exp(f), b]|^2 / variance + sum of scale (D f)^2 + ends."""

    def __init__(self, A: FloatArray, z: FloatArray, n: int, h: float) -> None:
        self.A, self.z, self.n = A, z, n
        self.D = np.diff(np.eye(n), 2, axis=0) * h**-1.5
        self.ends = np.zeros((n, n))
        self.pull = np.zeros(n)
        for i, slope in ((0, END_SLOPE), (n - 2, -END_SLOPE)):
            d = np.zeros(n)
            d[[i, i + 1]] = -1 / h, 1 / h
            self.ends += np.outer(d, d) / END_SLOPE_ERROR**2
            self.pull -= slope * d / END_SLOPE_ERROR**2
        self.G = self.H = np.empty((0, 0))

    def _cost(self, f: FloatArray, b: FloatArray, variance: float, scale: FloatArray) -> tuple[float, FloatArray]:
        r = self.z - self.A[:, : self.n] @ np.exp(f) - self.A[:, self.n :] @ b
        return float(r @ r / variance + scale @ (self.D @ f) ** 2 + f @ self.ends @ f + 2 * self.pull @ f), r

    def fit(self, f: FloatArray, b: FloatArray, variance: float, scale: FloatArray) -> tuple[FloatArray, ...]:
        """Levenberg and Marquardt; returns f, b and the residuals."""
        P = (self.D.T * scale) @ self.D + self.ends
        damping, (cost, r) = 1e-3, self._cost(f, b, variance, scale)
        for _ in range(15):
            self._linearize(f, variance, P)
            slope = self.J.T @ r / variance
            slope[: self.n] -= P @ f + self.pull
            while True:
                step = np.linalg.solve(self.H + damping * np.diag(np.diag(self.H)), slope)
                step[: self.n] = np.clip(step[: self.n], -2, 2)
                lower, moved = self._cost(f + step[: self.n], b + step[self.n :], variance, scale)
                if lower <= cost * (1 + 1e-9) or damping > 1e6:
                    break
                damping *= 6
            f, b, r, gain, cost, damping = (
                f + step[: self.n],
                b + step[self.n :],
                moved,
                cost - lower,
                lower,
                damping / 5,
            )
            if gain < 1e-3:
                break
        self._linearize(f, variance, P)
        return f, b, r

    def _linearize(self, f: FloatArray, variance: float, P: FloatArray) -> None:
        self.J = self.A.copy()
        self.J[:, : self.n] *= np.exp(f)
        self.G = self.J.T @ self.J / variance
        self.H = self.G.copy()
        self.H[: self.n, : self.n] += P + ANCHOR * np.eye(self.n)

    def settle(self, f: FloatArray, b: FloatArray, variance: float, scale: FloatArray) -> tuple[Any, ...]:
        """Fit with the noise estimated; returns f, b, its variance and ln of the evidence."""
        for _ in range(4):
            f, b, r = self.fit(f, b, variance, scale)
            freedom = min(np.trace(np.linalg.solve(self.H, self.G)), 0.8 * r.size)
            variance = float(r @ r / (r.size - freedom))
        f, b, r = self.fit(f, b, variance, scale)
        evidence = -(self._cost(f, b, variance, scale)[0] + r.size * np.log(variance)) / 2
        evidence += (np.log(scale).sum() - np.linalg.slogdet(self.H)[1]) / 2
        return f, b, variance, float(evidence)

    def local_scales(self, f: FloatArray) -> FloatArray:
        """Precision of each second difference, from the last fit."""
        spread = np.diag(self.D @ np.linalg.inv(self.H)[: self.n, : self.n] @ self.D.T)
        e = gaussian_filter1d((self.D @ f) ** 2 + spread, 2.0, mode="nearest")
        return np.asarray(1.1 / (e + 0.1 * np.exp(np.log(e).mean())))


def study(spectrum: Spectrum, f: FloatArray, b: FloatArray, lambda_: float, known: float, error: Error) -> list[float]:
    """Errors of one spectrum, in the order of `COLUMNS`; `known` is the variance of its noise."""
    own, flat = error(f), np.full(spectrum.n - 2, lambda_)

    def of(strength: float) -> tuple[Any, ...]:
        return spectrum.settle(f, b, 1.0, flat * strength)

    common = max((of(k) for k in (3.0, 1.0, 0.3, 0.1, 0.03)), key=lambda fit: float(fit[3]))
    u, c, variance, _ = spectrum.settle(*common[:3], flat)
    for _ in range(4):
        scale = spectrum.local_scales(u)
        u, c, variance, _ = spectrum.settle(u, c, variance, scale)
    fits = [spectrum.settle(u, c, variance, scale * k) for k in STRENGTHS]
    evidence = np.array([fit[3] for fit in fits])
    weight = np.exp(evidence - evidence.max())
    mean = np.average([fit[0] for fit in fits], axis=0, weights=weight)
    v, d, _ = spectrum.fit(u, c, known, scale)
    for _ in range(4):
        v, d, _ = spectrum.fit(v, d, known, spectrum.local_scales(v))
    uniform = error(common[0])
    return [own, min(own, *(error(fit[0]) for fit in fits)), error(mean), error(v), uniform, min(own, uniform)]


def rows(result: dt.DrtResult, error: Callable[[int, FloatArray], float], noise: FloatArray) -> FloatArray:
    """Errors [spectrum, column] of a campaign; `noise` in the unit of `result.noise`."""
    found = np.full((len(result), len(COLUMNS)), np.nan)
    for same, points in frequency_grids(result.frequency, result.used):
        for rule in np.unique(result.weighting[same]):
            alike = same[result.weighting[same] == rule]
            Z = np.ascontiguousarray(result.Z[np.ix_(alike, points)])
            linear = posterior._Linearized(result, alike, points, stacked_weights(str(rule), Z, alike, points))
            n = result.tau.size
            for k, i in enumerate(alike):
                A, z = linear._kernel * linear._scale[k, :, None], stack_parts(Z[k : k + 1])[0] * linear._scale[k]
                b = np.linalg.lstsq(A[:, n:], z - A[:, :n] @ result.gamma[i], rcond=None)[0]

                def own(f: FloatArray, i: int = int(i)) -> float:
                    return error(i, between_nodes(result.tau, np.exp(f)[None], TAU)[0])

                one = Spectrum(A, z, n, linear._h)
                known = float((noise[i] / result.noise[i]) ** 2)
                found[i] = study(one, np.log(result.gamma[i]), b, float(result.lambda_[i]), known, own)
    return found


def main(seed: int, count: int) -> None:
    """Print both tables."""
    accuracy.COUNT = count
    print(f"| family | {' | '.join(COLUMNS)} |\n|---|{'---|' * len(COLUMNS)}")
    everything = []
    for name, (samples, campaign) in accuracy.draw(seed).items():
        result = dt.fit_drt(campaign, method="log")
        noise = np.array([s.noise for s in samples])
        everything.append(rows(result, lambda i, gamma, s=samples: s[i].error(gamma), noise))  # type: ignore[misc]
        print(f"| {name} | {' | '.join(f'{e:.3f}' for e in mean_of(everything[-1]))} |", flush=True)
    print(f"| all | {' | '.join(f'{e:.3f}' for e in mean_of(np.concatenate(everything)))} |\n")
    print(f"| circuit | noise | {' | '.join(COLUMNS)} |\n|---|---|{'---|' * len(COLUMNS)}")
    for name, circuit in benchmark_cases().items():
        truth = circuit.cell_average(cell_edges(TAU))
        for k, level in enumerate(accuracy.LEVELS):
            Z = add_noise(np.tile(circuit.impedance(FREQUENCY), (10, 1)), level, seed=seed + k)
            result = dt.fit_drt(dt.Campaign.from_arrays(FREQUENCY, Z), method="log")
            errors = rows(
                result,
                lambda _, gamma, t=truth: float(np.linalg.norm(gamma - t) / np.linalg.norm(t)),  # type: ignore[misc]
                np.full(10, level),
            )
            median = " | ".join(f"{e:.3f}" for e in np.median(errors, axis=0))
            print(f"| {name} | {100 * level:g} % | {median} |", flush=True)


def mean_of(errors: FloatArray) -> FloatArray:
    """Geometric mean over spectra."""
    return np.asarray(np.exp(np.log(errors).mean(axis=0)))


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    main(*(numbers + [1000, 20][len(numbers) :]))
