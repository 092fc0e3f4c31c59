"""The tests of the tests: every known kind of mistake has its test, and no test is lost.

The catalogue of mistakes that autodiff engines have made is numbered: A graph and accumulation, B broadcasting,
shapes and indices, C kinks and overflow, D dtypes and Python's protocols, F functions under jit, T tests.
A row's test has the row's
number in its name.
"""

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
FILES = sorted(TESTS.rglob("*.py"))
ROWS = {"A": 23, "B": 25, "C": 20, "D": 22, "F": 11, "T": 4}


@cache
def names_in(path: Path) -> list[str]:
    """The names that pytest collects from a file: functions test_…, and test_… = a function made elsewhere."""
    names = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [target.id for target in node.targets if isinstance(target, ast.Name)]
    return [name for name in names if name.startswith("test")]


@pytest.mark.parametrize("group", ROWS)
def test_T3_every_row_of_the_catalogue_has_a_test(group: str) -> None:
    found = {int(n) for path in FILES for name in names_in(path) for n in re.findall(rf"(?i)_{group}(\d+)(?=_)", name)}
    assert set(range(1, ROWS[group] + 1)) - found == set(), "these rows have lost their tests"
    assert found - set(range(1, ROWS[group] + 1)) == set(), "there are no such rows"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TESTS)))
def test_T3_no_test_hides_another_and_each_is_in_a_file_that_is_collected(path: Path) -> None:
    names = names_in(path)
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert path.name.startswith("test_") is bool(names)
    assert "\nclass Test" not in path.read_text(encoding="utf-8"), "whose methods the audit would not see"


def test_T3_pytest_collects_what_is_there(request: pytest.FixtureRequest) -> None:
    here = Path(__file__)
    collected = {item.originalname for item in request.session.items if item.path == here}  # type: ignore[attr-defined]
    assert collected <= set(names_in(here))
    chosen = request.config.option.keyword or request.config.option.markexpr or "::" in "".join(request.config.args)
    assert chosen or collected == set(names_in(here))
