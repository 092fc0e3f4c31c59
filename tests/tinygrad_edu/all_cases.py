"""Every row's case: those of op_cases.py and of each cases_*.py beside it."""

from importlib import import_module
from pathlib import Path

from op_cases import CASES as FIRST
from op_cases import Case

CASES: dict[str, Case] = dict(FIRST)
for path in sorted(Path(__file__).parent.glob("cases_*.py")):
    CASES |= import_module(path.stem).CASES
