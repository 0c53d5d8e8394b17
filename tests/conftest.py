"""Rendering for the tests, each set of answers once per worker process; and which tests can run here."""

import json
import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from pytest_cookies.plugin import Cookies

from tests.compose import engine_answers
from tests.matrix import ROOT

Bake = Callable[..., Path]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Count a skipped test as failed: what is not tested here is tested nowhere."""
    report = yield
    if report.skipped:
        report.longrepr = f"skipped, which no test may be: {report.longrepr}"
        report.outcome = "failed"
    return report


def leaves_docker_out() -> bool:
    """Whether there is no Docker engine here, and need not be."""
    return not os.environ.get("CI") and not engine_answers()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep long tests apart; leave out what needs Docker where no engine answers, but in CI, where it then fails."""
    # Each process gets a part of the list as it stands, and the last test of a part is not given to another one.
    if long := [item for item in items if item.get_closest_marker("long")]:
        items.remove(long[0])
        items.insert(0, long[0])
    wanted = [item for item in items if item.get_closest_marker("docker")]
    if wanted and leaves_docker_out():
        items[:] = [item for item in items if item not in wanted]
        config.hook.pytest_deselected(items=wanted)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line what was left out."""
    if leaves_docker_out():
        terminalreporter.write_line("left out: the tests marked `docker`, since no Docker engine answers here")


@pytest.fixture(scope="session")
def bake(cookies_session: Cookies) -> Bake:
    """Return a function that renders the template with some answers and returns the project's folder; read it only.

    It raises what cookiecutter raised.
    """
    rendered: dict[str, Path] = {}

    def render(**answers: Any) -> Path:
        key = json.dumps(answers, sort_keys=True)
        if key not in rendered:
            result = cookies_session.bake(extra_context=answers, template=str(ROOT))
            if result.exception is not None:
                raise result.exception
            rendered[key] = result.project_path
        return rendered[key]

    return render
