"""What do the kinetic analyses find where the truth is known? python bench/kinetics_truth.py

Not a benchmark of speed. Prints tables in Markdown: the files of known truth with their gates, the coverage of our
95 % intervals on noisy repeats, cells made with the figures of a published study, measurements and results of others,
and the verdicts on every measured spectrum at hand. Exits with 1 if a gate is missed. Needs the folder of shared data.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import drtengine as dt
from drtengine import simulate
from drtengine.circuits import parse_circuit
from drtengine.spectrum import BoolArray, FloatArray

FOLDER = Path(os.environ.get("DRTENGINE_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
TRUTH = FOLDER / "kinetics" / "truth"
FREQUENCY = np.geomspace(1e5, 1e-2, 71)
FARADAY, GAS, T = 96485.33212, 8.314462618, 298.15
LOWEST, HIGHEST = 0.90, 0.99
"""Between which the coverage of a 95 % interval must lie."""


@dataclass
class Table:
    """Rows printed as they come, each with its gate."""

    missed: int = 0

    def begin(self, title: str, *columns: str) -> None:
        """Start a table."""
        print(f"\n**{title}**\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}", flush=True)

    def row(self, *cells: object, kept: bool = True) -> None:
        """Print a row; one whose gate is missed ends with a word."""
        self.missed += not kept
        print(f"| {' | '.join(str(cell) for cell in cells)} |{'' if kept else ' **missed**'}", flush=True)

    def ratio(self, file: str, what: str, ours: float, truth: float, gate: float) -> None:
        """Print a value beside the truth."""
        kept = abs(ours / truth - 1) <= gate
        self.row(file, what, f"{ours:.5g}", f"{truth:.5g}", f"{ours / truth:.4f}", f"{100 * gate:g} %", kept=kept)

    def share(self, what: str, hits: BoolArray | list[bool]) -> None:
        """Print the coverage of an interval."""
        share = float(np.mean(hits))
        self.row(what, np.size(hits), f"{share:.3f}", kept=LOWEST <= share <= HIGHEST)


def truth_of(name: str) -> dict[str, Any]:
    """Read what is known of a file."""
    known: dict[str, Any] = json.loads((TRUTH / f"{name}.truth.json").read_text())
    return known


def spectrum_of(name: str) -> dt.Spectrum:
    """Read one of the exact spectra."""
    rows = np.loadtxt(TRUTH / f"exact_eis_{name}.csv", delimiter=",", skiprows=1)
    return dt.Spectrum(rows[:, 0], rows[:, 1] + 1j * rows[:, 2])


def titrations(table: Table) -> None:
    """GITT and ICI against exact and simulated diffusion."""
    exact = truth_of("exact_gitt")
    for name, key, gate in (
        ("exact_gitt_plane_ideal", "plane_thickness", 0.005),
        ("exact_gitt_plane_ohmic_ct_noise", "plane_thickness", 0.02),
        ("exact_gitt_sphere_ideal", "sphere_radius", 0.02),
    ):
        r = dt.fit_gitt(pd.read_csv(TRUTH / f"{name}.csv"), **{key: exact[name]["Lc"]})
        table.ratio(name, f"D, median of {len(r)}", float(np.median(r.D)), exact[name]["D"], gate)
    for name, gate in (("pybamm_gitt_nmc_spm_valid", 0.07), ("pybamm_gitt_si_spm_rest30min", 0.07)):
        frame, known = pd.read_csv(TRUTH / f"{name}.csv"), truth_of(name)
        r = dt.fit_gitt(frame, sphere_radius=known["particle_radius_m"])
        D = float(np.median(frame["truth_D_m2_s"]))
        span = f"{(r.D / D).min():.3f} to {(r.D / D).max():.3f}, {r.trusted.sum()} of {len(r)} without doubt"
        table.ratio(name, f"D, median of {len(r)} ({span})", float(np.median(r.D)), D, gate)
        table.ratio(name, "classical D", float(np.median(r.D_classical)), D, np.inf)
        if "rest30min" in name:
            flagged = all("rest incomplete" in flag for flag in r.flag)
            table.row(name, "flagged: rest incomplete", len(r), len(r), "-", "all", kept=flagged)
    known = truth_of("exact_ici_sphere")
    ici = dt.fit_ici(pd.read_csv(TRUTH / "exact_ici_sphere.csv"), sphere_radius=known["R_m"])
    fine = ici.trusted
    what = f"median of {fine.sum()}"
    table.ratio("exact_ici_sphere", f"D, {what}", float(np.median(ici.D[fine])), known["D_m2_s"], 0.01)
    table.ratio("exact_ici_sphere", f"R, {what}", float(np.median(ici.R[fine])), known["R_ohm"], 0.01)
    table.ratio("exact_ici_sphere", f"k, {what}", float(np.median(ici.k[fine])), known["k_expected_ohm_s05"], 0.01)


def warburg_lines(table: Table) -> None:
    """Warburg coefficients of exact spectra."""
    known = truth_of("exact_eis")
    for name in ("randles_true", "warburg_semiinf"):
        here = known[f"exact_eis_{name}"]
        table.ratio(f"exact_eis_{name}", "sigma", dt.fit_warburg(spectrum_of(name)).sigma[0], here["sigma"], 0.002)
    here = known["exact_eis_warburg_semiinf"]
    quantities = {"area": here["A_cm2"] * 1e-4, "concentration": here["C_mol_cm3"] * 1e6}
    D = dt.fit_warburg(spectrum_of("warburg_semiinf"), **quantities).D[0]
    table.ratio("exact_eis_warburg_semiinf", "D, m2/s", D, here["D_cm2_s"] * 1e-4, 0.004)
    here, layer = known["exact_eis_finite_space_tau100s"], dt.fit_warburg(spectrum_of("finite_space_tau100s"))
    for ours, true in (("sigma", "sigma_hf"), ("tau_d", "tau_d_s"), ("R_W", "R_W")):
        table.ratio("exact_eis_finite_space_tau100s", ours, getattr(layer, ours)[0], here[true], 0.002)
    tail = dt.fit_warburg(spectrum_of("cpe_tail_n044"))
    table.row("exact_eis_cpe_tail_n044", "kind", tail.kind[0], "none", "-", "refused", kept=tail.kind[0] == "none")


def voltammograms(table: Table) -> None:
    """Exponents and capacitive shares of exact currents."""
    known = truth_of("exact_cv")
    shares = np.array(
        [[row[name] for name in ("anodic", "cathodic", "both")] for row in known["capacitive_fraction"].values()]
    )
    for name, edge in (("dunn", 0.0), ("dunn", 0.02), ("dunn_noise1pct", 0.0)):
        r = dt.analyze_cv(pd.read_csv(TRUTH / f"exact_cv_{name}.csv"), edge=edge)
        off = float(np.abs(r.share - shares).max())
        sigmas = f"{np.abs((r.share - shares) / r.u_share).max():.1f} u" if "noise" in name else f"{off:.1e}"
        kept = off <= 0.002 or ("noise" in name and bool((np.abs(r.share - shares) < 3 * r.u_share).all()))
        table.row(f"exact_cv_{name}", f"share, 24 values, edge={edge}", "-", "-", f"off by {sigmas}", 0.002, kept=kept)
    for b in (0.5, 1.0):
        r = dt.analyze_cv(pd.read_csv(TRUTH / f"exact_cv_b{b:.2f}.csv"))
        table.ratio(f"exact_cv_b{b:.2f}", "b, at every potential (mean)", float(np.nanmean(r.b)), b, 0.001)
        table.ratio(f"exact_cv_b{b:.2f}", "b at the peaks (mean)", float(np.mean(r.b_peak)), b, 0.001)


def repeated(string: str, values: dict[str, float], count: int, level: float) -> dt.Campaign:
    """Noisy repeats of one circuit."""
    Z = np.tile(parse_circuit(string).impedance(FREQUENCY, values), (count, 1))
    return dt.Campaign.from_arrays(FREQUENCY, simulate.add_noise(Z, level))


def inside(low: FloatArray, high: FloatArray, truth: Any) -> list[bool]:
    """Whether intervals hold the truth, where there are intervals."""
    known = np.isfinite(low) & np.isfinite(high)
    held: list[bool] = ((low <= truth) & (truth <= high))[known].tolist()
    return held


def coverage(table: Table) -> None:
    """Coverage of the 95 % intervals."""
    shapes: dict[str, dict[str, float]] = {"sphere": {"sphere_radius": 5e-6}, "plane": {"plane_thickness": 1e-5}}
    for shape, length in shapes.items():
        held: list[bool] = []
        for seed in range(30):
            cell = simulate.gitt(D=2e-15, count=10, R_ct=10.0, noise=1e-4, seed=seed, **length)
            gitt = dt.fit_gitt(cell.frame, **length)
            held += inside(gitt.D_low, gitt.D_high, 2e-15)
        table.share(f"GITT, {shape}, 0.1 mV", held)
    for shape, length in shapes.items():
        held = []
        for seed in range(12):
            cell = simulate.ici(D=1e-14, count=40, noise=2e-5, seed=seed, **length)
            ici = dt.fit_ici(cell.frame, **length)
            held += inside(ici.D_low[ici.trusted], ici.D_high[ici.trusted], 1e-14)
        table.share(f"ICI, {shape}, 0.02 mV", held)
    values = {"R0": 5.0, "R1": 47.3, "W1": 30.0, "C1": 2e-5}
    for level in (0.001, 0.003, 0.01):
        campaign = repeated("R0-p(R1-W1,C1)", values, 200, level)
        table.share(f"sigma, noise {100 * level:g} %", inside(*dt.fit_warburg(campaign).interval("sigma"), 30.0))
        fit = dt.fit_circuit(campaign, "R0-p(R1-W1,C1)")
        for name, value in values.items():
            k = fit.circuit.index(name)
            table.share(
                f"circuit, {name}, noise {100 * level:g} %",
                inside(fit.values_low[:, k], fit.values_high[:, k], value),
            )
    layer = {"R0": 5.0, "R1": 47.3, "C1": 2e-5, "Wo1_R": 100.0, "Wo1_tau": 20.0}
    found = dt.fit_warburg(repeated("R0-p(R1-Wo1,C1)", layer, 200, 0.003))
    for name, value in (("sigma", 100 / np.sqrt(40)), ("tau_d", 20.0), ("R_W", 100.0)):
        table.share(f"finite space, {name}, noise 0.3 %", inside(*found.interval(name), value))
    rates = np.array([0.1, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]) * 1e-3

    def k1(E: Any) -> Any:
        return 0.3 + 0.5 * np.exp(-(((E - 0.5) / 0.12) ** 2))

    def k2(E: Any) -> Any:
        return 0.005 + 0.02 * np.exp(-(((E - 0.5) / 0.12) ** 2))

    held = []
    for seed in range(60):
        noisy = simulate.cv(rates, k1, k2, noise=0.02, seed=seed)
        cv = dt.analyze_cv(noisy.frame, edge=0, cells=100)
        held += (np.abs(cv.share - noisy.share) < 1.96 * cv.u_share).ravel().tolist()
    table.share("capacitive share, noise 2 %", held)


def study(table: Table) -> None:
    """Cells with the D and R_ct of He et al. 2025, 10.1021/acssuschemeng.4c10154, and titrations like theirs."""
    area, concentration = 1.13e-4, 2e4
    for D, R_ct in ((3.0959e-16, 114.0), (4.3389e-16, 113.0), (7.2539e-16, 47.3)):
        sigma = GAS * T / (FARADAY**2 * area * concentration * np.sqrt(2 * D * 1e-4))
        values = {"R0": 5.0, "R1": R_ct, "W1": sigma, "CPE1_Q": 3e-5, "CPE1_alpha": 0.9}
        campaign = repeated("R0-p(R1-W1,CPE1)", values, 100, 0.003)
        line = dt.fit_warburg(campaign, area=area, concentration=concentration)
        low, high = line.interval("D")
        share = np.mean(inside(low * 1e4, high * 1e4, D))
        table.ratio(f"D = {D:g} cm2/s", f"D by the line (interval holds {share:.0%})", 1e4 * np.median(line.D), D, 0.01)
        fit = dt.fit_circuit(campaign, "R0-p(R1-W1,CPE1)")
        k, w = fit.circuit.index("R1"), fit.circuit.index("W1")
        share = np.mean(inside(fit.values_low[:, k], fit.values_high[:, k], R_ct))
        table.ratio(f"D = {D:g} cm2/s", f"R_ct (interval holds {share:.0%})", float(np.median(fit["R1"])), R_ct, 0.005)
        factor = 0.5 * (GAS * T / (FARADAY**2 * area * concentration)) ** 2 * 1e4
        share = np.mean(inside(fit.values_low[:, w], fit.values_high[:, w], sigma))
        by_circuit = float(np.median(factor / fit["W1"] ** 2))
        table.ratio(f"D = {D:g} cm2/s", f"D by the circuit (interval holds {share:.0%})", by_circuit, D, 0.01)
    pulses = {"pulse": 1200.0, "rest": 1800.0, "count": 20, "step": 0.03, "R_ct": 10.0, "noise": 1e-4}
    cells: tuple[tuple[float, dict[str, float]], ...] = (
        (2.157e-17, {"sphere_radius": 1e-6}),
        (1.96e-14, {"plane_thickness": 7.425e-6}),
    )
    for D, length in cells:
        r = dt.fit_gitt(simulate.gitt(D=D, **pulses, **length).frame, **length)
        share = np.mean(inside(r.D_low, r.D_high, D))
        what = f"D, 20 min pulses, 30 min rests (interval holds {share:.0%}, {(r.flag != '').sum()} of 20 flagged)"
        table.ratio(f"{r.geometry.shape}, {r.geometry.size:g} m", what, float(np.median(r.D)), D, 0.04)


def study_voltammograms(table: Table) -> None:
    """Two peaks with b = 0.70 and 0.62, and 71 % at 0.9 mV/s: k1 and k2 from b, a flat current from the share."""
    from scipy.optimize import brentq

    rates = np.array([0.1, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]) * 1e-3
    exponents = (0.70, 0.62)

    def slope(ratio: float) -> float:
        return float(np.polyfit(np.log(rates), np.log(ratio * rates + np.sqrt(rates)), 1)[0])

    ratios = [brentq(lambda x, b=b: slope(x) - b, 0, 1e3) for b in exponents]

    def peak(E: Any, place: float, width: float) -> Any:
        return np.exp(-(((E - place) / width) ** 2))

    def make(flat: float) -> simulate.SimulatedCv:
        def surface(E: Any) -> Any:
            peaks = ratios[0] * peak(E, 0.25, 0.05) + ratios[1] * peak(E, 0.55, 0.05)
            return 1e-3 * (peaks + flat * (1 - peak(E, 0.25, 0.12) - peak(E, 0.55, 0.12)).clip(0))

        return simulate.cv(rates, surface, lambda E: 1e-3 * (peak(E, 0.25, 0.05) + peak(E, 0.55, 0.05)))

    r = dt.analyze_cv(make(brentq(lambda x: make(x).share[-1, 2] - 0.71, 0, 1e3)).frame)
    table.ratio("CV, eight rates", "share at 0.9 mV/s", r.share[-1, 2], 0.71, 0.007)
    for b, found in zip(exponents, r.b_peak[r.peak_branch == "anodic"], strict=True):
        table.ratio("CV, eight rates", "b at an anodic peak", found, b, 0.01)


def others(table: Table) -> None:
    """Titration and interruption that ampworks simulates for one cell, and the text file of ici_studio."""
    folder = FOLDER / "kinetics"
    results = {}
    for name, file, analyse in (
        ("GITT", "gitt_discharge.csv.gz", dt.fit_gitt), ("ICI", "ici_discharge.csv", dt.fit_ici),
    ):  # fmt: skip
        t = pd.read_csv(folder / "ampworks" / file)
        r = analyse(time_s=t["Seconds"], current_A=t["Amps"], voltage_V=t["Volts"], sphere_radius=1.8e-6)
        results[name] = r
        table.row(
            f"ampworks, {name}", f"{len(r)} rows, {r.trusted.sum()} without doubt", f"{np.nanmedian(r.D):.3g} m2/s"
        )
    table.row("ampworks", "GITT and ICI", str(dt.compare_diffusion(**results).differences[0]))
    t = pd.read_csv(folder / "ici_studio" / "ici_reference_a.txt", sep="\t")
    r = dt.fit_ici(time_s=t["time/s"], current_A=t["I/mA"] / 1e3, voltage_V=t["Ewe/V"])
    table.row(
        "ici_studio",
        f"{len(r)} pauses, {(r.flag == '').sum()} without doubt",
        f"R {np.median(r.R):.3g} ohm, k {np.median(r.k):.3g} ohm s^-1/2",
    )


def measured_spectra() -> dict[str, Callable[[], dt.Campaign]]:
    """All measured spectra that the readers take."""
    zhang = FOLDER / "zhang2020_25C08_45C01"
    files: dict[str, Any] = {
        f"Zhang {path.stem.removeprefix('EIS_state_')}": path for path in sorted(zhang.glob("EIS_state_*.txt"))
    }
    files["Zahner diode"] = sorted((FOLDER / "zahner_ism_diode").glob("*_mvdc.ism"))
    files["ML621"] = sorted((FOLDER / "ml621_soc").glob("*.csv"))
    files["18650 (impedance.py)"] = FOLDER / "impedancepy_formats" / "exampleData.csv"
    files["LIB (bayes_drt)"] = FOLDER / "bayes_drt_exp" / "DRTtools_LIB_data.txt"
    sets = {name: lambda path=path: dt.read(path) for name, path in files.items()}
    for path in sorted((FOLDER / "ssb_ceracharge").glob("EISdata*.csv")):
        sets[f"CeraCharge {path.stem}"] = lambda path=path: wide_table(path)
    return sets


def wide_table(path: Path) -> dt.Campaign:
    """Read a table with a column for each frequency: Re(Z)<f> and -Im(Z)<f>."""
    table = pd.read_csv(path)
    real = [name for name in table.columns if name.startswith("Re(Z)")]
    frequency = np.array([float(name.removeprefix("Re(Z)")) for name in real])
    Z = table[real].to_numpy() - 1j * table[[name.replace("Re(Z)", "-Im(Z)") for name in real]].to_numpy()
    return dt.Campaign.from_arrays(frequency, Z)


def verdicts(table: Table) -> None:
    """Whether there is a Warburg line in what was measured."""
    for name, read in measured_spectra().items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dt.errors.DataWarning)
            r = dt.fit_warburg(read())
        counts = [int((r.kind == kind).sum()) for kind in ("warburg", "finite-space", "none")]
        steeper = sum("-Z'' rises" in reason and "times" in reason for reason in r.reason)
        noisy = sum("too noisy" in reason for reason in r.reason)
        table.row(name, len(r), *counts, steeper, noisy)


def main() -> int:
    """Print all tables."""
    table = Table()
    table.begin("Files of known truth", "file", "what", "ours", "truth", "ratio", "gate")
    titrations(table)
    warburg_lines(table)
    voltammograms(table)
    table.begin("Coverage of 95 % intervals", "what", "intervals", f"coverage ({LOWEST} to {HIGHEST})")
    coverage(table)
    table.begin("A published study", "cell", "what", "ours", "truth", "ratio", "gate")
    study(table)
    study_voltammograms(table)
    table.begin("Titrations of others", "file", "what", "found")
    others(table)
    table.begin(
        "Warburg lines in measured spectra", "set", "spectra", "warburg", "finite-space", "none",
        "of these -Z'' steeper", "too noisy",
    )  # fmt: skip
    verdicts(table)
    print(f"\n{table.missed} gates missed" if table.missed else "\nall gates kept")
    return int(table.missed > 0)


if __name__ == "__main__":
    sys.exit(main())
