"""Lets the tests import their helpers: op_cases (what to draw for each op) and laws (what must hold)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # --import-mode=importlib leaves the tests' folders out
