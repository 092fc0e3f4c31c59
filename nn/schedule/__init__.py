"""Schedules: the learning rate as a function of time.

Every schedule is one equation, lr(t) from the learning rate lr_0 that a group had at first; t counts the calls of
step(), one per epoch, or one per mini-batch if you call it so:

    schedule = CosineAnnealingLR(optimizer, T_max=30)      # t = 0: the optimizer has lr(0) now
    for epoch in range(30):
        ...                                                # optimizer.step() for every mini-batch
        schedule.step()                                    # t <- t + 1
"""

from .base import LRScheduler
from .combined import ReduceLROnPlateau, SequentialLR
from .equations import ConstantLR, CosineAnnealingLR, ExponentialLR, LambdaLR, LinearLR, MultiStepLR, StepLR
from .one_cycle import OneCycleLR

__all__ = [
    "ConstantLR",
    "CosineAnnealingLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
