"""The lab that all faults share, and the table at the end."""

import time
from collections.abc import Iterator

import pytest

from tests.chaos.brokers import BROKERS
from tests.chaos.lab import Lab, Outcome, open_lab
from tests.chaos.report import table

OUTCOMES = pytest.StashKey[list[Outcome]]()


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The project's own broker, and everything around it."""
    with open_lab(next(iter(BROKERS)), seed=int(time.time())) as opened:
        yield opened


@pytest.fixture
def outcomes(pytestconfig: pytest.Config) -> list[Outcome]:
    """The rows of the table."""
    return pytestconfig.stash.setdefault(OUTCOMES, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table."""
    if rows := config.stash.get(OUTCOMES, []):
        terminalreporter.write_line(f"\n{table(rows)}")
