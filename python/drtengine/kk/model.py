"""The fit that is reported, where something else is asked for than the one the verdict rests on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import options
from .._native import core
from ..errors import InvalidInput
from ..options import PARTS
from ..spectrum import ComplexArray, FloatArray, IntArray
from .criteria import CRITERIA, choose
from .linear import N_FREE, Elements, Fit, Grid, complex_pairs, fit, mu_of, relaxation_times
from .structure import DENSITY, EXTENSION

RULES = ("density", "mu", *CRITERIA)


@dataclass(frozen=True)
class KkModel:
    """Which model to fit; see `check_kk`."""

    n_rc: int | str = "density"
    part: str = "both"
    inductance: bool = True
    capacitance: bool = True
    mu_stop: float = 0.85
    most_rc: int = 50
    density: float | None = None
    extension: float | None = None

    def __post_init__(self) -> None:
        if isinstance(self.n_rc, str):
            options.check_choice("n_rc", self.n_rc, RULES)
        else:
            _check_count("n_rc", self.n_rc)
        options.check_choice("part", self.part, PARTS)
        options.check_flag("inductance", self.inductance)
        options.check_flag("capacitance", self.capacitance)
        _check_count("most_rc", self.most_rc)
        if not options.check_positive("mu_stop", self.mu_stop) < 1:
            raise InvalidInput(f"mu_stop must lie between 0 and 1, got {self.mu_stop!r}")
        if self.density is not None:
            options.check_positive("density", self.density)
            if self.n_rc != "density":
                raise InvalidInput(f"density has no meaning with n_rc={self.n_rc!r}; leave one of them out")
        if self.extension is not None and not (np.isfinite(self.extension) and abs(self.extension) <= 2):
            raise InvalidInput(f"extension must lie between -2 and 2 decades, got {self.extension!r}")

    @property
    def is_default(self) -> bool:
        """Whether this is the model on which the verdict rests."""
        return self == KkModel(mu_stop=self.mu_stop, most_rc=self.most_rc)

    def fit(self, grid: Grid, *, admittance: bool) -> tuple[ComplexArray, FloatArray, IntArray]:
        """Fit it to the spectra of a grid.

        Returns
        -------
        residual : ndarray, shape [spectrum, point]
            (Z - Z_fit)/abs(Z).
        mu : ndarray, shape [spectrum]
        n_rc : ndarray, shape [spectrum]

        Raises
        ------
        InvalidInput
            If there are more unknowns than data.
        """
        elements = Elements(admittance, self.inductance, self.capacitance, self.part)
        most = (2 if self.part == "both" else 1) * grid.frequency.size - N_FREE
        default = EXTENSION if self.n_rc == "density" else 0.0
        extension = default if self.extension is None else self.extension
        if self.n_rc == "mu":
            return self._fit_by_mu(grid, elements, extension, min(self.most_rc, most))
        if self.n_rc in CRITERIA:
            return self._fit_by_criterion(grid, elements, extension, min(self.most_rc, most))
        if self.n_rc == "density":
            tau = relaxation_times(grid.frequency, self.density or DENSITY, extension)
        else:
            tau = np.geomspace(*tau_range(grid, extension), int(self.n_rc))
        if tau.size > most:
            raise InvalidInput(
                f"{tau.size} relaxations are too many for {grid.frequency.size} points; at most {most} can be fitted"
            )
        found: Fit = fit(grid, tau, elements)
        count = np.full(len(grid.Z), tau.size)
        return found.residual_of(grid.Z), mu_of(found.elements[:, N_FREE:]), count

    def _fit_by_mu(
        self, grid: Grid, elements: Elements, extension: float, most: int
    ) -> tuple[ComplexArray, FloatArray, IntArray]:
        mu, _, _, residual, _ = core.scan_lin_kk(
            grid.problem(elements), *tau_range(grid, extension), most, self.mu_stop, False
        )
        count = np.isfinite(mu).sum(axis=1)
        last = np.take_along_axis(mu, np.maximum(count - 1, 0)[:, None], axis=1)[:, 0]
        nothing = np.empty(0)
        found = Fit(nothing, elements, nothing, complex_pairs(residual), nothing, nothing, nothing > 0)
        return found.residual_of(grid.Z), last, count

    def _fit_by_criterion(
        self, grid: Grid, elements: Elements, extension: float, most: int
    ) -> tuple[ComplexArray, FloatArray, IntArray]:
        count = choose(grid, elements, tau_range(grid, extension), most, str(self.n_rc), self.mu_stop)
        residual, mu = np.empty(grid.Z.shape, complex), np.empty(len(grid.Z))
        for number in np.unique(count):
            rows = np.flatnonzero(count == number)
            tau = np.geomspace(*tau_range(grid, extension), number)
            found = fit(grid.take(rows), tau, elements)
            residual[rows], mu[rows] = found.residual_of(grid.Z[rows]), mu_of(found.elements[:, N_FREE:])
        return residual, mu, count


def tau_range(grid: Grid, extension: float) -> tuple[float, float]:
    """Shortest and longest relaxation time in s."""
    reach = 10.0**extension
    return 1 / (2 * np.pi * grid.frequency[0]) / reach, 1 / (2 * np.pi * grid.frequency[-1]) * reach


def _check_count(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 1 <= value <= 1000:
        raise InvalidInput(f"{name} must be a whole number from 1 to 1000, got {value!r}")
