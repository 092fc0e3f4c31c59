"""What all pages have in common: how their scripts are kept."""

from importlib import resources

import pytest

FOLDERS = [
    resources.files("tinygrad_edu.visual") / "web" / "stepper",
    resources.files("tinygrad_edu.visual") / "web" / "universal",
    resources.files("nn") / "web" / "digit",
]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_script_says_what_it_is_and_is_short(folder):
    scripts = sorted(folder.iterdir(), key=lambda file: file.name)
    assert [int(file.name[:2]) for file in scripts] == list(range(1, len(scripts) + 1))
    for file in scripts:
        lines = file.read_text("utf-8").splitlines()
        assert lines[0].startswith("// "), file.name
        assert len(lines) <= 300, file.name
