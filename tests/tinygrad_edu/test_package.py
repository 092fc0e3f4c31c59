"""The house as a whole: the menu, what an import brings with it, and that no import points up."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_edu

ROOT = Path(tinygrad_edu.__file__).parent

# From the ground to the roof: a file imports files on the left of it only.
ORDER = [
    "errors",
    "op",
    "capture",
    "values",
    "ops",
    "functions",
    "graph",
    "backprop",
    "operators",
    "tensor",
    "tree",
    "transforms",
    "outside",
    "anomaly",
    "recompute",
    "custom_op",
    "checking",
    "compiled",
    "visual",
    "__init__",
]
ORDER_OF_OPS = ["elementwise", "shape", "reduce", "linalg", "conv", "cost", "__init__"]


def explains(thing: object) -> bool:
    return bool(inspect.getdoc(thing))


@pytest.mark.parametrize("name", tinygrad_edu.__all__)
def test_what_is_in_the_menu_exists_and_is_explained(name: str) -> None:
    thing = getattr(tinygrad_edu, name)
    if isinstance(thing, tinygrad_edu.Op):
        assert thing.formula
    elif name != "TABLE":
        assert explains(thing)


def test_the_menu_is_sorted_and_complete() -> None:
    assert len(set(tinygrad_edu.__all__)) == len(tinygrad_edu.__all__)
    assert all(getattr(tinygrad_edu, name) is not None for name in tinygrad_edu.__all__)
    public = {
        name
        for name, thing in vars(tinygrad_edu).items()
        if not name.startswith("_")
        and not inspect.ismodule(thing)
        and name not in ("TYPE_CHECKING", "Any", "import_module")
    }
    later = set(tinygrad_edu._LATER)  # loaded when first asked for
    assert public - later == set(tinygrad_edu.__all__) - later


METHODS = [n for n, m in vars(tinygrad_edu.Tensor).items() if not n.startswith("_") and callable(m)]


@pytest.mark.parametrize("name", METHODS)
def test_a_method_of_Tensor_is_explained(name: str) -> None:
    assert explains(getattr(tinygrad_edu.Tensor, name))


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_the_first_line_of_a_file_says_its_role(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring
    assert docstring.splitlines()[0].endswith((".", ":", "?")) or "  " in docstring


IMPORTS = """
import sys
before = set(sys.modules)
import tinygrad_edu
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(*sorted(new - set(sys.stdlib_module_names)))
"""


def test_the_import_brings_nothing_but_numpy() -> None:
    paths = [str(ROOT.parent), *(p for p in sys.path if p)]
    script = f"import sys; sys.path[:0] = {paths!r}\n{IMPORTS}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.split() == ["numpy", "tinygrad_edu"]


def imported(path: Path, folder: list[str]) -> set[str]:
    """The modules of the package that a file imports, seen from the package: ("ops", "elementwise") as ops."""
    found = set()
    here = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = (*here[: len(here) - node.level + 1], *(node.module.split(".") if node.module else ()))
            found |= {(*base, alias.name) for alias in node.names} if not node.module else {base}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tinygrad_edu"):
            found.add(tuple(node.module.split(".")[1:]))
    depth = len(folder)
    return {m[depth] for m in found if len(m) > depth and list(m[:depth]) == folder}


def layer(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").parts[0]


def test_every_file_has_its_place_in_the_order() -> None:
    files = {layer(p) for p in ROOT.rglob("*.py")}
    assert files == set(ORDER)
    assert {p.stem for p in (ROOT / "ops").glob("*.py")} == set(ORDER_OF_OPS)


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_an_import_never_points_up(path: Path) -> None:
    mine = layer(path)
    for other in imported(path, []):
        assert other == mine or ORDER.index(other) < ORDER.index(mine), f"{path.name} imports {other}"


@pytest.mark.parametrize("path", sorted((ROOT / "ops").glob("*.py")), ids=lambda p: p.name)
def test_an_import_among_the_ops_never_points_up(path: Path) -> None:
    for other in imported(path, ["ops"]):
        assert ORDER_OF_OPS.index(other) < ORDER_OF_OPS.index(path.stem)
