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
