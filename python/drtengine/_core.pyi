# One of the extension modules _core_baseline, _core_v3, _core_v4; the array contract stands in
# cpp/bindings/bindings.hpp.
from collections.abc import Callable
from typing import NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

class Problem(TypedDict):
    shape: int  # index into basis.SHAPES
    epsilon: float
    log_tau: Float  # [node], increasing
    omega: Float  # [frequency], rad/s
    order: int
    inductance: bool
    capacitance: bool
    part: int  # 0 both, 1 real, 2 imaginary
    Z: NDArray[np.complex128]  # [spectrum, frequency]
    weights: Float  # [0, 0] for ones, or [1 or spectrum, frequency or 2 * frequency]
    own_weights: NotRequired[bool]  # each spectrum has a row of weights, even if there is only one
    nonneg: bool
    n_threads: int
    progress: Callable[[int, int], object] | None

class LogSolution(TypedDict):
    log_gamma: Float  # [spectrum, node]
    free: Float  # [spectrum, free unknown]: R_inf, L_0, 1/C_0
    precision: Float  # [spectrum, node - 2]
    relief: Float  # [spectrum, 2 * frequency]
    # [spectrum] each:
    lambda_: Float
    noise: Float
    dof: Float
    rss: Float
    evidence: Float
    evidence_local: Float
    weighting: NDArray[np.int8]
    status: NDArray[np.int8]

class BandSolution(TypedDict):
    centre: Float  # [spectrum, node] of ln gamma
    deviation: Float
    integral: Float  # [spectrum, functional]
    u_integral: Float
    # [spectrum] each:
    u_R_inf: Float
    exponent: Float
    factor: Float
    status: NDArray[np.int8]

class SamplingOptions(TypedDict):
    draws: int
    lower: float  # probabilities of the quantiles
    upper: float
    keep: bool
    seed: int

class Draws(TypedDict):
    low: Float  # [spectrum, quantity]
    high: Float
    mean: Float
    deviation: Float
    curves: Float  # [spectrum * draw, node], or empty
    numbers: Float  # [spectrum * draw, quantity - node], or empty
    # [spectrum] each:
    ess_least: Float
    ess_median: Float
    r_hat: Float
    acceptance: Float
    divergences: NDArray[np.int32]
    status: NDArray[np.int8]

class ElementsProblem(TypedDict):
    omega: Float  # [frequency], rad/s
    Z: NDArray[np.complex128]  # [spectrum, frequency]
    weights: Float  # squared, [spectrum, frequency] or [spectrum, 2 * frequency]
    inductance: bool
    capacitance: bool
    n_threads: int
    progress: Callable[[int, int], object] | None

class KkProblem(TypedDict):
    omega: Float  # [point], rad/s
    admittance: bool
    inductance: bool
    capacitance: bool
    part: int  # 0 both, 1 real, 2 imaginary
    X: NDArray[np.complex128]  # [spectrum, point], impedance or admittance
    weights: Float  # relative to 1/|X|: [0, 0] for ones, or [spectrum, point]
    time: Float  # from 0 to 1: [1 or spectrum, point], or [0, 0] where nothing is tested
    n_threads: int
    progress: Callable[[int, int], object] | None

class JointStart(TypedDict):
    log_gamma: Float  # [spectrum, node]
    lambda_: Float  # [spectrum]
    noise: Float  # [spectrum], as in LogSolution

class JointSolution(TypedDict):
    log_gamma: Float  # [spectrum, node]
    u_log_gamma: Float
    free: Float  # [spectrum, free unknown]: R_inf, L_0, 1/C_0
    lambda_: Float  # [spectrum]
    noise: Float
    tie: Float  # [spectrum - 1]
    eta: float
    steps: int
    status: NDArray[np.int8]  # [spectrum]

isa: str
cpu_level: str

def kernel(shape: int, epsilon: float, log_tau: Float, omega: Float) -> tuple[Float, Float]: ...
def penalty(shape: int, epsilon: float, log_tau: Float, order: int) -> Float: ...
def epsilon_from_fwhm(shape: int, coefficient: float, log_tau: Float) -> float: ...
def basis_values(shape: int, epsilon: float, log_tau: Float, points: Float) -> Float: ...
def basis_integrals(shape: int, epsilon: float, log_tau: Float, lower: float, upper: float) -> Float: ...
def multiply_rows(rows: Float, matrix: Float) -> Float: ...
def solve_ridge(
    problem: Problem, lambda_: Float, outputs: Float
) -> tuple[Float, Float, Float, Float, NDArray[np.int8]]:  # coefficients, free, values, error, status
    ...
def fit_log(problem: Problem, weights: list[Float]) -> LogSolution: ...
def find_bands(
    problem: Problem, relief: Float, functionals: Float, kind: int, level: float, noise_model: bool, seed: int
) -> BandSolution: ...
def sum_deviations(
    kernel: Float, scale: Float, gamma: Float, sums: Float, precision: Float, h: float
) -> Float: ...  # [sum]
def sample_log(
    problem: Problem,
    functionals: Float,  # [node, functional]
    prior: Float,  # empty, or the six numbers of LogPrior in log_sampling.hpp
    sampling: SamplingOptions,
) -> Draws: ...
def sample_ridge(
    problem: Problem,
    lambda_: Float,
    coefficients: Float,
    free: Float,
    outputs: Float,
    n_nodes: int,
    sampling: SamplingOptions,
) -> Draws: ...
def find_elements(
    problem: ElementsProblem, log_tau: Float, gamma: Float, R_inf: Float, evidence: Float
) -> tuple[
    Float, Float, NDArray[np.int8], NDArray[np.int8], Float, Float, Float, NDArray[np.int8]
]:  # parameters, covariance, kind, count, score, rss, sigma2, status
    ...
def profile_elements(
    problem: ElementsProblem,
    parameters: Float,
    covariance: Float,
    kind: NDArray[np.int8],
    rss: Float,
    sigma2: Float,
    rise: Float,
) -> tuple[Float, Float]:  # low, high
    ...
def element_gamma(parameters: Float, covariance: Float, log_tau: Float) -> tuple[Float, Float]: ...
def element_integrals(parameters: Float, covariance: Float, log_low: Float, log_high: Float) -> tuple[Float, Float]: ...

# elements, residual, rest, scores, squares of the rest, scale of the drift, leverage, status
def fit_lin_kk(
    problem: KkProblem, tau: Float, n_cosines: int, leverage: bool
) -> tuple[Float, Float, Float, Float, Float, Float, Float, NDArray[np.int8]]: ...

# mu, chi2 [spectrum, number - 1], elements, residual, status
def scan_lin_kk(
    problem: KkProblem, lowest_tau: float, highest_tau: float, most: int, stop_at: float, keep_all: bool
) -> tuple[Float, Float, Float, Float, NDArray[np.int8]]: ...
def select_lambda(
    problem: Problem,
    criterion: int,  # index into selection.CRITERIA
    lattice: Float,  # increasing, evenly spaced in log lambda
    refine: bool,
    noise: Float = ...,  # [spectrum] of a weighted row, for the discrepancy
    fold: NDArray[np.int32] = ...,  # [2 * frequency], for folds
) -> tuple[Float, NDArray[np.int8]]: ...
def lambda_scores(
    problem: Problem, criterion: int, lattice: Float, noise: Float = ..., fold: NDArray[np.int32] = ...
) -> Float: ...  # [spectrum, lambda]

# Spectra of a series in order, grid by grid; places[k] says where those of problem k stand.
def fit_joint(
    problems: list[Problem], places: list[NDArray[np.int64]], closeness: Float, start: JointStart
) -> JointSolution: ...
