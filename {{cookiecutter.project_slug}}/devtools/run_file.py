"""``.run/env``: where the other make targets find what ``make dev`` or ``make broker`` started."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RUN_FILE = Path(".run/env")


@contextmanager
def announced(variables: dict[str, str]) -> Iterator[None]:
    """Write ``variables`` to the file while the context is open."""
    RUN_FILE.parent.mkdir(exist_ok=True)
    RUN_FILE.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    try:
        yield
    finally:
        RUN_FILE.unlink(missing_ok=True)
