"""Spectra for the tests of batches, importable by the processes that they start."""

from __future__ import annotations

import numpy as np

from drtengine import Campaign, LazyCampaign, Spectrum

F = np.geomspace(1e5, 1e-2, 71)
RIDGE = {"method": "ridge", "lambda_": 1e-3}


def make(start: int, stop: int) -> Campaign:
    """Two relaxations that move, with noise; each spectrum depends on its number alone."""
    number = np.arange(start, stop)
    Z = np.full((number.size, F.size), 10.0 + 0j)
    for resistance, slowest in ((50, 1e-2), (20, 1.0)):
        tau = slowest * (1 + number % 97) / 97
        Z += resistance / (1 + (2j * np.pi * F * tau[:, None]) ** 0.8)
    phase = np.outer(number + 1, np.sqrt(np.arange(2, 2 + F.size)))
    return Campaign.from_arrays(F, Z * (1 + 0.003 * (np.sin(1e3 * phase) + 1j * np.cos(1.7e3 * phase))))


def lazy(count: int) -> LazyCampaign:
    """So many of them."""
    return LazyCampaign(make, count, "two relaxations", F)


def mixed() -> Campaign:
    """Several grids, broken spectra, coordinates of every kind, names, times of points."""
    day = np.datetime64("2024-02-29T12:00:00", "ns")
    good = make(0, 23)
    spectra = []
    for i, Z in enumerate(good.Z):
        z, f = Z.copy(), F
        if i % 7 == 3:
            z[5] = np.nan
        if i % 5 == 1:
            z, f = z[8:-6], F[8:-6]
        coordinates: dict[str, object] = {"voltage": 0.1 * i, "branch": "charge" if i % 2 else "discharge"}
        if i > 11:
            coordinates |= {"when": day + np.timedelta64(i, "s"), "E/V": 1.5}
        spectra.append(Spectrum(f, z, f"s{i}", coordinates, np.arange(float(f.size)) if i == 4 else None))
    return Campaign.from_spectra(spectra)
