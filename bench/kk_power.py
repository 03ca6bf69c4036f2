"""False alarms and power of the Kramers-Kronig verdict: python bench/kk_power.py [SEEDS]

Random cells of families that nothing was tuned on, on random frequency grids, measured with noise of several
kinds and sizes, some of them changing while they are measured. How long a point takes differs from what the check
assumes. Prints tables in Markdown: the share of spectra with another verdict than "pass", and of those that fail.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

import drtengine as dt
from drtengine.spectrum import ComplexArray, FloatArray

LEVELS = (0.0005, 0.001, 0.002, 0.005)


@dataclass(frozen=True)
class Cell:
    """R + L + Havriliak-Negami charge transfer + Cole-Davidson film + diffusion, and what may be added."""

    ohmic: float
    lead: float
    transfer: tuple[float, float, float, float]  # R, C, alpha, beta
    film: tuple[float, float, float]  # R, tau, beta
    diffusion: str
    diffusion_size: tuple[float, float, float]  # R, tau, exponent
    offset: float = 0.0
    loop: tuple[float, float] | None = None  # R, tau of a relaxation of negative resistance
    blocking: float | None = None  # C

    def impedance(
        self, frequency: FloatArray, transfer: FloatArray | float = 1.0, all_of_it: FloatArray | float = 1.0
    ) -> ComplexArray:
        """Z with the charge transfer, or all resistances, multiplied by a factor for each point."""
        s = 2j * np.pi * frequency
        R, C, alpha, beta = self.transfer
        R_now = R * transfer * all_of_it
        Z = (self.ohmic + self.offset) * all_of_it + self.lead * s + R_now / (1 + (s * R_now * C) ** alpha) ** beta
        R, tau, beta = self.film
        Z = Z + R * all_of_it / (1 + s * tau) ** beta
        R, tau, exponent = self.diffusion_size
        x = (s * tau) ** exponent
        match self.diffusion:
            case "open":
                Z = Z + R * all_of_it * np.tanh(x) / x
            case "closed":
                Z = Z + R * all_of_it / (x * np.tanh(x))
            case "reaction":
                Z = Z + R * all_of_it / np.sqrt(1 + s * tau)
            case "pore":
                inner = 1 / (1 / R + (s * tau) ** (2 * exponent) / R)
                Z = Z + np.sqrt(R * inner) / np.tanh(np.sqrt(R / inner)) * all_of_it
        if self.loop is not None:
            R, tau = self.loop
            Z = Z - R / (1 + s * tau)
        if self.blocking is not None:
            Z = Z + 1 / (s * self.blocking)
        return Z


def random_cell(rng: np.random.Generator, frequency: FloatArray) -> Cell:
    """A cell with its relaxations inside the window."""
    low, high = np.log10(2 * np.pi * frequency.min()), np.log10(2 * np.pi * frequency.max())
    size = 10.0 ** rng.uniform(-2, 3)
    R = size * 10.0 ** rng.uniform(-0.5, 0.7)
    tau = 10.0 ** -rng.uniform(low + 0.35 * (high - low), high - 1)
    return Cell(
        ohmic=size * 10.0 ** rng.uniform(-0.7, 0.3),
        lead=size * 10.0 ** rng.uniform(-3, -0.5) / 10.0**high,
        transfer=(R, tau / R, rng.uniform(0.75, 1), rng.uniform(0.7, 1)),
        film=(size * 10.0 ** rng.uniform(-0.8, 0.3), 10.0 ** -rng.uniform(low + 1, high), rng.uniform(0.5, 1)),
        diffusion=str(rng.choice(["none", "open", "closed", "reaction", "pore"])),
        diffusion_size=(
            size * 10.0 ** rng.uniform(-0.5, 0.7),
            10.0 ** -rng.uniform(low - 0.5, low + 2),
            rng.uniform(0.42, 0.5),
        ),
    )


def random_grid(rng: np.random.Generator) -> FloatArray:
    """From high to low, as measured."""
    decades, density = rng.uniform(4, 7.5), rng.uniform(6, 12)
    return np.geomspace(high := 10.0 ** rng.uniform(4, 6), high / 10**decades, round(decades * density) + 1)


@dataclass
class Measurement:
    """What a scenario may change."""

    frequency: FloatArray
    time: FloatArray  # from 0 to 1
    cell: Cell
    rng: np.random.Generator

    @property
    def Z(self) -> ComplexArray:
        """Without change."""
        return self.cell.impedance(self.frequency)


def _with(m: Measurement, **changes: object) -> ComplexArray:
    return Cell(**{**vars(m.cell), **changes}).impedance(m.frequency)  # type: ignore[arg-type]


def _low_tau(m: Measurement) -> float:
    return 0.3 / (2 * np.pi * m.frequency.min())


Scenario = Callable[[Measurement], ComplexArray]
VALID: dict[str, Scenario] = {
    "unchanged": lambda m: m.Z,
    "real offset": lambda m: _with(m, offset=3 * m.cell.ohmic),
    "lead of 3 µH": lambda m: m.Z + 2j * np.pi * m.frequency * 3e-6,
    "low-frequency loop": lambda m: _with(m, loop=(0.3 * m.cell.transfer[0], _low_tau(m))),
    "blocking capacitance": lambda m: _with(m, blocking=_low_tau(m) / m.cell.transfer[0]),
    "cut at 0.1 Hz": lambda m: np.where(m.frequency >= 0.1, m.Z, np.nan),
}


def _drift(part: str, size: float) -> Scenario:
    return lambda m: m.cell.impedance(m.frequency, **{part: 1 + size * m.time})


def _step(size: float) -> Scenario:
    def step(m: Measurement) -> ComplexArray:
        below = max(1.0, float(np.quantile(m.frequency, 0.15)))
        return m.Z * np.where(m.frequency < below, 1 + size, 1)

    return step


def _bump(size: float) -> Scenario:
    return lambda m: m.Z * (1 + size * np.exp(-0.5 * (np.log10(m.frequency / 50) / 0.15) ** 2))


def _outlier(size: float) -> Scenario:
    def outlier(m: Measurement) -> ComplexArray:
        Z = m.Z.copy()
        Z[m.rng.integers(2, Z.size - 2)] *= 1 + size * np.exp(2j * np.pi * m.rng.random())
        return Z

    return outlier


INVALID: dict[str, Scenario] = {
    **{f"one R drifts {100 * x:g} %": _drift("transfer", x) for x in (0.05, 0.2, 0.5)},
    **{f"all R drift {100 * x:g} %": _drift("all_of_it", x) for x in (0.05, 0.1, 0.2)},
    **{f"gain steps {100 * x:g} % below 1 Hz": _step(x) for x in (0.01, 0.02, 0.05)},
    **{f"bump of {100 * x:g} % at 50 Hz": _bump(x) for x in (0.01, 0.03, 0.05)},
    **{f"one point off by {100 * x:g} %": _outlier(x) for x in (0.05, 0.1, 1.0)},
    "OCV drifts by 10 % of the largest |Z|": lambda m: (
        m.Z + 0.1 * np.abs(m.Z[-1]) * m.frequency.min() / m.frequency * np.exp(2j * np.pi * m.rng.random())
    ),
    "delay of 1 µs": lambda m: m.Z * np.exp(-2j * np.pi * m.frequency * 1e-6),
}


def _white(rng: np.random.Generator, Z: ComplexArray) -> ComplexArray:
    return rng.standard_normal(Z.size) + 1j * rng.standard_normal(Z.size)


def _ranges(rng: np.random.Generator, f: FloatArray) -> FloatArray:
    """Noise that is up to twice or half as large in each decade."""
    decade = np.floor(np.log10(f) + rng.random())
    factors = {d: 2.0 ** rng.uniform(-1, 1) for d in np.unique(decade)}
    return np.array([factors[d] for d in decade])


def _correlated(rng: np.random.Generator, f: FloatArray, Z: ComplexArray) -> ComplexArray:
    e = _white(rng, Z)
    for i in range(1, e.size):
        e[i] = 0.3 * e[i - 1] + np.sqrt(1 - 0.3**2) * e[i]
    return e * np.abs(Z)


def _heavy(rng: np.random.Generator, f: FloatArray, Z: ComplexArray) -> ComplexArray:
    return (rng.standard_t(3, Z.size) + 1j * rng.standard_t(3, Z.size)) / np.sqrt(3) * np.abs(Z)


Noise = Callable[[np.random.Generator, FloatArray, ComplexArray], ComplexArray]
WELL_BEHAVED: dict[str, Noise] = {
    "relative to |Z|": lambda rng, f, Z: _white(rng, Z) * np.abs(Z),
    "half relative, half constant": lambda rng, f, Z: _white(rng, Z) * (np.abs(Z) + np.nanmedian(np.abs(Z))) / 2,
}
UNRULY: dict[str, Noise] = {
    "heavy tails (Student, 3 degrees)": _heavy,
    "another size in each decade": lambda rng, f, Z: _white(rng, Z) * np.abs(Z) * _ranges(rng, f),
    "correlated (0.3) along the points": _correlated,
    "correlated, another size in each decade": lambda rng, f, Z: _correlated(rng, f, Z) * _ranges(rng, f),
    "five times as large in the lowest decade": lambda rng, f, Z: (
        _white(rng, Z) * np.abs(Z) * np.where(f < 10 * f.min(), 5, 1)
    ),
    "Im a quarter of Re": lambda rng, f, Z: (
        (rng.standard_normal(Z.size) + 0.25j * rng.standard_normal(Z.size)) * np.abs(Z)
    ),
}


def spectra(scenario: Scenario, noise: Noise, level: float, seeds: int) -> Iterator[dt.Spectrum]:
    """One spectrum a seed; the cells are the same for all scenarios and noises."""
    for seed in range(seeds):
        rng = np.random.default_rng([seed, 2026])
        f = random_grid(rng)
        time = np.cumsum(rng.uniform(0.2, 2) + rng.uniform(1, 6) / f)
        m = Measurement(f, (time - time[0]) / (time[-1] - time[0]), random_cell(rng, f), rng)
        Z = scenario(m)
        keep = np.isfinite(Z)
        Z, f = Z[keep], f[keep]
        yield dt.Spectrum(f, Z + level * noise(rng, f, Z))


def row(name: str, results: list[dt.KkResult]) -> str:
    """Share that is not "pass", and that fails, for each level of noise."""
    cells = [f"{100 * np.mean(r.verdict != 'pass'):.1f} / {100 * np.mean(r.verdict == 'fail'):.1f}" for r in results]
    return f"| {name} | " + " | ".join(cells) + " |"


def table(title: str, cases: dict[str, tuple[Scenario, Noise]], seeds: int) -> list[list[dt.KkResult]]:
    """Print one row a case."""
    print(f"\n| {title} | " + " | ".join(f"{100 * level:g} %" for level in LEVELS) + " |")
    print("|---|" + "---|" * len(LEVELS))
    everything = []
    for name, (scenario, noise) in cases.items():
        results = [
            dt.check_kk(dt.Campaign.from_spectra(list(spectra(scenario, noise, level, seeds)))) for level in LEVELS
        ]
        print(row(name, results), flush=True)
        everything.append(results)
    return everything


def bump_hits(result: dt.KkResult) -> tuple[float, float]:
    """Of spectra with a bump: how many have flagged points, and how many of these points stand in the bump."""
    flagged = result.flagged
    inside = np.abs(np.log10(result.frequency / 50)) < 0.6
    return float(flagged.any(axis=1).mean()), float(inside[flagged].mean()) if flagged.any() else np.nan


def main(seeds: int) -> None:
    """Print all tables."""
    plain = WELL_BEHAVED["relative to |Z|"]
    print(f"Share of {seeds} spectra in per cent: warn or fail / fail.")
    valid = table("valid, noise relative to abs(Z)", {n: (s, plain) for n, s in VALID.items()}, seeds)
    alarms = np.concatenate([r.verdict != "pass" for results in valid for r in results])
    print(f"\nfalse alarms, all of the above: {100 * alarms.mean():.2f} % of {alarms.size}")
    noises = {**WELL_BEHAVED, **UNRULY}
    table("valid, noise of another kind", {n: (VALID["unchanged"], noise) for n, noise in noises.items()}, seeds)
    invalid = table("invalid", {n: (s, plain) for n, s in INVALID.items()}, seeds)
    print()
    for name, results in zip(INVALID, invalid, strict=True):
        if name.startswith("bump"):
            hits = "; ".join("{:.0f} %, {:.0f} %".format(*(100 * x for x in bump_hits(r))) for r in results)
            print(f"{name}: spectra with flagged points, share of these points inside the bump: {hits}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
