"""Draws of gamma: the band of `band_kind="sampled"`, its diagnostics and the draws themselves."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from ._native import core
from .campaign import Campaign
from .errors import Status
from .spectrum import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from ._core import Draws, Problem, SamplingOptions

DEFAULT_SAMPLES = 3000
"""Draws that a band rests on where none are kept."""

FEWEST_SAMPLES, MOST_SAMPLES = 100, 200_000

ENOUGH_DRAWS, MIXED = 400.0, 1.01
"""Effective draws at the slowest node below which, and R-hat above which, a spectrum is noted (`chains.hpp`)."""

_DIVERGENT = 0.01

_MEANING = {
    "ess": "effective number of draws, slowest node",
    "ess_median": "effective number of draws, median over the nodes",
    "r_hat": "largest split R-hat over the nodes",
    "acceptance": "mean probability of acceptance",
    "divergences": "trajectories whose energy went astray",
}
_INTERVALS = tuple(f"{name}_{end}" for name in ("R_inf", "R_pol", "R_pol_window") for end in ("low", "high"))


@dataclass(frozen=True, eq=False)
class Sampling:
    """How well the chains of each spectrum mixed, and the intervals of its resistances.

    Attributes
    ----------
    ess, ess_median : ndarray, shape [spectrum]
        Effective number of draws of gamma at the slowest node, and their median over the nodes.
    r_hat : ndarray, shape [spectrum]
        Split R-hat over eight chains, the largest of all nodes; above 1.01 they have not mixed.
    acceptance : ndarray, shape [spectrum]
        Mean probability of acceptance; 1 for method "ridge", whose moves are exact.
    divergences : ndarray of int, shape [spectrum]
        Trajectories whose energy went astray; for method "ridge" moves given up.
    R_inf_low, R_inf_high, R_pol_low, R_pol_high, R_pol_window_low, R_pol_window_high : ndarray, shape [spectrum]
        Ends of the central interval whose probability is that of the band; ohm.
    R_inf : ndarray, shape [spectrum, draw], or None
        Draws of R_inf, which go with those of gamma, where draws are kept; ohm.
    """

    ess: FloatArray
    ess_median: FloatArray
    r_hat: FloatArray
    acceptance: FloatArray
    divergences: IntArray
    R_inf_low: FloatArray
    R_inf_high: FloatArray
    R_pol_low: FloatArray
    R_pol_high: FloatArray
    R_pol_window_low: FloatArray
    R_pol_window_high: FloatArray
    R_inf: FloatArray | None = None

    def __post_init__(self) -> None:
        for part in fields(self):
            if getattr(self, part.name) is not None:
                getattr(self, part.name).flags.writeable = False

    def variables(self, unit: str) -> dict[str, Any]:
        """Give its arrays as xarray takes them, each with the prefix "sampling_"."""
        variables: dict[str, Any] = {
            f"sampling_{name}": ("spectrum", getattr(self, name), {"units": "1", "long_name": meaning})
            for name, meaning in _MEANING.items()
        }
        for name in _INTERVALS:
            value, end = name.rsplit("_", 1)
            attributes = {"units": unit, "long_name": f"{'lower' if end == 'low' else 'upper'} end of {value}"}
            variables[f"sampling_{name}"] = ("spectrum", getattr(self, name), attributes)
        if self.R_inf is not None:
            attributes = {"units": unit, "long_name": "draws of R_inf"}
            variables["sampling_R_inf"] = (("spectrum", "draw"), self.R_inf, attributes)
        return variables


SAMPLING_VARIABLES = tuple(f"sampling_{part.name}" for part in fields(Sampling))
"""Names of its variables in a dataset."""


def sampling_of(arrays: dict[str, Any]) -> Sampling | None:
    """Put a `Sampling` together from the variables of a dataset, or from what `add_sampling_arrays` made."""
    own = {name.removeprefix("sampling_"): arrays[name] for name in SAMPLING_VARIABLES if name in arrays}
    return Sampling(**own) if own else None


def add_sampling_arrays(arrays: dict[str, Any], n_spectra: int, n_tau: int, samples: int | None) -> None:
    """Add NaN for all that a sampler may turn out not to have."""
    for name in (*_MEANING, *_INTERVALS):
        arrays[f"sampling_{name}"] = np.full(n_spectra, np.nan)
    arrays["sampling_divergences"] = np.zeros(n_spectra, dtype=np.int64)
    if samples is not None:
        arrays["sampling_R_inf"] = np.full((n_spectra, samples), np.nan)
        arrays["samples"] = np.full((n_spectra, samples, n_tau), np.nan)


def sampling_options(level: float, samples: int | None, seed: int) -> SamplingOptions:
    """Say to the core what is wanted."""
    return {
        "draws": DEFAULT_SAMPLES if samples is None else samples,
        "lower": (1 - level) / 2,
        "upper": (1 + level) / 2,
        "keep": samples is not None,
        "seed": seed,
    }


def sample_smooth(problem: Problem, functionals: FloatArray, options: SamplingOptions) -> Draws:
    """Draw ln(gamma) with smoothing and noise integrated out; the model is that of cpp's log_sampling.hpp."""
    return core.sample_log(problem, np.ascontiguousarray(functionals), np.empty(0), options)


def put_draws(arrays: dict[str, Any], rows: IntArray, draws: Draws, known: BoolArray, *, has_R_inf: bool) -> None:
    """Put what was drawn for the spectra `rows`, of which those `known` have an answer, in its places.

    The quantities of `draws` are gamma at the nodes, R_pol, R_pol_window and, where the part has one, R_inf.
    """
    n = arrays["gamma"].shape[1]
    fine = known & (draws["status"] == Status.OK)
    at = rows[fine]
    arrays["gamma_low"][at], arrays["gamma_high"][at] = draws["low"][fine, :n], draws["high"][fine, :n]
    names = ("R_pol", "R_pol_window", *(("R_inf",) if has_R_inf else ()))
    for column, name in enumerate(names, start=n):
        arrays[f"u_{name}"][at] = draws["deviation"][fine, column]
        arrays[f"sampling_{name}_low"][at] = draws["low"][fine, column]
        arrays[f"sampling_{name}_high"][at] = draws["high"][fine, column]
    for name, own in (("ess", "ess_least"), ("ess_median", "ess_median"), ("r_hat", "r_hat")):
        arrays[f"sampling_{name}"][at] = draws[own][fine]  # type: ignore[literal-required]
    arrays["sampling_acceptance"][at] = draws["acceptance"][fine]
    arrays["sampling_divergences"][at] = draws["divergences"][fine]
    if "samples" not in arrays:
        return
    curves = draws["curves"].reshape(rows.size, -1, n)
    if rows.size == len(arrays["samples"]) and fine.all():
        arrays["samples"] = curves
    else:
        arrays["samples"][at] = curves[fine]
    if has_R_inf:
        arrays["sampling_R_inf"][at] = draws["numbers"].reshape(rows.size, curves.shape[1], -1)[fine, :, 2]


def sampling_notes(arrays: dict[str, Any], campaign: Campaign, n_draws: int) -> list[str]:
    """Tell which spectra have no draws, and whose draws should not be trusted."""
    if "sampling_ess" not in arrays:
        return []
    ess, r_hat = arrays["sampling_ess"], arrays["sampling_r_hat"]
    answered = np.isfinite(arrays["gamma"][:, 0])
    lost = answered & ~np.isfinite(arrays["gamma_low"][:, 0])
    unmixed = answered & ~lost & ~((ess >= ENOUGH_DRAWS) & (r_hat <= MIXED))
    astray = answered & (arrays["sampling_divergences"] > _DIVERGENT * n_draws)
    words = (
        (lost, "the sampler found no start from which to draw: no band"),
        (unmixed, f"fewer than {ENOUGH_DRAWS:g} effective draws, or R-hat above {MIXED}: ask for more samples"),
        (astray, f"more than {_DIVERGENT:.0%} of the trajectories diverged: the tails of gamma are not to be trusted"),
    )
    notes = []
    for which, what in words:
        if which.any():
            first, count = campaign.label(int(np.flatnonzero(which)[0])), int(which.sum())
            others = f" and {count - 1} more spectra" if count > 1 else ""
            notes.append(f"{first}{others}: {what}; see sampling")
    return notes
