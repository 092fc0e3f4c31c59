"""Costs: how far the outputs are from the targets, as one number C.  Mean over the mini-batch unless told otherwise.

Names, arguments and `reduction` are PyTorch's: "mean" or "sum" over all entries, or "none", one cost for each.
Two costs are the lecture's and the book's own: QuadraticCost and SigmoidCrossEntropy, which sum over the outputs
and take the mean over the examples alone.
"""

from .classes import CrossEntropyLoss, NLLLoss
from .entrywise import (
    BCEWithLogitsLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
    QuadraticCost,
    SigmoidCrossEntropy,
    SmoothL1Loss,
)

__all__ = [
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "NLLLoss",
    "QuadraticCost",
    "SigmoidCrossEntropy",
    "SmoothL1Loss",
]
