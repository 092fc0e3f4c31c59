"""How good the answers are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import DataError, Tensor, no_grad

from .examples import Dataset, Examples, check_whole
from .module import Module

__all__ = [
    "accuracy",
    "confusion_matrix",
    "f1_score",
    "outputs",
    "precision_score",
    "predict",
    "recall_score",
    "top_k_accuracy",
]

Array = npt.NDArray[Any]


def outputs(net: Module, x: Array, batch_size: int | None = None) -> Array:
    """The network's outputs for inputs x (N, …) -> (N, n_out), without recording, in eval mode.

    batch_size  examples at a time; if not given 4096, and 256 pictures, of which a convolution makes many numbers
    """
    if len(x) == 0:
        raise DataError("there are no examples to compute outputs for")
    if batch_size is not None:
        check_whole(batch_size, 1, None, "outputs: batch_size, the examples at a time,")
    else:
        batch_size = 4096 if np.ndim(x) <= 2 else 256
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
    found = outputs(net, x)
    if found.ndim < 2:
        raise DataError(f"predict needs a network with one output for each class, (N, n): got outputs {found.shape}")
    return np.argmax(found, axis=1)


def accuracy(net: Module, examples: Examples) -> float:
    """The fraction of examples whose largest output is the right one, in [0, 1]; NaN is no answer, so a wrong one."""
    return float(np.mean(right(outputs(net, check_examples(examples, "accuracy").x), examples)))


def right(found: Array, examples: Examples) -> Array:
    """Which of the outputs (N, n) give the right answer, (N,); DataError if they are no outputs for these classes."""
    if found.shape != examples.y.shape:
        raise DataError(
            f"the network has outputs {found.shape}, and the examples answers y {examples.y.shape}: needed one output "
            f"for each of the {examples.y.shape[1]} classes"
        )
    answered = ~np.isnan(found).any(axis=1)
    return np.asarray(answered & (np.argmax(found, axis=1) == examples.labels))


def check_examples(given: Any, what: str) -> Examples:
    """DataError, that says what to write, if these are no examples."""
    if isinstance(given, Examples):
        return given
    hint = "Write data.test" if isinstance(given, Dataset) else "Write nn.Examples(x, y, labels)"
    raise DataError(f"{what} needs a nn.Examples, not a {type(given).__name__}.  {hint}")


def top_k_accuracy(net: Module, examples: Examples, k: int = 5) -> float:
    """The fraction of examples whose right output is among the k largest, in [0, 1]; k = 1 is accuracy.

    Of equal outputs the first counts as the larger one.
    """
    found = outputs(net, check_examples(examples, "top_k_accuracy").x)
    right(found, examples)  # one output for each class?
    check_whole(k, 1, found.shape[1], "top_k_accuracy: k, the answers that may be given,")
    largest = np.argsort(-found, axis=1, kind="stable")[:, :k]  # (N, k)
    return float(np.mean(np.any(largest == examples.labels[:, None], axis=1)))


def confusion_matrix(labels: Array, predicted: Array, classes: int = 10) -> Array:
    """counts[i, j]: how many examples of class i were taken for class j."""
    labels, predicted = np.asarray(labels), np.asarray(predicted)
    check_whole(classes, 1, None, "classes, how many there are,")
    if labels.ndim != 1 or labels.shape != predicted.shape:
        raise DataError(f"one answer for each label: got labels {labels.shape}, answers {predicted.shape}")
    for name, values in (("label", labels), ("answer", predicted)):
        if values.dtype.kind not in "iu" or np.any((values < 0) | (values >= classes)):
            raise DataError(f"every {name} is a class 0 … {classes - 1}: got {values!r:.80}")
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return counts


# --- class by class: of the examples taken for class j (precision), and of those of class j (recall) ----


def precision_score(labels: Array, predicted: Array, classes: int = 10, *, average: str | None = None) -> Any:
    """Of the examples taken for class j, the fraction that is of class j: right_j / taken_j.  (classes,)

    0 where none was taken for j.  average makes one number of the classes:
    "macro"  their mean;  "weighted"  their mean, each as often as it occurs among the labels;
    "micro"  all decisions together, which is the accuracy
    """
    return _per_class(labels, predicted, classes, average, lambda right, taken, there: (right, taken))


def recall_score(labels: Array, predicted: Array, classes: int = 10, *, average: str | None = None) -> Any:
    """Of the examples of class j, the fraction that was taken for j: right_j / there_j.  (classes,)

    0 where there is none of class j.  average as in precision_score.
    """
    return _per_class(labels, predicted, classes, average, lambda right, taken, there: (right, there))


def f1_score(labels: Array, predicted: Array, classes: int = 10, *, average: str | None = None) -> Any:
    """The harmonic mean of precision and recall: 2 right_j / (taken_j + there_j).  (classes,)

    0 where class j neither occurs nor is answered.  average as in precision_score.
    """
    return _per_class(labels, predicted, classes, average, lambda right, taken, there: (2 * right, taken + there))


def _per_class(
    labels: Array,
    predicted: Array,
    classes: int,
    average: str | None,
    ratio: Callable[[Array, Array, Array], tuple[Array, Array]],
) -> Any:
    """ratio(right, taken, there) for each class, or averaged."""
    counts = confusion_matrix(labels, predicted, classes)
    right, taken, there = np.diag(counts), counts.sum(axis=0), counts.sum(axis=1)
    if average is None:
        return _divided(*ratio(right, taken, there))
    if average not in ("macro", "micro", "weighted"):
        raise DataError(f"average is None, 'macro', 'micro' or 'weighted', not {average!r:.60}")
    if len(labels) == 0:
        raise DataError("there are no answers to average over")
    if average == "micro":
        return float(_divided(*ratio(right.sum(), taken.sum(), there.sum())))
    return float(np.average(_divided(*ratio(right, taken, there)), weights=there if average == "weighted" else None))


def _divided(part: Array, whole: Array) -> Array:
    """part / whole; 0 / 0 is 0 here: of none, none was right."""
    return np.divide(part, np.maximum(whole, 1))
