"""Optimizers: how the parameters follow the gradient."""

from . import lr_scheduler
from .adaptive import Adagrad, Adam, AdamW, RMSprop
from .base import Optimizer
from .sgd import SGD

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "lr_scheduler"]
