"""How lambda was chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import InvalidInput
from ..scores import LambdaScores
from ..series import Selection, arrange
from ..spectrum import FloatArray
from .figures import decades, single_axes
from .series import paint

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DIFFERENCES = {"evidence": "evidence", "ml": "likelihood"}
"""Criteria that are logarithms, so that differences count."""
_NAMES = {"gcv": "GCV", "mgcv": "modified GCV", "rgcv": "robust GCV", "reim": "re-im", "kfold": "k-fold"}
_HIGHEST_DIFFERENCE, _HIGHEST_RATIO = 60.0, 10.0


def lambda_scores(
    scores: LambdaScores, *, along: str | None = None, spectra: Selection = None, ax: Axes | None = None
) -> Axes:
    """Draw the score of each lambda beside the lowest, with a dot where lambda was chosen.

    Evidence and likelihood are shown as -2 ln p above its lowest value, cross-validation as a multiple of
    the lowest score, the L-curve by its curvature, whose highest value counts. The dot is open where
    lambda stands at an end of the range.

    Parameters
    ----------
    scores : LambdaScores
        As `drtengine.lambda_scores` returns it.
    along : str, optional
        Coordinate that colours the spectra; see `intensity_map`.
    spectra : slice or array_like, optional
        Which spectra, as indices, mask or slice.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure of one column otherwise.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidInput
        If a coordinate or spectrum does not exist.
    """
    if not isinstance(scores, LambdaScores):
        raise InvalidInput(f"lambda_scores() needs what dt.lambda_scores returns, got {type(scores).__name__}")
    series = arrange(scores.campaign.coordinates, len(scores), along, spectra)
    ax = single_axes(ax, 60)
    for i, colour in paint(series, ax).items():
        curve = _shown(scores.selector, scores.score[i])
        if np.isnan(curve).all():
            continue
        ax.plot(scores.lambda_, curve, lw=0.8, color=colour)
        here = float(np.interp(np.log(scores.chosen[i]), np.log(scores.lambda_), curve))
        at_end = scores.chosen[i] in (scores.lambda_[0], scores.lambda_[-1])
        ax.plot(scores.chosen[i], here, "o", ms=3, color=colour, mfc="white" if at_end else colour, clip_on=False)
    ax.set_xlim(scores.lambda_[0], scores.lambda_[-1])
    decades(ax, "x")
    ax.set_xlabel("λ")
    if scores.selector in _DIFFERENCES:
        ax.set_ylim(0, _HIGHEST_DIFFERENCE)
        ax.set_ylabel(f"-2 ln {_DIFFERENCES[scores.selector]}, less lowest")
    elif scores.selector == "lcurve":
        ax.set_ylabel("curvature of the L-curve")
    elif scores.selector == "discrepancy":
        ax.set_ylim(bottom=0)
        ax.set_ylabel("|ln(rms residual / noise)|")
    else:
        ax.set_ylim(1, _HIGHEST_RATIO)
        decades(ax, "y")
        ax.set_ylabel(f"{_NAMES[scores.selector]} score / lowest")
    return ax


def _shown(selector: str, score: FloatArray) -> FloatArray:
    if not np.isfinite(score).any():
        return np.full(score.shape, np.nan)
    if selector in _DIFFERENCES:
        return score - float(np.nanmin(score))
    if selector == "lcurve":
        return -score
    if selector == "discrepancy":
        return score / 2
    lowest = float(np.nanmin(score))
    return score / lowest if lowest > 0 else np.full(score.shape, np.nan)
