"""Settings that are broken on purpose, each with the fault that must find it out: else the fault proves nothing."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Breakage:
    """What is wrong with the project on purpose; by default nothing.

    Attributes:
        name: what it is called on the command line and in the tests.
        fault: the fault that must find it out.
        settings: of Celery, for workers and senders.
        environment: variables of the processes.
        forgetful: whether the broker keeps nothing on disk.
        broker: the only one with which it makes a difference, if it does not with all.
    """

    name: str = ""
    fault: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    forgetful: bool = False
    broker: str = ""

    def as_json(self) -> str:
        """Return the settings as a worker takes them."""
        return json.dumps(self.settings)


BREAKAGES: dict[str, Breakage] = {}


def breakage(name: str, fault: str, **what: Any) -> None:
    """Add one to the table."""
    BREAKAGES[name] = Breakage(name, fault, **what)


def breakages_for(broker: str) -> list[Breakage]:
    """Return those that make a difference with a broker."""
    return [each for each in BREAKAGES.values() if each.broker in ("", broker)]
