"""Celery's own integration tests, run on an app that is configured as a project's are.

They come with the source distribution of the version that a rendered project installs. What is expected to fail stands
in ``tests/celery_suite/differences.py``, with a reason. Here the tests of tasks are run on Redis; ``make celery-suite``
runs all of them on both brokers.
"""

import json
import os
import re
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.celery_suite.differences import BROKEN_UPSTREAM, DECISIONS
from tests.commands import PYTHON, run, run_and_leave_nothing
from tests.conftest import Bake
from tests.matrix import ROOT, Answers

PROJECTS: dict[str, Answers] = {"redis": {}, "rabbitmq": {"broker": "rabbitmq"}}
SUITE = ROOT / "tests" / "celery_suite"
ALL = os.environ.get("CELERY_SUITE") == "all"
TESTS = ["t/integration"] if ALL else ["t/integration/test_tasks.py"]


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


@dataclass(frozen=True)
class Tally:
    """What became of the tests, but for those that were skipped."""

    outcomes: dict[str, str]
    lists: dict[str, dict[str, str]]

    def failed(self) -> list[str]:
        """Return what has failed."""
        return sorted(test for test, outcome in self.outcomes.items() if outcome == "failed")

    def reason(self, test: str, name: str) -> str | None:
        """Return why ``test``, or the one of which it is a case, may fail by the list that is called ``name``."""
        short = test.removeprefix("t/integration/")
        return self.lists[name].get(short) or self.lists[name].get(re.sub(r"\[.*", "", short))

    def unexpected(self) -> list[str]:
        """Return what has failed and is in no list."""
        return [test for test in self.failed() if not any(self.reason(test, name) for name in self.lists)]

    def lines(self) -> Iterator[str]:
        """Yield the counts, and below them each test that has failed."""
        listed = {
            name: [(test, reason) for test in self.failed() if (reason := self.reason(test, name))]
            for name in self.lists
        }
        counts = {
            "passed": sum(outcome == "passed" for outcome in self.outcomes.values()),
            **{name: len(tests) for name, tests in listed.items()},
            "unexpected": len(self.unexpected()),
        }
        yield ", ".join(f"{count} {name}" for name, count in counts.items())
        for name, tests in listed.items():
            yield from (f"  {name}: {test} ({reason})" for test, reason in tests)
        yield from (f"  unexpected: {test}" for test in self.unexpected())


@pytest.mark.slow
@pytest.mark.parametrize("broker", PROJECTS if ALL else ["redis"])
def test_nothing_but_what_is_listed_differs_from_celery(
    broker: str, bake: Bake, sources: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert broker != "rabbitmq" or shutil.which("rabbitmq-server"), (
        "needs rabbitmq-server on PATH (Debian: apt-get install rabbitmq-server)"
    )
    project = shutil.copytree(bake(**PROJECTS[broker]), tmp_path / "trinity")
    run_and_leave_nothing(["make", f"PYTHON={PYTHON}", "setup"], project)
    locked = tomllib.loads((project / "uv.lock").read_text())["package"]
    version = next(package["version"] for package in locked if package["name"] == "celery")
    lists = {"differ by decision": DECISIONS[broker], "broken upstream": BROKEN_UPSTREAM}

    def tally(*tests: str) -> tuple[Tally, str]:
        outcomes = tmp_path / "outcomes.json"
        python = project / ".venv" / "bin" / "python"
        command = [python, SUITE / "run.py", sources(version), outcomes, "project", *tests]
        ended = run(command, project, PYTHONPATH=str(project), SUITE_BROKER=broker)
        assert outcomes.exists(), ended.stdout[-5000:]
        found = Tally(json.loads(outcomes.read_text()), lists)
        outcomes.unlink()
        return found, ended.stdout

    found, said = tally(*TESTS)
    assert len(found.outcomes) > (400 if ALL else 50), said[-5000:]
    for _ in range(2):
        if unexpected := found.unexpected():
            # Again, and by themselves: many of the tests depend on how fast the machine is.
            again, said = tally(*unexpected)
            found = Tally(found.outcomes | again.outcomes, lists)
    with capsys.disabled():
        print(f"\nCelery {version}'s integration tests on {broker}:", *found.lines(), sep="\n")
    assert not found.unexpected(), said[-20_000:]
