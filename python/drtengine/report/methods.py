"""What a methods section needs: a sentence, its sources, options and versions."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import numpy as np

from .. import __version__
from .._native import ISA
from ..analysis import Analysis

SOURCES: Mapping[str, str] = {
    "10.1149/1.2044210": "Boukamp, J. Electrochem. Soc. 142, 1885 (1995)",
    "10.1016/j.electacta.2014.01.034": "Schönleber, Klotz, Ivers-Tiffée, Electrochim. Acta 131, 20 (2014)",
    "10.1524/zpch.2010.0009": "Schiller, Richter, Ivers-Tiffée, Wagner, Z. Phys. Chem. 224, 1477 (2010)",
    "10.1016/j.electacta.2020.136864": "Liu, Wan, Ciucci, Electrochim. Acta 357, 136864 (2020)",
    "10.1016/j.electacta.2014.09.058": "Saccoccio, Wan, Chen, Ciucci, Electrochim. Acta 147, 470 (2014)",
    "10.1016/j.electacta.2015.09.097": "Wan, Saccoccio, Chen, Ciucci, Electrochim. Acta 184, 483 (2015)",
    "10.1162/neco.1992.4.3.415": "MacKay, Neural Comput. 4, 415 (1992)",
    "10.1016/0032-3861(67)90021-3": "Havriliak, Negami, Polymer 8, 161 (1967)",
    "10.1109/TAES.2016.140952": "Crouse, IEEE Trans. Aerosp. Electron. Syst. 52, 1679 (2016)",
    "10.1149/1.2129668": "Ho, Raistrick, Huggins, J. Electrochem. Soc. 127, 343 (1980)",
    "10.1149/1.2133112": "Weppner, Huggins, J. Electrochem. Soc. 124, 1569 (1977)",
    "10.1038/s41467-023-37989-6": "Chien et al., Nat. Commun. 14, 2289 (2023)",
    "10.1021/jp970490q": "Lindström et al., J. Phys. Chem. B 101, 7717 (1997)",
    "10.1021/jp074464w": "Wang, Polleux, Lim, Dunn, J. Phys. Chem. C 111, 14925 (2007)",
}
"""What the analyses rest on, by DOI."""

_CHECKS = {
    "lin_kk": (
        "a linear Kramers–Kronig test",
        ("10.1149/1.2044210", "10.1016/j.electacta.2014.01.034"),
    ),
    "z_hit": ("the Z-HIT transform", ("10.1524/zpch.2010.0009",)),
    "bayesian_hilbert": ("the Bayesian Hilbert transform", ("10.1016/j.electacta.2020.136864",)),
}
_METHODS = {
    "ridge": (
        "ridge regression with a penalty on the derivative of γ of order {order} and basis functions of the kind "
        "{basis}",
        ("10.1016/j.electacta.2014.09.058", "10.1016/j.electacta.2015.09.097"),
    ),
    "log": (
        "a distribution that is smooth in ln γ, with smoothness and noise from the evidence",
        ("10.1162/neco.1992.4.3.415",),
    ),
    "elements": ("a sum of Havriliak–Negami elements found by search", ("10.1016/0032-3861(67)90021-3",)),
    "joint": (
        "a distribution that is smooth in ln γ and along {along}, with smoothness and noise from the evidence",
        ("10.1162/neco.1992.4.3.415",),
    ),
}
_KINETICS = {
    "warburg": ("Warburg coefficients were fitted where Z′ and −Z″ run parallel in ω^−½", ("10.1149/1.2129668",)),
    "gitt": ("diffusion coefficients were taken from titrations (GITT)", ("10.1149/1.2133112",)),
    "ici": (
        "resistances and diffusion coefficients were taken from interrupted currents",
        ("10.1038/s41467-023-37989-6",),
    ),
    "cv": ("capacitive shares were taken from voltammograms", ("10.1021/jp970490q", "10.1021/jp074464w")),
}
_PACKAGES = "numpy", "scipy", "xarray", "plotly", "matplotlib"


def versions() -> dict[str, str]:
    """Give the versions of what took part."""
    found = {"drtengine": f"{__version__} ({ISA})", "Python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def sentence(analysis: Analysis) -> tuple[str, list[tuple[str, str]]]:
    """Write a paragraph for a methods section.

    Returns
    -------
    text : str
        With numbers in square brackets for the sources.
    sources : list of (str, str)
        DOI and short reference, in order of their numbers.
    """
    sources: list[str] = []

    def cite(*dois: str) -> str:
        for doi in dois:
            if doi not in sources:
                sources.append(doi)
        return "[" + ", ".join(str(sources.index(doi) + 1) for doi in dois) + "]"

    campaign, result, check = analysis.campaign, analysis.result, analysis.check
    f = campaign.frequency[campaign.is_point & (campaign.frequency > 0)]
    spectra = f"{len(campaign)} impedance spectra" if len(campaign) > 1 else "The impedance spectrum"
    text = [f"{spectra} ({np.nanmin(f):.4g} to {np.nanmax(f):.6g} Hz)"]
    were = "were" if len(campaign) > 1 else "was"
    if check is not None:
        name, dois = _CHECKS[str(check.options["method"])]
        passed = int((check.verdict == "pass").sum())
        text.append(f"{were} tested for validity by {name} {cite(*dois)} ({passed} of {len(check)} passed)")
        text.append("and")
    options = dict(result.options)
    used = [m for m in dict.fromkeys(result.method[analysis.answered].tolist()) if m in _METHODS]
    ways = []
    for method in used:
        what, dois = _METHODS[method]
        ways.append(f"{what.format(**options)} {cite(*dois)}")
    text.append(
        ("" if check is not None else f"{were} ")
        + f"inverted to distributions of relaxation times by {' or '.join(ways)}"
        + (", chosen by evidence," if options["method"] == "auto" else "")
        + f" with drtengine {__version__}"
    )
    paragraph = " ".join(text) + "." + _details(options, used)
    with np.errstate(invalid="ignore", divide="ignore"):
        rms = np.sqrt(result.chi2 / result.used.sum(axis=1))
    if np.isfinite(rms).any():
        paragraph += f" The median relative residual (r.m.s.) was {100 * np.nanmedian(rms):.2g} %."
    if len(analysis.tracks) and len(campaign) > 1:
        paragraph += (
            f" Peaks were followed from spectrum to spectrum by linear assignment {cite('10.1109/TAES.2016.140952')}."
        )
    done = dict.fromkeys(section.kind for section in analysis.sections if section.result is not None)
    for kind in done:
        if kind in _KINETICS:
            what, dois = _KINETICS[kind]
            paragraph += f" {what[0].upper()}{what[1:]} {cite(*dois)}."
    return paragraph, [(doi, SOURCES[doi]) for doi in sources]


def _details(options: Mapping[str, Any], used: list[str]) -> str:
    """Tell what of the options a reader must know."""
    details = []
    if "ridge" in used:
        strength = options["lambda_"]
        details.append(f"λ chosen by {strength}" if isinstance(strength, str) else "λ fixed")
    elements = [name for name, asked in (("L₀", options["inductance"]), ("C₀", options["capacitance"])) if asked]
    if elements:
        details.append(f"{' and '.join(elements)} in series")
    if options["weights"] != "auto":
        details.append(f"{options['weights']} weights")
    for name, sign in (("f_min", "≥"), ("f_max", "≤")):
        if options.get(name):
            details.append(f"f {sign} {options[name]:g} Hz")
    if options.get("area"):
        details.append(f"area {options['area']:g} cm²")
    return f" Model: {', '.join(details)}." if details else ""
