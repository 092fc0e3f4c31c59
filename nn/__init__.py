"""nn: layers, costs, optimizers and training, on the public face of tinygrad_edu."""

from . import data, init, lecture, metrics, optim, plot
from .checkpoint import load, save
from .costs import CrossEntropyLoss, QuadraticCost
from .data import Dataset, Examples
from .layers import MLP, Linear, ReLU, Sequential, Sigmoid, Tanh
from .metrics import accuracy, predict
from .module import Module
from .train import Epoch, History, fit, train_step

__all__ = [
    "MLP",
    "CrossEntropyLoss",
    "Dataset",
    "Epoch",
    "Examples",
    "History",
    "Linear",
    "Module",
    "QuadraticCost",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "accuracy",
    "data",
    "fit",
    "init",
    "lecture",
    "load",
    "metrics",
    "optim",
    "plot",
    "predict",
    "save",
    "train_step",
]
