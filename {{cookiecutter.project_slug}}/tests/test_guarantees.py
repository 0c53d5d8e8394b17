"""What the guides promise is what `make chaos` tries, word for word and one for one. A failure names the fault."""

import re

import pytest

from devtools.stack import ROOT
from tests.chaos.breakages import BREAKAGES
from tests.chaos.faults import Fault, all_faults
from tests.chaos.lab import Outcome
from tests.chaos.report import table

FAULTS = all_faults()
GUIDES = "\n".join(page.read_text() for page in (ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.name)
def test_promise_stands_in_the_guides(fault: Fault) -> None:
    assert fault.promise in GUIDES, f"{fault.name}: no page of docs/ says: {fault.promise}"


def test_every_promise_in_the_guides_is_tried() -> None:
    assert set(re.findall(r"FAULT=([\w-]+)", GUIDES)) <= set(FAULTS)
    rows = re.findall(r"^\| `([\w-]+)` \| [^|]+ \|$", (ROOT / "docs/guarantees.md").read_text(), re.MULTILINE)
    assert rows
    assert [name for name in rows if name not in FAULTS] == []


def test_every_broken_setting_is_found_out_by_some_fault() -> None:
    assert BREAKAGES
    assert {each.fault for each in BREAKAGES.values()} <= set(FAULTS)
    assert set(re.findall(r"BREAK=([\w-]+)", GUIDES)) <= set(BREAKAGES)


def test_table_names_what_broke() -> None:
    rows = [
        Outcome("first", "redis", sent=10, effects=10, doubled=0, again=2, seconds=1.23, broken=[]),
        Outcome("second", "redis", sent=10, effects=8, doubled=1, again=0, seconds=None, broken=["2 tasks lost"]),
    ]
    assert table(rows).splitlines() == [
        "fault   broker  sent  effects  lost  doubled  run again  seconds",
        "first   redis     10       10     0        0          2      1.2",
        "second  redis     10        8     2        1          0        -",
        "BROKEN  second on redis: 2 tasks lost",
    ]
