"""The command doctor: what it finds, with packages and programs that are missing, old, broken or hang."""

import json
import os
import re
import shutil
import stat
import sys
import tomllib
from pathlib import Path

import pytest

import nn
from nn import cli, cli_doctor, doctor_facts, doctor_packages, doctor_programs
from nn.doctor_packages import Package

OK, FAILED, WRONG_USE = 0, 1, 2
ROOT = Path(nn.__file__).parents[1]
FAKE = Package("fake", "fakepackage", "2.1", "something", "everything else")
NEEDED = Package("fake", "fakepackage", "2.1", "something", "nothing", required=True)


@pytest.fixture(autouse=True)
def own_world(tmp_path, monkeypatch):
    """A home of its own, no programs, one fake package to look for, and no settings of the tester's."""
    monkeypatch.setenv("PATH", str(tmp_path / "no programs"))
    for name in ("TINYGRAD_EDU_MNIST", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setattr(cli_doctor, "PACKAGES", (FAKE,))
    monkeypatch.setattr(cli_doctor, "_in_a_checkout", lambda: False)


def run(*argv: str) -> int:
    try:
        return cli.main(["doctor", *argv])
    except SystemExit as done:
        return done.code


def report(capsys, expected: int = OK) -> dict:
    """What doctor --json says; the parts by name."""
    assert run("--json") == expected
    out, err = capsys.readouterr()
    assert err == ""
    found = json.loads(out)
    found["found"] = {part["name"]: part for part in found["found"]}
    return found


@pytest.fixture
def package(tmp_path, monkeypatch):
    """package("raise ValueError(1)"): a package `fakepackage` whose import runs this."""

    def make(code: str) -> None:
        folder = tmp_path / "packages"
        folder.mkdir(exist_ok=True)
        (folder / "fakepackage.py").write_text(code, encoding="utf-8")
        monkeypatch.syspath_prepend(str(folder))

    return make


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """programs(dot="echo hello"): the only programs there are, as shell scripts."""
    if os.name != "posix":
        pytest.skip("shell scripts")

    def make(**scripts: str) -> Path:
        folder = tmp_path / "programs"
        folder.mkdir(exist_ok=True)
        for name, script in scripts.items():
            path = folder / name
            path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
            path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(folder))
        return folder

    return make


# ---- packages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["2.1", "2.10.1", "10.0", "3"])
def test_a_package_that_works_has_its_own_version(capsys, package, version):
    package(f"__version__ = {version!r}")
    fake = report(capsys)["found"]["fake"]
    assert (fake["state"], fake["version"], fake["trouble"]) == ("ok", version, "")


def test_a_package_that_is_not_there_is_missing_and_the_command_installs_it(capsys):
    fake = report(capsys)["found"]["fake"]
    assert (fake["state"], fake["version"], fake["trouble"]) == ("missing", "", "")
    assert fake["install"] == 'python -m pip install "fake>=2.1"'


@pytest.mark.parametrize("version", ["2.0.9", "1.99", "2", "0.30"])
def test_a_package_that_is_too_old_is_said_to_be(capsys, package, version):
    package(f"__version__ = {version!r}")
    fake = report(capsys)["found"]["fake"]
    assert (fake["state"], fake["version"]) == ("old", version)
    assert "2.1" in fake["trouble"]


BROKEN = {
    "an error": ("raise RuntimeError('half an update')", "RuntimeError: half an update"),
    "an error without words": ("raise ValueError", "ValueError"),
    "a library that is not there": ("raise ImportError('libfoo.so.2: cannot open')", "libfoo.so.2"),
    "a package that it needs": ("import nosuchpackage", "nosuchpackage"),
    "sys.exit": ("import sys; sys.exit(0)", "SystemExit"),
    "Ctrl-C": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "the end of Python": ("import os; os._exit(3)", "exit status 3"),
    "a crash": ("import os; os.abort()", "ended Python"),
    "a syntax error": ("def f(:", "SyntaxError"),
    "endless recursion": ("def f(): f()\nf()", "RecursionError"),
    "an error that cannot be shown": (
        "class E(Exception):\n def __str__(self): raise ValueError\nraise E",
        "ended Python",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_package_is_reported_whatever_it_raises(capsys, package, case):
    code, words = BROKEN[case]
    package(code)
    fake = report(capsys)["found"]["fake"]
    assert fake["state"] == "broken"
    assert words in fake["trouble"]
    assert fake["install"] == 'python -m pip install --force-reinstall "fake>=2.1"'


def test_a_package_that_prints_spoils_nothing(capsys, package):
    package("import os, sys\nprint('{}', flush=True)\nos.write(1, b'[1]')\nsys.stderr.write('x')\n__version__ = '3'")
    assert report(capsys)["found"]["fake"]["state"] == "ok"


def test_a_package_that_hangs_is_given_up(capsys, monkeypatch, package):
    monkeypatch.setattr(doctor_packages, "TIMEOUT", 2.0)
    package("import time; time.sleep(60)")
    fake = report(capsys)["found"]["fake"]
    assert fake["state"] == "broken"
    assert "2 seconds" in fake["trouble"]


def test_a_file_of_ones_own_that_is_called_like_a_module_of_pythons_spoils_nothing(
    capsys, monkeypatch, package, tmp_path
):
    package("__version__ = '3'")
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "json.py").write_text("raise ValueError", encoding="utf-8")
    monkeypatch.chdir(folder)
    assert report(capsys)["found"]["fake"]["trouble"] == ""


def test_a_package_without_a_version_is_no_trouble(capsys, package):
    package("")
    fake = report(capsys)["found"]["fake"]
    assert (fake["state"], fake["version"]) == ("ok", "")


@pytest.mark.parametrize(("code", "state"), [(None, "missing"), ("1 / 0", "broken"), ("__version__ = '1'", "old")])
def test_something_required_that_does_not_work_is_exit_code_1(capsys, monkeypatch, package, code, state):
    monkeypatch.setattr(cli_doctor, "PACKAGES", (NEEDED,))
    if code:
        package(code)
    found = report(capsys, FAILED)
    assert found["ok"] is False
    assert found["found"]["fake"]["state"] == state
    assert run() == FAILED
    assert "NOT READY: fake is required" in capsys.readouterr().out


def test_a_python_that_is_too_old_is_exit_code_1(capsys, monkeypatch):
    monkeypatch.setattr(doctor_packages.sys, "version_info", (3, 10, 14))
    assert report(capsys, FAILED)["found"]["Python"]["state"] == "old"


def test_the_oldest_versions_are_those_of_pyproject(monkeypatch):
    monkeypatch.undo()
    path = ROOT / "pyproject.toml"
    if not path.is_file():
        pytest.skip("not in a checkout")
    project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(w for extra in project["optional-dependencies"].values() for w in extra)]
    oldest = {m[1]: m[2] for m in (re.fullmatch(r"([\w-]+)>=([\d.]+)", w) for w in wanted) if m}
    for package in (*cli_doctor.PACKAGES, cli_doctor.BROWSER_TESTS):
        if package.oldest:
            assert oldest[package.name] == package.oldest, package.name
    required = {re.match(r"[\w-]+", w)[0] for w in project["dependencies"]}
    assert required == {package.name for package in cli_doctor.PACKAGES if package.required}


# ---- programs --------------------------------------------------------------------------------------------


def test_without_any_program_everything_required_works_all_the_same(capsys, programs):
    programs()
    found = report(capsys)["found"]
    assert [found[name]["state"] for name in ("dot", "C compiler", "web browser")] == ["missing"] * 3
    assert ".svg" in found["dot"]["without"]
    assert "graphviz" in found["dot"]["install"]


GOOD_DOT = 'if [ "$1" = -V ]; then echo "dot - graphviz version 12.2.1 (0)" >&2; else echo "<svg></svg>"; fi'


def test_dot_is_tried_and_its_version_read(capsys, programs):
    programs(dot=GOOD_DOT)
    dot = report(capsys)["found"]["dot"]
    assert (dot["state"], dot["version"], dot["trouble"]) == ("ok", "12.2.1", "")


@pytest.mark.parametrize("script", ["echo broken >&2; exit 3", "exit 0", "kill -9 $$", "echo no picture"])
def test_a_dot_that_draws_nothing_is_broken(capsys, programs, script):
    programs(dot=script)
    dot = report(capsys)["found"]["dot"]
    assert dot["state"] == "broken"
    assert "dot" in dot["trouble"]


def test_a_compiler_is_found_under_any_of_its_names(capsys, programs):
    programs(clang="echo clang version 19.1.7")
    compiler = report(capsys)["found"]["C compiler"]
    assert (compiler["state"], compiler["version"]) == ("ok", "19.1.7")


def test_a_program_that_cannot_be_run_is_broken(capsys, programs):
    folder = programs(cc="")
    (folder / "cc").write_bytes(b"\x7fELFnot a program")
    compiler = report(capsys)["found"]["C compiler"]
    assert compiler["state"] == "broken"
    assert "cc" in compiler["trouble"]


@pytest.mark.parametrize(
    ("manager", "command"),
    [
        ("apt-get", "sudo apt-get install graphviz"),
        ("dnf", "sudo dnf install graphviz"),
        ("brew", "brew install graphviz"),
    ],
)
def test_the_command_for_a_program_is_this_systems(capsys, programs, manager, command):
    programs(**{manager: ""})
    assert report(capsys)["found"]["dot"]["install"] == command


@pytest.mark.parametrize("error", [None, RuntimeError("no display")])
def test_a_web_browser_that_is_missing_or_broken(capsys, monkeypatch, error):
    def get():
        raise error or doctor_programs.webbrowser.Error("none")

    monkeypatch.setattr(doctor_programs.webbrowser, "get", get)
    assert report(capsys)["found"]["web browser"]["state"] == ("broken" if error else "missing")


# ---- data, caches, arithmetic ----------------------------------------------------------------------------


@pytest.fixture
def mnist(monkeypatch):
    """Two small files instead of MNIST's four, of known bytes."""
    from hashlib import sha256

    from nn.download import KnownFile

    known = [KnownFile(name, 3, sha256(b"abc").hexdigest()) for name in ("one-idx1-ubyte", "two-idx1-ubyte")]
    monkeypatch.setattr(doctor_facts, "MNIST_FILES", known)


def test_mnist_in_a_folder_of_the_users(capsys, monkeypatch, mnist, tmp_path):
    monkeypatch.setenv("TINYGRAD_EDU_MNIST", str(tmp_path))
    (tmp_path / "one-idx1-ubyte").write_bytes(b"abc")
    facts = report(capsys)["facts"]["MNIST"]
    assert (facts["files"], facts["folder"], facts["other"]) == (1, str(tmp_path), [])
    assert "1 of 2" in facts["said"]
    assert "TINYGRAD_EDU_MNIST" in facts["said"]
    (tmp_path / "two-idx1-ubyte").write_bytes(b"abd")
    facts = report(capsys)["facts"]["MNIST"]
    assert (facts["files"], facts["other"]) == (2, ["two-idx1-ubyte"])
    assert "damaged: two-idx1-ubyte" in facts["said"]
    (tmp_path / "two-idx1-ubyte").write_bytes(b"abc")
    assert "right SHA-256" in report(capsys)["facts"]["MNIST"]["said"]


def test_mnist_that_is_nowhere_is_downloaded_by_train(capsys, mnist):
    facts = report(capsys)["facts"]
    assert facts["MNIST"]["files"] == 0
    assert "tinygrad-edu train --data mnist" in facts["MNIST"]["said"]
    assert "not there yet" in facts["cache"]["said"]


def test_a_cache_that_cannot_be_found_is_said_and_no_crash(capsys, monkeypatch):
    def fail():
        raise RuntimeError("no home")

    monkeypatch.setattr(doctor_facts, "cache_folder", fail)
    facts = report(capsys)["facts"]
    assert "no home" in facts["MNIST"]["said"]
    assert "no home" in facts["cache"]["said"]


@pytest.mark.parametrize(
    ("blas", "variable", "other"),
    [
        ("scipy-openblas", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
        ("mkl-sdl", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
        ("accelerate", "VECLIB_MAXIMUM_THREADS", "OMP_NUM_THREADS"),
    ],
)
def test_threads_are_pinned_by_the_variable_that_the_blas_reads(capsys, monkeypatch, blas, variable, other):
    built = {"Build Dependencies": {"blas": {"name": blas, "version": "1"}}}
    monkeypatch.setattr(doctor_facts.np, "show_config", lambda mode: built)
    monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(other, "1")
    threads = report(capsys)["facts"]["threads"]
    assert threads["pinned"] is False
    assert f"{variable}=1" in threads["said"]
    monkeypatch.setenv(variable, "2")
    threads = report(capsys)["facts"]["threads"]
    assert (threads["pinned"], threads["by"], threads["value"]) == (True, variable, "2")


@pytest.mark.parametrize("built", [None, {}, {"Build Dependencies": {}}])
def test_an_unknown_blas_is_no_crash(capsys, monkeypatch, built):
    monkeypatch.setattr(doctor_facts.np, "show_config", lambda mode: built)
    assert "unknown" in report(capsys)["facts"]["BLAS"]["said"]


@pytest.mark.parametrize(
    ("kernels", "wide", "chosen", "said"),
    [
        ("Haswell", True, None, True),
        ("SkylakeX", True, None, False),
        ("Haswell", False, None, False),
        ("Haswell", True, "Haswell", False),
    ],
)
def test_openblas_that_overlooks_avx512_is_noticed(capsys, monkeypatch, kernels, wide, chosen, said):
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    if chosen:
        monkeypatch.setenv("OPENBLAS_CORETYPE", chosen)

    class Fake:
        @staticmethod
        def threadpool_info():
            return [{"user_api": "openmp"}, {"user_api": "blas", "architecture": kernels}]

    monkeypatch.setitem(sys.modules, "threadpoolctl", Fake)
    monkeypatch.setattr(doctor_facts, "_has_avx512", lambda: wide)
    blas = report(capsys)["facts"]["BLAS"]
    assert blas["kernels"] == kernels
    assert ("OPENBLAS_CORETYPE=SkylakeX" in blas["said"]) == said


def test_without_threadpoolctl_the_rest_is_said(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    blas = report(capsys)["facts"]["BLAS"]
    assert blas["kernels"] == ""
    assert blas["name"]


# ---- what is said ----------------------------------------------------------------------------------------


def test_the_table_is_ascii_in_80_columns_and_names_every_part(capsys, package):
    package("raise RuntimeError('π is ' + 'very ' * 60 + 'wrong')")
    assert run() == OK
    out = capsys.readouterr().out
    assert out.isascii()
    assert max(map(len, out.splitlines())) <= 80
    assert "\\u03c0 is very" in out
    for part in ("Python", "fake", "dot", "web browser", "C compiler", "MNIST", "cache", "BLAS", "threads"):
        assert part in out
    lines = out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.split()[:2] == ["broken", "fake"])
    rest = "\n".join(lines[at:])
    assert "works without it: everything else" in rest
    assert 'to get it: python -m pip install --force-reinstall "fake>=2.1"' in rest


def test_all_is_well_is_one_line(capsys, monkeypatch, package, programs):
    package("__version__ = '3'")
    programs(dot=GOOD_DOT, cc="echo cc 1.2")
    monkeypatch.setattr(doctor_programs.webbrowser, "get", lambda: None)
    assert run() == OK
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == "ready: everything is here"
    assert "to get it" not in out


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_the_home_directory_is_a_tilde(capsys, monkeypatch, package, tmp_path, words):
    home = str(tmp_path / "home")
    monkeypatch.setenv("TINYGRAD_EDU_MNIST", home + "/data")
    package(f"raise RuntimeError({home!r} + '/lib/x.so is broken, and {home}2 is not home, {home}')")
    assert run(*words) == OK
    out = " ".join(capsys.readouterr().out.split())
    assert "~/data" in out
    assert "~/lib/x.so is broken" in out
    assert home + "2 is not home" in out
    assert home not in out.replace(home + "2", "")


def test_the_cache_is_below_the_home(capsys, monkeypatch):
    pytest.importorskip("platformdirs")
    if sys.platform.startswith("linux"):
        assert report(capsys)["facts"]["cache"]["folder"] == "~/.cache/tinygrad_edu"


def test_doctor_of_this_machine(capsys, monkeypatch):
    """The real packages: whatever is installed here, NumPy is, and doctor agrees with it."""
    monkeypatch.undo()
    assert run("--json") == OK
    found = json.loads(capsys.readouterr().out)
    parts = {part["name"]: part for part in found["found"]}
    import numpy

    assert (parts["numpy"]["state"], parts["numpy"]["version"]) == ("ok", numpy.__version__)
    assert parts["Python"]["version"] == ".".join(map(str, sys.version_info[:3]))
    assert found["schema"] == "tinygrad_edu/doctor/1"
    assert (parts["dot"]["state"] == "missing") == (shutil.which("dot") is None)
    assert str(Path.home()) not in json.dumps(found) or str(Path.home()) == "/"


def test_doctor_takes_no_other_words(capsys):
    assert run("--fix") == WRONG_USE
    assert len(capsys.readouterr().err.splitlines()) == 1
