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
    # [spectrum] each:
    lambda_: Float
    noise: Float
    dof: Float
    rss: Float
    evidence: Float
    evidence_local: Float
    weighting: NDArray[np.int8]
    status: NDArray[np.int8]

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
def select_gcv(problem: Problem, lattice: Float, refine: bool) -> tuple[Float, NDArray[np.int8]]: ...
def fit_log(problem: Problem, weights: list[Float]) -> LogSolution: ...
def gcv_scores(problem: Problem, lambda_: Float) -> Float: ...

# Spectra of a series in order, grid by grid; places[k] says where those of problem k stand.
def fit_joint(
    problems: list[Problem], places: list[NDArray[np.int64]], closeness: Float, start: JointStart
) -> JointSolution: ...
