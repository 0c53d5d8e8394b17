"""Each fault as a test: ``pytest tests/chaos/test_faults.py -k worker-kill``."""

import pytest

from tests.chaos.__main__ import run_fault
from tests.chaos.faults import Fault, all_faults
from tests.chaos.lab import Lab, Outcome


@pytest.mark.parametrize("fault", all_faults().values(), ids=lambda fault: fault.name)
def test_promise_holds(fault: Fault, lab: Lab, outcomes: list[Outcome]) -> None:
    outcome = run_fault(lab, fault)
    outcomes.append(outcome)
    assert not outcome.broken, f"{fault.promise} The logs are in {lab.folder}"
