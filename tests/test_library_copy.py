"""The library's source in a rendered project: the same, whatever the template was rendered from and with."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands import run, tool
from tests.conftest import Bake
from tests.files import LIBRARY, files_below, parse
from tests.matrix import QUESTIONS, ROOT, Answers, renderings
from tests.test_makefile import NOT_CLONED
from tests.test_plan import complete

GIT = ["git", "-c", "user.name=A Tester", "-c", "user.email=tester@example.com", "-c", "init.defaultBranch=main"]
COOKIECUTTER = [sys.executable, "-m", "cookiecutter", "--default-config"]
CRUFT = [tool("cruft"), "create", "--default-config"]


def commit(template: Path) -> str:
    """Make a repository of ``template``, and return its URL."""
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "All of it"]):
        subprocess.run([*GIT, *command], cwd=template, check=True)
    return template.as_uri()


def pack(template: Path) -> str:
    """Make a zip archive as code hosts offer it, and return its path."""
    return shutil.make_archive(str(template), "zip", template.parent, template.name)


WAYS: dict[str, tuple[list[str], Callable[[Path], str]]] = {
    "a folder": (COOKIECUTTER, str),
    "a clone": (COOKIECUTTER, lambda template: f"git+{commit(template)}"),
    "an archive": (COOKIECUTTER, pack),
    "cruft": (CRUFT, commit),
}


def library_part(pyproject: str) -> str:
    """Return the lines of the repository's pyproject.toml that build the library, as they stand in a rendering."""
    lines = pyproject.splitlines(keepends=True)
    end = next(number for number, line in enumerate(lines) if line.startswith("# Below: "))
    return "".join(lines[: end - 1]).replace("src/README.md", "README.md")


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A copy of the repository in which the library has been used."""
    copy = shutil.copytree(ROOT, tmp_path / "template", ignore=NOT_CLONED)
    cache = copy / "src/trinity_celery/config/__pycache__"
    cache.mkdir()
    (cache / "__init__.cpython-311.pyc").touch()
    (copy / "src/trinity_celery/old.pyc").touch()
    return copy


@pytest.mark.parametrize("way", WAYS)
def test_source_comes_along_however_it_is_rendered(way: str, template: Path, tmp_path: Path) -> None:
    command, source = WAYS[way]
    arguments = ["--no-input", "--output-dir", str(tmp_path / "out"), source(template)]
    ended = run([*command, *arguments], tmp_path, HOME=str(tmp_path))
    assert ended.returncode == 0, ended.stdout
    library = tmp_path / "out" / "trinity" / LIBRARY
    found = {path.relative_to(library).as_posix(): path.read_bytes() for path in library.rglob("*") if path.is_file()}
    modules = {
        f"src/{path}": (ROOT / "src" / path).read_bytes()
        for path in files_below(ROOT / "src")
        if path.suffix != ".pyc" and path.name != "README.md"
    }
    assert found == modules | {
        "LICENSE": (ROOT / "LICENSE").read_bytes(),
        "README.md": (ROOT / "src/README.md").read_bytes(),
        "pyproject.toml": library_part((ROOT / "pyproject.toml").read_text()).encode(),
    }


def test_what_is_copied_of_pyproject_builds_the_library_and_no_more() -> None:
    whole = parse(ROOT / "pyproject.toml")
    part = tomllib.loads(library_part((ROOT / "pyproject.toml").read_text()))
    assert part == {
        "build-system": whole["build-system"],
        "project": whole["project"] | {"readme": "README.md"},
    }


@pytest.mark.parametrize("answers", [pytest.param(answers, id=name) for name, answers in renderings()])
def test_extras_of_a_project_are_those_of_its_answers(answers: Answers, bake: Bake) -> None:
    named = re.findall(r"trinity-celery\[(.*?)\]", (bake(**answers) / "pyproject.toml").read_text())
    given = complete(**answers)
    schedulers = {"redbeat": {"redbeat"}, "database": {"database-beat"}}
    services = {name for name in ("django", "fastapi", "flower") if given[f"use_{name}"]}
    assert len(named) == len(set(named))
    assert set(named) == {given["broker"], "testing"} | services | schedulers.get(given["beat_scheduler"], set())
    assert set(named) <= set(parse(ROOT / "pyproject.toml")["project"]["optional-dependencies"])


def test_source_needs_no_rendering() -> None:
    assert "packages" not in {path.partition("/")[0] for path in QUESTIONS["_copy_without_render"]}
    for path in files_below(ROOT / "src"):
        text = (ROOT / "src" / path).read_text()
        assert "{%" not in text or path.suffix == ".html", path  # Django's templates
        assert "# jinja:" not in text, path
        assert "cookiecutter" not in text, path
