"""Change the C++ core by hand-picked slips, one at a time, and see whether its own tests notice.

``python scripts/core_mutants.py`` tries all of `MUTANTS`, ``... qp kernel`` those of these sources. Needs cmake,
ninja, doctest and a copy of the sources, which it makes below ``build/mutants``: one source file is compiled anew for
each mutant, and of the tests only those run that concern it. Ends with 1 if any survived that is not known to.
"""

from __future__ import annotations

import argparse
import os
import shutil
import site
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SLOWEST = 120
"""Seconds after which tests count as hanging, which is noticed as well."""


@dataclass(frozen=True)
class Mutant:
    """`before` stands once in the source and becomes `after`."""

    source: str
    before: str
    after: str
    tests: str
    why_it_survives: str = ""


MUTANTS = [
    # non-negative solutions
    Mutant("qp", "entry[i * kVecWidth] = 1;", "entry[i * kVecWidth] = 2;", "qp,selection"),
    Mutant("qp", "x[i] / -change", "x[i] / change", "qp"),
    Mutant("qp", "next += !leaves;", "next += leaves;", "qp"),
    Mutant(
        "qp",
        "-y[i] / Q[i * (stride_ + 1)]",
        "y[i] / Q[i * (stride_ + 1)]",
        "qp",
        "one offender at a time is the last resort against circles: the wrong one costs rounds, not the answer",
    ),
    Mutant(
        "qp",
        "!member || i >= n_constrained_",
        "!member",
        "qp,selection",
        "no free unknown is ever among the zeros",
    ),
    Mutant("ridge", "cwiseProduct(job_.design.scale.tail", "cwiseQuotient(job_.design.scale.tail", "ridge"),
    Mutant("ridge", "lambda[s], s);", "-lambda[s], s);", "ridge", "the order of pools does not change what is in them"),
    # what the spectra are described by
    Mutant("penalty", "1 - a2 : 3 - 6 * a2", "1 + a2 : 3 - 6 * a2", "penalty"),
    Mutant("penalty", "(8 - 6 * a2)", "(8 - 5 * a2)", "penalty"),
    Mutant("penalty", "{{{5. / 2, 5. / 2, 1, 1. / 6,", "{{{5. / 2, 5. / 2, 1, 1. / 7,", "penalty"),
    Mutant("penalty", "2 * order - 1", "2 * order + 1", "penalty"),
    Mutant("penalty", "-(1 / left + 1 / right) / cell", "-(1 / left + 1 / left) / cell", "penalty"),
    Mutant(
        "penalty",
        "order == 1 ? std::copysign(value, -u)",
        "order == 1 ? std::copysign(value, u)",
        "penalty",
        "both factors change sign and their product does not",
    ),
    Mutant("kernel", "j == 0 ? h / 2 : h", "j == 0 ? h : h", "kernel"),
    Mutant("kernel", "with_cosh2 + 2 * inverse2", "with_cosh2 + inverse2", "kernel"),
    Mutant("kernel", "-a * result.real(k, m)", "-a * a * result.real(k, m)", "kernel"),
    Mutant("kernel", "std::max<Index>(m - 1, 0)", "m", "kernel"),
    Mutant("basis", "(k + 1) * q.coefficient[k + 1] : 0", "k * q.coefficient[k + 1] : 0", "basis"),
    Mutant("basis", "coefficient * 2 * shape_half_width", "coefficient * shape_half_width", "basis"),
    Mutant("design", "design.scale[column] = smallest;", "design.scale[column] = 1 / smallest;", "design,ridge"),
    Mutant("design", "out[r] *= count / sum;", "out[r] *= sum / count;", "design,ridge"),
    # choosing lambda
    Mutant(
        "pencil",
        "lambda / lambda_0 * (1 - sigma.array())",
        "lambda / lambda_0 * (1 + sigma.array())",
        "pencil,selection",
    ),
    Mutant("criteria", "1 - rho * f.sum() / n", "1 - rho * f.sum() / (n + 1)", "selection"),
    Mutant("criteria", "n < 50 ? 1.3 : 2", "n < 50 ? 1.4 : 2", "selection"),
    Mutant(
        "criteria",
        "3 * f - 1",
        "3 * f + 1",
        "selection",
        "the second derivative of the residual cancels in the curvature of the L-curve",
    ),
    Mutant("criteria", "(xi + (1 - xi) * f.squaredNorm() / n)", "(xi + (1 - xi) * f.sum() / n)", "selection"),
    Mutant(
        "evidence",
        "static_cast<double>(a.size()) * std::log(factor.lambda)",
        "0 * static_cast<double>(a.size())",
        "selection",
    ),
    Mutant(
        "evidence",
        "- static_cast<double>(n_positive) * std::log",
        "+ static_cast<double>(n_positive) * std::log",
        "selection",
    ),
    Mutant("evidence", "gain += zeros_.values", "gain -= zeros_.values", "selection"),
    Mutant("folds", "test -= fold.left_out", "test += fold.left_out", "selection"),
    Mutant("selection", "lattice[best - 1]", "lattice[best]", "selection"),
    # Lin-KK
    Mutant("kk_lanes", "x * share : -x * share", "x * share : x * share", "kramers_kronig"),
    Mutant("kk_lanes", "get(moments_, k - m)) * 0.5", "get(moments_, k - m)) * 0.25", "kramers_kronig"),
    Mutant("kk_lanes", "- along * b - turn * a", "- along * b + turn * a", "kramers_kronig"),
    Mutant("kk_lanes", "step < 2; ++step) {  // the second refines", "step < 1; ++step) {  //", "kramers_kronig"),
    Mutant("kk_lanes", "(ta * bb - tb * ab)", "(ta * bb + tb * ab)", "kramers_kronig"),
    Mutant("kramers_kronig", "1 - negative / positive", "1 + negative / positive", "kramers_kronig"),
    Mutant("kramers_kronig", "static_cast<double>(count - 1)", "static_cast<double>(count)", "kramers_kronig"),
    # sums of elements by Levenberg and Marquardt
    Mutant(
        "element_fit",
        "value <= bounds.low && downhill < 0",
        "value <= bounds.low && downhill > 0",
        "elements,element_fit",
    ),
    Mutant("element_fit", "used_rows_ - static_cast<Index>(fit.inner.count())", "used_rows_", "elements,element_fit"),
    Mutant("element_fit", "-0.5 * m * std::log(fit.sigma2)", "-0.4 * m * std::log(fit.sigma2)", "element_fit"),
    Mutant(
        "element_model",
        "rc_re * log_omega_tau - rc_im * kHalfPi",
        "rc_re * log_omega_tau + rc_im * kHalfPi",
        "elements,element_fit",
    ),
    Mutant("element_model", "-w_re * a * rc_re", "-w_re * rc_re", "elements,element_fit"),
    Mutant("elements", "fit.rss / best.rss - 1) / rise) - 1", "fit.rss / best.rss - 1) / rise) - 1.05", "element_fit"),
    Mutant(
        "element_curve",
        "theta(log_x_low) - theta(log_x_high)",
        "theta(log_x_low) + theta(log_x_high)",
        "elements,element_fit",
    ),
    # gamma as exp(u)
    Mutant("log_lanes", "add(j + 1, j, -2 * s);", "add(j + 1, j, 2 * s);", "log_smooth,log_sampling"),
    Mutant("log_lanes", "push(j + 1, 2 * pull);", "push(j + 1, pull);", "log_smooth"),
    Mutant(
        "log_lanes",
        "x * x * (x * x - 1) / 12",
        "x * x * (x * x + 1) / 12",
        "log_smooth",
        "the same for all models of a spectrum, and 2/n^2 of a unit of ln evidence",
    ),
    Mutant("log_lanes", "- 4 * b(1, j + 1) + 2 * b(2, j)", "- 4 * b(1, j + 1)", "log_smooth"),
    Mutant("log_smooth", "theta.head(n).array() + log_size", "theta.head(n).array()", "log_smooth"),
    Mutant("log_smooth", "static_cast<double>(n_free) - local.rows", "local.rows", "log_smooth"),
    Mutant(
        "log_band",
        "u + correction",
        "u - correction",
        "log_smooth",
        "not by the C++ tests, but by the coverage of bands in tests/test_bands.py",
    ),
    Mutant("log_band", "deviation[count] * design_.scale[n]", "2 * deviation[count]", "log_smooth"),
    Mutant("log_band", "(-b * x.array()).exp()", "(b * x.array()).exp()", "log_smooth"),
    Mutant("log_posterior", "gradient[at(j + 1, c)] -= 2 * pull;", "gradient[at(j + 1, c)] -= pull;", "log_sampling"),
    Mutant("truncated", "2 * std::min(v_[wall], 0.0)", "1 * std::min(v_[wall], 0.0)", "truncated,ridge_sampling"),
    Mutant("chains", "static_cast<double>(values.size() - 1)", "static_cast<double>(values.size())", "chains"),
    # along a series
    Mutant("series_prior", "1 / (tie[i] + in_a_row", "1 / (2 * tie[i] + in_a_row", "series_prior,joint"),
    Mutant("chain", "= -pivot[r * kTile + c]", "= pivot[r * kTile + c]", "chain"),
]


def build(sources: Path, folder: Path) -> None:
    """Configure and build the C++ tests of a copy of the sources."""
    cmake = ["cmake", "-G", "Ninja", "-S", str(sources), "-B", str(folder), "-DCMAKE_BUILD_TYPE=Release"]
    cmake += ["-DCMAKE_CXX_FLAGS_RELEASE=-O1", "-DDRTENGINE_PYTHON=OFF", "-DDRTENGINE_TESTS=ON"]
    cmake += ["-DDRTENGINE_ISA=baseline", f"-DCMAKE_PREFIX_PATH={site.getsitepackages()[0]}"]
    subprocess.run(cmake, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", str(folder)], check=True, stdout=subprocess.DEVNULL)


def notices(folder: Path, tests: str) -> str:
    """Build and run the tests that concern a source; say how the change was noticed, or nothing."""
    if subprocess.run(["ninja", "-C", str(folder)], check=False, capture_output=True).returncode:
        return "does not compile"
    wanted = ",".join(f"*test_{test}.cpp" for test in tests.split(","))
    command = [str(folder / "tests_baseline"), f"--source-file={wanted}", "--abort-after=1"]
    try:
        done = subprocess.run(command, check=False, capture_output=True, timeout=SLOWEST)
    except subprocess.TimeoutExpired:
        return "hung"
    return "" if done.returncode == 0 else "killed" if done.returncode > 0 else f"signal {-done.returncode}"


def main() -> int:
    """Try the mutants asked for and print what became of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", nargs="*", metavar="SOURCE", help="stems in cpp/src; all without")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "mutants")
    options = parser.parse_args()
    copy, folder = options.folder / "source", options.folder / "build"
    copy.mkdir(parents=True, exist_ok=True)
    shutil.copy2(ROOT / "CMakeLists.txt", copy)
    shutil.rmtree(copy / "cpp", ignore_errors=True)
    shutil.copytree(ROOT / "cpp", copy / "cpp")  # with their times: what is built already stays so
    build(copy, folder)
    unknown = 0
    chosen = [m for m in MUTANTS if not options.sources or m.source in options.sources]
    for mutant in chosen:
        path = copy / "cpp" / "src" / f"{mutant.source}.cpp"
        original, times = path.read_text(encoding="utf-8"), path.stat()
        if original.count(mutant.before) != 1:
            print(f"OUTDATED  {mutant.source}: {mutant.before!r} stands there {original.count(mutant.before)} times")
            unknown += 1
            continue
        start = time.monotonic()
        path.write_text(original.replace(mutant.before, mutant.after), encoding="utf-8")
        how = notices(folder, mutant.tests)
        path.write_text(original, encoding="utf-8")
        os.utime(path, (times.st_atime, time.time()))
        unknown += not how and not mutant.why_it_survives
        print(
            f"{how or 'SURVIVED':9s} {mutant.source}: {mutant.before}  ->  {mutant.after} "
            f"[{time.monotonic() - start:.0f} s]{'' if how else ' ' + mutant.why_it_survives}",
            flush=True,
        )
    print(f"{len(chosen)} mutants, {unknown} of them survived without a known reason")
    return int(unknown > 0)


if __name__ == "__main__":
    sys.exit(main())
