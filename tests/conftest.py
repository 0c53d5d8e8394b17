"""Rendering for the tests: each set of answers once per worker process."""

import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from pytest_cookies.plugin import Cookies

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
