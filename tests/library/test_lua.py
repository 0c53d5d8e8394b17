"""The Lua scripts: each says what it takes, and names what the rest of the library knows by the same names."""

import re
from pathlib import Path

import pytest

from tests.matrix import ROOT
from trinity_celery.brokers.redis import leases
from trinity_celery.messages import reasons

SCRIPTS = sorted((ROOT / "src").rglob("*.lua"))


def head_of(script: Path) -> str:
    lines = script.read_text().splitlines()
    return "\n".join(line for line in lines[: next(i for i, line in enumerate(lines) if not line.startswith("--"))])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: f"{script.parent.parent.name}/{script.stem}")
def test_head_describes_keys_or_arguments(script: Path) -> None:
    text, head = script.read_text(), head_of(script)
    for name in ("KEYS", "ARGV"):
        assert name not in text.removeprefix(head) or name in head or "common" in script.stem


def test_head_names_the_keys_of_leases() -> None:
    head = head_of(ROOT / "src/trinity_celery/brokers/redis/lua/common.lua")
    assert tuple(re.findall(r"^--   \d (\w+)", head, re.MULTILINE)) == leases.KEYS


def test_scripts_know_the_reasons_of_dead_letters() -> None:
    text = "".join(script.read_text() for script in SCRIPTS)
    named = set(re.findall(r"set_aside\('([a-z ]+)'", text))
    assert named == {reasons.GARBAGE, reasons.CRASH_LIMIT}


def test_page_about_the_states_of_a_message_names_every_key() -> None:
    page = (ROOT / "docs/explanation/delivery.md").read_text()
    states = page[page.index("### States of a message") :]
    named = set(re.findall(r"`([a-z_:]+)`", states[: states.index("Each move")]))
    head = head_of(ROOT / "src/trinity_celery/dead_letters/lua/common.lua")
    letters = re.findall(r"^--   \d (\w+)", head, re.MULTILINE)
    assert named - {"shop:leases"} == {*leases.KEYS, *(f"dead_letters:{name}" for name in letters)}
