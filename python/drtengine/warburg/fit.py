"""Warburg regions of a campaign, and diffusion coefficients from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import options
from ..campaign import Campaign
from ..errors import InvalidInput, Status
from ..points import explain, judge_points
from ..spectrum import ComplexArray, FloatArray, Spectrum
from .diffusivity import from_insertion, from_slope, from_thickness, read_known
from .layer import Layer, find_layer
from .result import NUMBERS, WarburgResult
from .windows import (
    DOUBT,
    LARGEST_DIFFERENCE_ERROR,
    LEAST_POINTS,
    MOST_DIFFERENCE,
    Line,
    Noise,
    estimate_noise,
    find_line,
    line_over,
)


def fit_warburg(
    data: Campaign | Spectrum,
    *,
    area: ArrayLike | None = None,
    u_area: ArrayLike | None = None,
    concentration: ArrayLike | None = None,
    u_concentration: ArrayLike | None = None,
    molar_volume: ArrayLike | None = None,
    u_molar_volume: ArrayLike | None = None,
    dE_dx: ArrayLike | None = None,
    u_dE_dx: ArrayLike | None = None,
    thickness: ArrayLike | None = None,
    u_thickness: ArrayLike | None = None,
    temperature: ArrayLike = 298.15,
    u_temperature: ArrayLike | None = None,
    charge_number: ArrayLike = 1,
    f_min: float | None = None,
    f_max: float | None = None,
    exclude: ArrayLike | None = None,
) -> WarburgResult:
    """Find where spectra are diffusion, and give the Warburg coefficient and D with their uncertainties.

    A Warburg region is the longest run of at least six points, over half a decade or more, where Z' and -Z''
    against omega^-1/2 (omega in rad/s) are both straight with one slope sigma, as far as the noise lets one tell;
    the fast end of it is left out of the fit, as what is just below the noise still bends the line there. Where the
    line bends into a capacitance, a layer R_W coth(u)/u, u = sqrt(i omega tau_d), is fitted. Otherwise the answer
    is that there is none, which is common.

    Parameters
    ----------
    data : Campaign or Spectrum
        A single spectrum counts as a campaign of one, but its defects raise.
    area, concentration : float or array_like, shape [spectrum], optional
        Electrode area in m2 and concentration of the diffusing species in mol/m3, for
        D = (RT/(n^2 F^2 A C sigma))^2/2, which holds for an ideal solution.
    molar_volume, dE_dx : float or array_like, shape [spectrum], optional
        Molar volume in m3/mol and slope of the equilibrium potential over the composition in V, for
        D = (V_m (dE/dx)/(n F A sigma))^2/2 of an insertion electrode.
    thickness : float or array_like, shape [spectrum], optional
        Of a layer in m, for D = L^2/tau_d, which needs no area.
    temperature : float or array_like, shape [spectrum]
        K.
    charge_number : float
        Electrons a diffusing particle.
    u_area, u_concentration, u_molar_volume, u_dE_dx, u_thickness, u_temperature : float or array_like, optional
        Standard uncertainties, in the units of what they belong to; 0 if left out. They usually dominate that of D.
    f_min, f_max : float, optional
        Points outside these limits (Hz) are left out.
    exclude : array_like, optional
        Points to leave out: frequencies in Hz, or a boolean mask of shape [spectrum, point], or [point]
        if the spectra share their frequencies.

    Returns
    -------
    WarburgResult

    Raises
    ------
    InvalidInput
        For a quantity that is no positive number, and for a single `Spectrum` that cannot be used.

    Warns
    -----
    DataWarning
        Where an area, a thickness, a concentration, ... is implausible in its unit.

    Notes
    -----
    Ho, Raistrick, Huggins, J. Electrochem. Soc. 127, 343 (1980), doi:10.1149/1.2129668;
    Franceschetti, Macdonald, J. Electroanal. Chem. 101, 307 (1979), doi:10.1016/S0022-0728(79)80042-X.

    Examples
    --------
    >>> import drtengine as dt
    >>> cell = dt.circuits.parse_circuit("R0-p(R1-W1,C1)")
    >>> frequency = np.geomspace(1e5, 1e-2, 71)
    >>> Z = cell.impedance(frequency, {"R0": 5, "R1": 47, "W1": 30, "C1": 2e-5})
    >>> result = dt.fit_warburg(dt.Spectrum(frequency, Z), area=1.13e-4, concentration=2e4)
    >>> str(result.kind[0]), f"{result.sigma[0]:.3g} ohm s^-1/2", f"{result.D[0]:.2g} m2/s"
    ('warburg', '30 ohm s^-1/2', '7.7e-18 m2/s')
    """
    campaign = Campaign.from_spectra([data]) if isinstance(data, Spectrum) else data
    if not isinstance(campaign, Campaign):
        raise InvalidInput(
            f"data must be a Campaign or a Spectrum, got {type(data).__name__}; see Campaign.from_arrays, from_spectra"
        )
    quantities = {
        "area": area, "u_area": u_area, "concentration": concentration, "u_concentration": u_concentration,
        "molar_volume": molar_volume, "u_molar_volume": u_molar_volume, "dE_dx": dE_dx, "u_dE_dx": u_dE_dx,
        "thickness": thickness, "u_thickness": u_thickness, "temperature": temperature,
        "u_temperature": u_temperature, "charge_number": charge_number,
    }  # fmt: skip
    known = read_known(len(campaign), quantities)
    f_min, f_max = options.check_limits(f_min, f_max)
    used, status, notes = judge_points(campaign, f_min, f_max, exclude, "modulus")
    few = used.sum(axis=1) < LEAST_POINTS
    status[few & (status == Status.OK)] = Status.TOO_FEW_POINTS

    count = len(campaign)
    names = (*NUMBERS, *(f"u_{name}" for name in NUMBERS))
    arrays: dict[str, Any] = {name: np.full(count, np.nan) for name in names}
    arrays |= {name: np.full(count, np.nan) for name in ("noise", "offset", "slope_difference", "u_slope_difference")}
    arrays["window"] = np.full((count, 2), np.nan)
    arrays["fitted"] = np.zeros(campaign.Z.shape, dtype=bool)
    arrays["kind"] = np.full(count, "none", dtype="<U12")
    reasons = [""] * count
    for i in np.flatnonzero(status == Status.OK):
        points = np.flatnonzero(used[i])
        points = points[np.argsort(-campaign.frequency[i, points], kind="stable")]
        x = 1 / np.sqrt(2 * np.pi * campaign.frequency[i, points])
        Z = campaign.Z[i, points]
        noise = estimate_noise(x, Z)
        arrays["noise"][i] = noise.overall
        found = _judge(x, Z, noise)
        if found is None:
            reasons[i] = _reason(x, Z, noise)
            continue
        _fill(arrays, int(i), found)
        within = points[found.first : found.stop if isinstance(found, Line) else None]
        arrays["fitted"][i, within] = True
        arrays["window"][i] = campaign.frequency[i, within].min(), campaign.frequency[i, within].max()
    for name, answer in {
        "D": from_slope(arrays["sigma"], arrays["u_sigma"], known),
        "D_insertion": from_insertion(arrays["sigma"], arrays["u_sigma"], known),
        "D_thickness": from_thickness(arrays["tau_d"], arrays["u_tau_d"], known),
    }.items():
        if answer is not None:
            arrays[name], arrays[f"u_{name}"] = answer

    for i in np.flatnonzero(status != Status.OK):
        reasons[i] = _explain(campaign, int(i), Status(status[i]), used)
    if isinstance(data, Spectrum) and status[0] != Status.OK:
        raise InvalidInput(reasons[0])
    unusual = [reasons[i] for i in np.flatnonzero(status != Status.OK)]
    return WarburgResult(
        reason=reasons,
        **arrays,
        status=status,
        campaign=campaign,
        used=used,
        options={
            **{name: None if value is None else np.asarray(value).tolist() for name, value in quantities.items()},
            "f_min": f_min,
            "f_max": f_max,
            "exclude": None if exclude is None else "points",
        },
        notes=(*campaign.notes, *notes, *unusual),
    )


def _judge(x: FloatArray, Z: ComplexArray, noise: Noise) -> Line | Layer | None:
    """Choose the line, or the layer where that explains more points."""
    line = find_line(x, Z, noise)
    layer = find_layer(x, Z, noise)
    if layer is not None and (line is None or layer[1] > len(line)):
        return layer[0]
    return line


def _fill(arrays: Mapping[str, Any], i: int, found: Line | Layer) -> None:
    arrays["sigma"][i], arrays["u_sigma"][i] = found.sigma, found.u_sigma
    arrays["intercept"][i], arrays["u_intercept"][i] = found.a, found.u_a
    arrays["offset"][i] = found.b
    arrays["slope_difference"][i], arrays["u_slope_difference"][i] = found.difference, found.u_difference
    arrays["kind"][i] = "warburg"
    if isinstance(found, Layer):
        arrays["kind"][i] = "finite-space"
        arrays["R_W"][i], arrays["u_R_W"][i] = found.R, found.u_R
        arrays["tau_d"][i], arrays["u_tau_d"][i] = found.tau, found.u_tau


def _reason(x: FloatArray, Z: ComplexArray, noise: Noise) -> str:
    """Say what speaks against a line through the slowest points."""
    first = min(int(np.searchsorted(x, x[-1] / 10**0.25, side="right")) - 1, x.size - LEAST_POINTS)
    line = line_over(x, Z, noise, max(first, 0), x.size)
    rises = 1 + 0.5 * line.difference, 1 - 0.5 * line.difference
    if line.sigma <= 0 or min(rises) <= 0:
        part = "Z'" if line.sigma <= 0 or rises[0] <= 0 else "-Z''"
        return f"{part} does not rise towards the lowest frequencies"
    if abs(line.difference) > max(MOST_DIFFERENCE, DOUBT * line.u_difference):
        steeper, other = ("Z'", "-Z''") if line.difference > 0 else ("-Z''", "Z'")
        return (
            f"towards the lowest frequencies {steeper} rises {max(rises) / min(rises):.2g} times as steeply as {other}"
        )
    if line.u_difference > LARGEST_DIFFERENCE_ERROR:
        return f"too noisy: the slopes of Z' and -Z'' are known to {line.u_difference:.0%} only"
    return "no run of points that is long enough is straight in both parts with equal slopes"


def _explain(campaign: Campaign, index: int, status: Status, used: np.ndarray[Any, np.dtype[np.bool_]]) -> str:
    if status == Status.TOO_FEW_POINTS:
        return f"{campaign.label(index)}: {used[index].sum()} usable point(s), at least {LEAST_POINTS} are needed"
    return explain(campaign, index, status, used)
