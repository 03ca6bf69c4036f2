"""How the choice of lambda came about: the score of every lambda that was tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import options as arguments
from .campaign import Campaign, frequency_grids
from .drt import fit_drt
from .errors import InvalidInput, Status
from .methods import pose
from .selection import LATTICE, Selector, check_selector, noise_on_grid, scores_on_lattice
from .spectrum import FloatArray, Spectrum

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


@dataclass(frozen=True, eq=False, repr=False)
class LambdaScores:
    """Score curves of a campaign; made by `lambda_scores`.

    Attributes
    ----------
    selector : str
        The criterion.
    lambda_ : ndarray, shape [lambda]
        The lattice, rising.
    score : ndarray, shape [spectrum, lambda]
        The lower the better; NaN where the criterion has no value, and for spectra without an answer.
    chosen : ndarray, shape [spectrum]
        What `fit_drt` takes.
    status : ndarray of int8, shape [spectrum]
        `Status` of the fit at this lambda; `Status.LAMBDA_AT_BOUND` where the score is lowest at an end.
    campaign : Campaign
    """

    selector: str
    lambda_: FloatArray
    score: FloatArray
    chosen: FloatArray
    status: NDArray[np.int8]
    campaign: Campaign

    def __len__(self) -> int:
        return len(self.status)

    def __repr__(self) -> str:
        return f"<LambdaScores: {self.selector} of {len(self)} spectra at {self.lambda_.size} lambda>"

    def to_dataset(self) -> xr.Dataset:
        """Return an xarray Dataset with the dimensions `spectrum` and `lambda_`."""
        import xarray as xr

        return xr.Dataset(
            {
                "score": (
                    ("spectrum", "lambda_"),
                    self.score,
                    {"long_name": f"score by {self.selector}, lower is better"},
                ),
                "chosen": ("spectrum", self.chosen, {"units": "1", "long_name": "regularisation parameter chosen"}),
                "status": ("spectrum", self.status, {"flag_meanings": " ".join(s.name for s in Status)}),
            },
            {
                "lambda_": ("lambda_", self.lambda_, {"units": "1", "long_name": "regularisation parameter"}),
                "name": ("spectrum", [self.campaign.label(i) for i in range(len(self))]),
            },
            {"selector": self.selector},
        )

    def to_frame(self) -> pd.DataFrame:
        """Return a pandas DataFrame with a row for each spectrum and a column for each lambda."""
        import pandas as pd

        names = [self.campaign.label(i) for i in range(len(self))]
        return pd.DataFrame(self.score, pd.Index(names, name="spectrum"), pd.Index(self.lambda_, name="lambda_"))


def lambda_scores(data: Campaign | Spectrum, selector: str = "evidence", **options: Any) -> LambdaScores:
    r"""Score every lambda of the lattice by a criterion.

    With weighted rows z (n of them, Re and Im of the points in use), H = A'A + lambda M,
    K = A H^-1 A', x_u = H^-1 A'z, the non-negative solution x, n_f unpenalised unknowns (R_inf, L_0,
    1/C_0), RSS(x) = \|z - Ax\|^2 and S(x) = RSS(x) + lambda x'Mx:

    "evidence"
        (n - n_f) log S(x) + log det H_PP - log det lambda M_PP, over the set P of unknowns that are not
        zero in x: Laplace's approximation of -2 log p(z | lambda), the noise level and the free
        unknowns integrated out. With ``nonneg=False`` it is "ml". [1]_
    "ml"
        The same with x_u and all unknowns, that is without the bound: the restricted marginal
        likelihood, exact. [2]_
    "gcv"
        (RSS(x_u) / n) / (tr(1 - K) / n)^2, generalised cross-validation. [3]_
    "mgcv"
        The same with tr(1 - rho K), rho = 1.3 for n < 50 and otherwise 2. [4]_
    "rgcv"
        gcv times xi + (1 - xi) tr(K'K) / n, xi = 0.2 for n < 100 and otherwise 0.3. [5]_
    "lcurve"
        Minus the curvature of the curve log \|z - Ax_u\| against log(x_u'Mx_u) / 2. [6]_
    "reim"
        RSS of Re with x_u from Im, plus RSS of Im with x_u from Re. What the other part cannot know
        (R_inf; L_0 and C_0) is fitted to what is left. [7]_
    "kfold"
        Sum over folds of the RSS of the fold's points, x_u from all others. The points are dealt to the
        `n_folds` folds in turn, in order of frequency. [8]_
    "discrepancy"
        abs(log(RSS(x_u) / (n noise^2))): the residual should be as large as the noise. [9]_

    All but "evidence" are those of x_u, which costs next to nothing. None depends on the unit of Z.

    Parameters
    ----------
    data : Campaign or Spectrum
    selector : str
    **options
        As for `fit_drt`.

    Returns
    -------
    LambdaScores

    Raises
    ------
    InvalidInput
        As `fit_drt`.

    Notes
    -----
    The evidence is a curve with small steps, wherever an unknown becomes zero. `fit_drt` looks for
    its minimum from the choice of "ml" in steps of half a decade, as far as it does not rise by more
    than 3, and then by parabolas; so the choice stands above the lowest score shown here, as a rule by less
    than 1, which is no difference that data could tell.

    References
    ----------
    .. [1] MacKay, Neural Comput. 4, 415 (1992), doi:10.1162/neco.1992.4.3.415.
    .. [2] Wahba, Ann. Statist. 13, 1378 (1985), doi:10.1214/aos/1176349743.
    .. [3] Golub, Heath, Wahba, Technometrics 21, 215 (1979), doi:10.1080/00401706.1979.10489751.
    .. [4] Kim, Gu, J. R. Stat. Soc. B 66, 337 (2004), doi:10.1046/j.1369-7412.2003.05316.x.
    .. [5] Lukas, Inverse Probl. 22, 1883 (2006), doi:10.1088/0266-5611/22/5/021.
    .. [6] Hansen, O'Leary, SIAM J. Sci. Comput. 14, 1487 (1993), doi:10.1137/0914086.
    .. [7] Saccoccio, Wan, Chen, Ciucci, Electrochim. Acta 147, 470 (2014), doi:10.1016/j.electacta.2014.09.058.
    .. [8] Maradesa, Py, Wan, Effat, Ciucci, J. Electrochem. Soc. 170, 030502 (2023), doi:10.1149/1945-7111/acbca4.
    .. [9] Morozov, Sov. Math. Dokl. 7, 414 (1966).

    Examples
    --------
    >>> import drtengine as dt
    >>> circuit = dt.simulate.Circuit([dt.simulate.Resistor(10), dt.simulate.ZARC(50, 1e-2, 0.8)])
    >>> frequency = np.geomspace(1e5, 1e-2, 71)
    >>> Z = dt.simulate.add_noise(circuit.impedance(frequency), 0.005, seed=1)
    >>> dt.lambda_scores(dt.Spectrum(frequency, Z), "gcv")
    <LambdaScores: gcv of 1 spectra at 201 lambda>
    """
    arguments.check_choice("selector", selector, arguments.SELECTORS)
    if options.setdefault("method", "ridge") != "ridge":
        raise InvalidInput(f"these are criteria of method='ridge'; method={options['method']!r} has no lambda")
    fitted = fit_drt(data, lambda_=selector, **options)
    campaign, settings = fitted.campaign, fitted.options
    answered = np.isin(fitted.status, [status for status in Status if status.has_answer])
    used = fitted.used & answered[:, None]
    weights = arguments.check_weights(options.get("weights", "unit"), campaign, used)
    how = check_selector(selector, False, options.get("noise"), settings["n_folds"], settings["part"], campaign)
    assert isinstance(how, Selector)  # its name was accepted above
    score = np.full((len(campaign), LATTICE.size), np.nan)
    for rows, points in frequency_grids(campaign.frequency, used):
        sound = rows[answered[rows]]
        if not sound.size:
            continue
        names = ("order", "inductance", "capacitance", "part", "area")
        problem = pose(
            fitted.basis, campaign, sound, points, weights,
            n_threads=arguments.check_threads(options.get("n_threads")),
            nonneg=settings["nonneg"] and settings["free"] is None, **{name: settings[name] for name in names},
        )  # fmt: skip
        level = noise_on_grid(how, campaign, weights, sound, points, settings["part"]) * (settings["area"] or 1.0)
        score[sound] = scores_on_lattice(problem, how, level)
    return LambdaScores(selector, LATTICE, score, fitted.lambda_, fitted.status, campaign)
