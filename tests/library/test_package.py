"""The distributions of the library: what they hold, and that they install and import alone."""

import re
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import trinity_celery
from tests.commands import PYTHON, run
from tests.conftest import Bake
from tests.files import LIBRARY, files_below
from tests.matrix import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
VERSION = trinity_celery.__version__
MODULES = {path.as_posix() for path in files_below(ROOT / "src") if path.suffix != ".pyc"} - {"README.md"}
FRAMEWORKS = {"django", "django_celery_beat", "fastapi", "flower", "gevent", "redbeat", "sqlalchemy"}


def build(source: Path, folder: Path) -> Path:
    """Build the source distribution, and the wheel from it; return where both are."""
    ended = run(["uv", "build", "--quiet", "--out-dir", folder, source], ROOT)
    assert ended.returncode == 0, ended.stdout
    return folder


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with both distributions."""
    return build(ROOT, tmp_path_factory.mktemp("distributions"))


@pytest.fixture(scope="session")
def wheel(distributions: Path) -> Path:
    """The wheel."""
    return distributions / f"trinity_celery-{VERSION}-py3-none-any.whl"


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


def test_version_is_said_once() -> None:
    assert PROJECT["version"] == VERSION


def test_wheel_holds_the_library_only(wheel: Path) -> None:
    about = f"trinity_celery-{VERSION}.dist-info"
    names = {f"{about}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")}
    assert set(contents(wheel)) == MODULES | names
    assert "trinity_celery/py.typed" in MODULES


def test_source_distribution_holds_the_library_only(distributions: Path) -> None:
    top = f"trinity_celery-{VERSION}"
    with tarfile.open(distributions / f"{top}.tar.gz") as archive:
        names = {member.name.removeprefix(f"{top}/") for member in archive if member.isfile()}
    names.discard("pyproject.toml.orig")  # newer versions of uv write the other one anew
    assert names == {"LICENSE", "PKG-INFO", "pyproject.toml", "src/README.md", *(f"src/{name}" for name in MODULES)}


def test_every_extra_is_in_the_readme() -> None:
    table = re.findall(r"^\| (`.+`) \|", (ROOT / "src/README.md").read_text(), re.MULTILINE)
    assert set(re.findall(r"`(.+?)`", " ".join(table))) == set(PROJECT["optional-dependencies"])


def test_source_in_a_rendering_builds_the_same_wheel(wheel: Path, bake: Bake, tmp_path: Path) -> None:
    copied = build(bake() / LIBRARY, tmp_path) / wheel.name
    assert contents(copied) == contents(wheel)


def test_wheel_installs_alone_and_imports_no_framework(wheel: Path, tmp_path: Path) -> None:
    python = tmp_path / "venv/bin/python"
    for command in (
        ["venv", "--python", PYTHON, str(tmp_path / "venv")],
        # In the repository's folder, whose pyproject.toml says as on which day versions are chosen.
        ["pip", "install", "--python", str(python), str(wheel)],
    ):
        ended = run(["uv", "--quiet", *command], ROOT)
        assert ended.returncode == 0, ended.stdout
    asked = "import sys, trinity_celery as it; print(it.__version__, *sys.modules, it.__file__)"
    ended = run([python, "-I", "-c", asked], tmp_path)
    version, *modules, file = ended.stdout.split()
    assert version == VERSION
    assert FRAMEWORKS & set(modules) == set()
    assert Path(file).is_relative_to(tmp_path)
