"""The schedules of nn.schedule, under the name that PyTorch has for them."""

from ..schedule import *  # noqa: F403
from ..schedule import __all__ as __all__
