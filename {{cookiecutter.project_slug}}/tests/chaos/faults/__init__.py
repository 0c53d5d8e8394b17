"""The faults, each with the promise that must hold all the same. Every module of this package adds its own."""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from tests.chaos.lab import Trial

Attack = Callable[[Trial], None]


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong.

    Attributes:
        name: what it is called on the command line, in the table and in the tests.
        promise: what holds all the same; the guides say it in the same words.
        attack: does it, and notes what broke.
    """

    name: str
    promise: str
    attack: Attack


_FAULTS: dict[str, Fault] = {}


def fault(name: str, promise: str) -> Callable[[Attack], Attack]:
    """Make a function a fault."""

    def register(attack: Attack) -> Attack:
        _FAULTS[name] = Fault(name, promise, attack)
        return attack

    return register


def all_faults() -> dict[str, Fault]:
    """Return the faults by name."""
    for module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
        import_module(f"{__name__}.{module}")
    return dict(_FAULTS)
