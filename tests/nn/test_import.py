"""`import nn` loads what every program needs, and the rest when it is first asked for."""

import subprocess
import sys
from pathlib import Path

import pytest

import nn

ROOT = Path(__file__).parents[2]
NOT_YET = "import numpy, sys; before = {*sys.modules}; import nn; print(*({*sys.modules} - before))"


def test_import_nn_loads_nothing_that_reads_files_downloads_or_talks_to_other_ranks():
    loaded = subprocess.run(
        [sys.executable, "-c", NOT_YET], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    loaded = set(loaded.split())
    assert {"nn.data", "nn.train", "nn.loader"} <= loaded
    later = (
        "mnist_files",
        "download",
        "folder",
        "idx",
        "resume",
        "checkpoint",
        "safefile",
        "parallel",
        "jitted",
        "plot",
    )
    assert not loaded & {f"nn.{name}" for name in later}
    # slow to import, and NumPy loads none of them: pathlib brings urllib and ipaddress, and those half of the time
    assert not loaded & {
        "pathlib",
        "urllib.parse",
        "ipaddress",
        "json",
        "gzip",
        "zlib",
        "shlex",
        "asyncio",
        "matplotlib",
    }


@pytest.mark.parametrize("module", [nn, nn.data], ids=["nn", "nn.data"])
def test_every_name_is_there_when_it_is_asked_for(module):
    for name in module.__all__:
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError, match="'nonsense'"):
        module.nonsense  # noqa: B018
