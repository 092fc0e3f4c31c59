"""nn: layers, costs, optimizers and training, on the public face of tinygrad_edu."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import callbacks, clip, data, init, metrics, optim, schedule, utils
from .callbacks import Callback, EarlyStopping, KeepBest
from .clip import clip_grad_norm_, clip_grad_value_
from .costs import (
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
    QuadraticCost,
    SigmoidCrossEntropy,
    SmoothL1Loss,
)
from .data import Dataset, Examples
from .layers import (
    ELU,
    GELU,
    LSTM,
    MLP,
    AvgPool1d,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Conv1d,
    Conv2d,
    Dropout,
    Embedding,
    Flatten,
    Identity,
    LayerNorm,
    LeakyReLU,
    Linear,
    LogSoftmax,
    MaxPool1d,
    MaxPool2d,
    ModuleList,
    MultiheadAttention,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    Unflatten,
)
from .metrics import accuracy, predict
from .module import Module
from .train import Epoch, History, fit, train_step

if TYPE_CHECKING:
    from . import lecture, plot
    from .checkpoint import load, save
    from .digit_page import draw_digit_page
    from .monitor import Monitor
    from .onnx_export import export_onnx
    from .resume import Checkpoint, load_checkpoint, save_checkpoint

__all__ = [
    "ELU",
    "GELU",
    "LSTM",
    "MLP",
    "AvgPool1d",
    "AvgPool2d",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "Callback",
    "Checkpoint",
    "Conv1d",
    "Conv2d",
    "CrossEntropyLoss",
    "Dataset",
    "Dropout",
    "EarlyStopping",
    "Embedding",
    "Epoch",
    "Examples",
    "Flatten",
    "History",
    "HuberLoss",
    "Identity",
    "KLDivLoss",
    "KeepBest",
    "L1Loss",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "MaxPool1d",
    "MaxPool2d",
    "Module",
    "ModuleList",
    "Monitor",
    "MultiheadAttention",
    "NLLLoss",
    "QuadraticCost",
    "ReLU",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SigmoidCrossEntropy",
    "SmoothL1Loss",
    "Softmax",
    "Softplus",
    "Tanh",
    "Unflatten",
    "accuracy",
    "callbacks",
    "clip",
    "clip_grad_norm_",
    "clip_grad_value_",
    "data",
    "draw_digit_page",
    "export_onnx",
    "fit",
    "init",
    "lecture",
    "load",
    "load_checkpoint",
    "metrics",
    "optim",
    "plot",
    "predict",
    "save",
    "save_checkpoint",
    "schedule",
    "train_step",
    "utils",
]


_LATER = {
    "draw_digit_page": "digit_page",
    "export_onnx": "onnx_export",
    "Monitor": "monitor",
    **dict.fromkeys(("load", "save"), "checkpoint"),
    **dict.fromkeys(("Checkpoint", "load_checkpoint", "save_checkpoint"), "resume"),
}


def __getattr__(name: str) -> Any:
    """Pages, plots, monitors and what writes files are loaded when they are first asked for: `import nn` stays fast."""
    if name in ("lecture", "plot"):
        return import_module(f".{name}", __name__)
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_LATER[name]}", __name__), name)
