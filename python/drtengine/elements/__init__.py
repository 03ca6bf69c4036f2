"""A sum of Havriliak-Negami elements as the model of a spectrum, found by search.

Z = R_inf + iωL_0 + 1/(iωC_0) + Σ R/(1+(iωτ)^α)^β, with as many elements as the data support
(at most six), each a ZARC (β = 1), a Cole-Davidson (α = 1) or a Havriliak-Negami element; an
element whose exponents both come out as one is an RC. Its parameters are an answer of their
own, and its γ is exact.
"""

from .fit import KINDS, MAX_ELEMENTS, ElementFit
from .search import fit_elements

__all__ = ["KINDS", "MAX_ELEMENTS", "ElementFit", "fit_elements"]
