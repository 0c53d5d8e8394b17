"""Who breaks a setting is found out: with each of these, the promise named beside it breaks."""

import pytest

from tests.chaos.__main__ import run_fault
from tests.chaos.breakages import Breakage, breakages_for
from tests.chaos.brokers import BROKERS
from tests.chaos.faults import all_faults
from tests.chaos.lab import open_lab

FAULTS = all_faults()
CASES = [
    pytest.param(broker, breakage, id=f"{breakage.name}-{broker}")
    for broker in BROKERS
    for breakage in breakages_for(broker)
]


@pytest.mark.parametrize(("broker", "breakage"), CASES)
def test_broken_setting_is_found_out(broker: str, breakage: Breakage) -> None:
    with open_lab(broker, seed=1, breakage=breakage) as lab:
        lab.patience = 15
        outcome = run_fault(lab, FAULTS[breakage.fault])
        assert outcome.broken
        lab.keep = False
