"""Break things while tasks run, print what became of the tasks, and end with status 1 if a promise broke."""

import argparse
import sys
import time
from typing import NoReturn

from trinity_celery.testing.servers import end_on_sigterm

from tests.chaos.breakages import BREAKAGES
from tests.chaos.brokers import BROKERS
from tests.chaos.faults import Fault, all_faults
from tests.chaos.lab import Lab, Outcome, Trial, open_lab
from tests.chaos.long_run import LongRun
from tests.chaos.report import table


def run_fault(lab: Lab, fault: Fault) -> Outcome:
    """Let one fault happen and return its row."""
    trial = Trial(lab, fault.name)
    lab.say(f"{fault.name}: {fault.promise}")
    try:
        fault.attack(trial)
    finally:
        trial.stop_all()
    outcome = trial.outcome()
    if outcome.broken:
        # What broke must not spoil the next fault.
        lab.stop_worker()
    return outcome


def run_long(lab: Lab, tasks: int, seed: int) -> Outcome:
    """Let random faults happen for as long as tasks are sent."""
    trial = Trial(lab, "long-run")
    try:
        return LongRun(trial, tasks, seed).run()
    finally:
        trial.stop_all()


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with a command line."""

    def error(self, message: str) -> NoReturn:
        """End the process with status 2."""
        self.exit(2, f"error: {message}\n")


def arguments(given: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(prog="python -m tests.chaos", description=__doc__)
    faults = all_faults()
    parser.add_argument("--broker", choices=BROKERS, default=next(iter(BROKERS)))
    parser.add_argument("--fault", choices=faults, action="append", help="only this one; may be repeated")
    parser.add_argument("--break", choices=BREAKAGES, dest="breakage", help="break a setting: its fault must find out")
    parser.add_argument("--long", action="store_true", help="many tasks, and a random fault every few seconds")
    parser.add_argument("--tasks", type=int, default=10_000, help="how many, with --long")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="decides about everything random")
    return parser.parse_args(given)


def main(given: list[str]) -> int:
    """Return the exit status."""
    end_on_sigterm()
    options = arguments(given)
    broken = BREAKAGES.get(options.breakage)
    faults = all_faults()
    names = options.fault or ([broken.fault] if broken else faults)
    print(f"broker {options.broker}, seed {options.seed}", flush=True)
    outcomes = []
    with open_lab(options.broker, options.seed, broken) as lab:
        try:
            if options.long:
                outcomes.append(run_long(lab, options.tasks, options.seed))
            else:
                for name in names:
                    outcomes.append(run_fault(lab, faults[name]))
        finally:
            print(f"\n{table(outcomes)}\n", flush=True)
    if any(outcome.broken for outcome in outcomes):
        print("error: a promise broke", file=sys.stderr)
        return 1
    print("Every promise held.")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
