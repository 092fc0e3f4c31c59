"""How good the answers are."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import DataError, Tensor, no_grad

from .data import Examples
from .module import Module

__all__ = ["accuracy", "confusion_matrix", "outputs", "predict"]

Array = npt.NDArray[Any]


def outputs(net: Module, x: Array, batch_size: int = 4096) -> Array:
    """The network's outputs for inputs x (N, …) -> (N, n_out), without recording, in eval mode."""
    if len(x) == 0:
        raise DataError("there are no examples to compute outputs for")
    modes = [(m, m.training) for m in net.modules()]
    net.eval()
    try:
        with no_grad():
            parts = [net(Tensor(x[i : i + batch_size], copy=False)).data for i in range(0, len(x), batch_size)]
    finally:
        for m, mode in modes:
            m.training = mode
    return np.concatenate(parts)


def predict(net: Module, x: Array) -> Array:
    """The class of the largest output, for each example: (N, …) -> (N,)."""
    return np.argmax(outputs(net, x), axis=1)


def accuracy(net: Module, examples: Examples) -> float:
    """The fraction of examples whose largest output is the right one, in [0, 1]."""
    return float(np.mean(predict(net, examples.x) == examples.labels))


def confusion_matrix(labels: Array, predicted: Array, classes: int = 10) -> Array:
    """counts[i, j]: how many examples of class i were taken for class j."""
    labels, predicted = np.asarray(labels), np.asarray(predicted)
    if labels.ndim != 1 or labels.shape != predicted.shape:
        raise DataError(f"one answer for each label: got labels {labels.shape}, answers {predicted.shape}")
    for name, values in (("label", labels), ("answer", predicted)):
        if values.dtype.kind not in "iu" or np.any((values < 0) | (values >= classes)):
            raise DataError(f"every {name} is a class 0 … {classes - 1}: got {values!r:.80}")
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return counts
