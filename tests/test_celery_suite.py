"""Celery's own integration tests, run on an app that is configured as a project's are.

They come with the source distribution of the version that a rendered project installs. What is expected to fail stands
in ``tests/celery_suite/differences.py``, with a reason. Here the tests of tasks are run; ``make celery-suite`` runs all
of them.
"""

import json
import os
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.celery_suite.differences import BROKEN_UPSTREAM, DECISIONS
from tests.commands import PYTHON, run, run_and_leave_nothing
from tests.conftest import Bake
from tests.matrix import ROOT, Answers

PROJECTS: dict[str, Answers] = {"redis": {}}
SUITE = ROOT / "tests" / "celery_suite"
TESTS = ["t/integration"] if os.environ.get("CELERY_SUITE") == "all" else ["t/integration/test_tasks.py"]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a function that fetches the source distribution of a version of Celery, and returns its folder."""

    def fetch(version: str) -> Path:
        folder = tmp_path_factory.getbasetemp() / f"celery-{version}"
        if not folder.exists():
            options = ["--quiet", "--no-deps", "--no-binary", "celery", "--no-build-isolation"]
            options += ["--dest", str(folder.parent)]
            command = ["uvx", "--with", "setuptools", "pip", "download", *options, f"celery=={version}"]
            run_and_leave_nothing(command, folder.parent)
            shutil.unpack_archive(f"{folder}.tar.gz", folder.parent, filter="data")
        return folder

    return fetch


def is_listed(test: str, listed: dict[str, str]) -> bool:
    """Return whether ``test``, or the one of which it is a case, is in a table."""
    name = test.removeprefix("t/integration/")
    return name in listed or re.sub(r"\[.*", "", name) in listed


@pytest.mark.slow
@pytest.mark.parametrize("broker", PROJECTS)
def test_nothing_but_what_is_listed_differs_from_celery(broker: str, bake: Bake, sources: Any, tmp_path: Path) -> None:
    project = shutil.copytree(bake(**PROJECTS[broker]), tmp_path / "trinity")
    run_and_leave_nothing(["make", f"PYTHON={PYTHON}", "setup"], project)
    locked = tomllib.loads((project / "uv.lock").read_text())["package"]
    version = next(package["version"] for package in locked if package["name"] == "celery")
    expected = BROKEN_UPSTREAM | DECISIONS

    def failing(*tests: str) -> tuple[dict[str, str], str]:
        outcomes = tmp_path / "outcomes.json"
        python = project / ".venv" / "bin" / "python"
        ended = run(
            [python, SUITE / "run.py", sources(version), outcomes, "project", *tests], project, PYTHONPATH=str(project)
        )
        assert outcomes.exists(), ended.stdout[-5000:]
        found: dict[str, str] = json.loads(outcomes.read_text())
        outcomes.unlink()
        return found, ended.stdout

    found, _ = failing(*TESTS)
    assert len(found) > 50
    unexpected = [test for test, outcome in found.items() if outcome == "failed" and not is_listed(test, expected)]
    if unexpected:
        # Once more, and by itself: many of the tests depend on how fast the machine is.
        found, said = failing(*unexpected)
        assert [test for test, outcome in found.items() if outcome == "failed"] == [], said[-20_000:]
