"""The template's own make targets, from a copy of the repository as somebody finds it after cloning."""

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.commands import PYTHON, run, run_and_leave_nothing
from tests.files import CACHES
from tests.matrix import ROOT

NOT_CLONED = shutil.ignore_patterns(".git", ".tools", "site", *CACHES)

OLD_PYTHON = """\
import sys
sys.version_info = (3, 9, 6, "final", 0)
"""

DEMO_THAT_FAILS = """\
#!/bin/sh
while [ "$1" != --output-dir ]; do shift; done
mkdir "$2/trinity"
printf 'demo:\\n\\t@echo the demo runs; exit 3\\n' > "$2/trinity/Makefile"
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the repository without anything that tools have put there."""
    return shutil.copytree(ROOT, tmp_path / "clone", ignore=NOT_CLONED)


@pytest.fixture
def path_without_uv(tmp_path: Path) -> Path:
    """A folder that holds what is on PATH, but neither uv nor any Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for source in map(Path, os.environ["PATH"].split(os.pathsep)):
        for program in source.iterdir() if source.is_dir() else ():
            link = folder / program.name
            if not link.is_symlink() and not re.match("uv|python|pip", program.name):
                link.symlink_to(program)
    return folder


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def python_with(module: str, text: str, folder: Path, program: Path) -> None:
    """Make ``program`` a Python that finds ``text`` as a module of its own."""
    script(folder / f"{module}.py", text)
    script(program, f'#!/bin/sh\nPYTHONPATH="{folder}" exec "{PYTHON}" "$@"\n')


def test_help_lists_every_target_that_is_for_people() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = set(re.findall(r"^\.PHONY: (\S+)$", makefile, re.MULTILINE)) - {"python"}
    listed = re.findall(r"^  (\S+) +\S", run(["make"], ROOT).stdout, re.MULTILINE)
    assert sorted(listed) == sorted(phony)


def test_old_python_is_refused_with_one_line(clone: Path, path_without_uv: Path, tmp_path: Path) -> None:
    python_with("sitecustomize", OLD_PYTHON, tmp_path / "old", path_without_uv / "python3")
    ended = run(["make", "demo"], clone, PATH=str(path_without_uv))
    first, *make_says = ended.stdout.splitlines()
    assert first == "error: python3 is 3.9.6: Python 3.11 or later is needed: make PYTHON=/path/to/python3 ..."
    assert [line for line in make_says if not line.startswith("make:")] == []
    assert ended.returncode != 0


def test_missing_python_is_said_with_one_line(clone: Path, path_without_uv: Path) -> None:
    ended = run(["make", "demo"], clone, PATH=str(path_without_uv))
    first, *make_says = ended.stdout.splitlines()
    assert first == (
        "error: python3 does not run: install Python 3.11 or later, or say where it is: "
        "make PYTHON=/path/to/python3 ..."
    )
    assert [line for line in make_says if not line.startswith("make:")] == []


def test_missing_venv_is_said_with_one_line(clone: Path, path_without_uv: Path, tmp_path: Path) -> None:
    python_with("venv", "raise SystemExit('no ensurepip')", tmp_path / "bare", path_without_uv / "python3")
    ended = run(["make", "demo"], clone, PATH=str(path_without_uv))
    _, second, *make_says = ended.stdout.splitlines()
    assert second == (
        "error: 'python3 -m venv' does not work: install your system's package for it (Debian: python3-venv), "
        "or uv itself"
    )
    assert [line for line in make_says if not line.startswith("make:")] == []
    assert not (clone / ".tools").exists()


@pytest.mark.parametrize("keep", ["", "1"])
def test_demo_passes_a_failure_on_and_cleans_up(keep: str, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    uv = script(tmp_path / "uv", DEMO_THAT_FAILS)
    ended = run([ROOT / "scripts" / "demo.sh"], tmp_path, UV=str(uv), PYTHON=PYTHON, KEEP=keep, TMPDIR=str(temporary))
    assert "the demo runs" in ended.stdout
    assert ended.returncode == 2  # make's own
    folders = list(temporary.iterdir())
    if keep:
        assert ended.stdout.endswith(f"The project is in {folders[0]}/trinity\n")
        assert (folders[0] / "trinity").is_dir()
    else:
        assert folders == []


@pytest.mark.slow
def test_demo_works_in_a_fresh_clone_without_uv(
    clone: Path, path_without_uv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):  # where only the system knows the authority of a proxy
        monkeypatch.delenv(name, raising=False)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    path = {"PATH": str(path_without_uv), "TMPDIR": str(temporary)}
    said = run_and_leave_nothing(["make", "demo", f"PYTHON={PYTHON}"], clone, **path)
    table = [re.split(r"  +", line) for line in said.splitlines()]
    ran = {(line[1], line[2], line[3]) for line in table if len(line) >= 5}
    assert {("Django", "platform", "platform"), ("Django", "atom", "atom")} <= ran
    assert {("FastAPI", "platform", "platform"), ("FastAPI", "atom", "atom")} <= ran
    done = re.search(r"^(\d+) of (\d+) tasks succeeded", said, re.MULTILINE)
    assert done
    assert done.group(1) == done.group(2)
    assert list(temporary.glob("trinity-demo.*")) == []  # uv leaves empty locks of its own
