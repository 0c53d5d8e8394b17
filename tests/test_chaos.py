"""``make chaos`` in rendered projects: no promise breaks, with either broker, and a broken setting is found out."""

import re
import shutil
from pathlib import Path

import pytest

from tests.commands import PYTHON, run, run_and_leave_nothing
from tests.conftest import Bake
from tests.matrix import Answers

pytestmark = pytest.mark.slow

# Beat is tried with one broker: its store is not the broker.
PROJECTS: dict[str, Answers] = {"redis": {}, "rabbitmq": {"broker": "rabbitmq", "beat_scheduler": "none"}}


@pytest.mark.parametrize("name", PROJECTS)
def test_every_promise_holds(name: str, bake: Bake, tmp_path: Path) -> None:
    project = shutil.copytree(bake(**PROJECTS[name]), tmp_path / "trinity")
    said = run_and_leave_nothing(["make", f"PYTHON={PYTHON}", "chaos", "SEED=1"], project)
    rows = re.findall(rf"^([\w-]+) +{name} +(\d+) +(\d+) +(\d+) +(\d+) ", said, re.MULTILINE)
    assert len(rows) > 10, said
    for fault, sent, effects, lost, doubled in rows:
        assert int(sent) == int(effects) > 0, fault
        assert (lost, doubled) == ("0", "0"), fault


def test_broken_setting_is_named(bake: Bake, tmp_path: Path) -> None:
    project = shutil.copytree(bake(beat_scheduler="none", use_django=False), tmp_path / "trinity")
    ended = run(["make", f"PYTHON={PYTHON}", "chaos", "SEED=1", "BREAK=lost-process-counts-as-failure"], project)
    assert ended.returncode == 2, ended.stdout
    assert "BROKEN  child-kill-once on redis: 1 tasks lost" in ended.stdout
