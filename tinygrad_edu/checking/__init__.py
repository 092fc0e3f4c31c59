"""Gradient checking that explains itself: this file is its menu."""

from .by_hand import compare
from .check import assert_gradients, check_gradients
from .report import Report

__all__ = ["Report", "assert_gradients", "check_gradients", "compare"]
