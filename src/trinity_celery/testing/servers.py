"""A server process of our own: started in a folder, waited for, stopped."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


class StoppedError(SystemExit, Exception):
    """Ends a program with one line, as ``SystemExit`` does; a test meets it as an ordinary failure."""


def end_on_sigterm() -> Any:
    """Let SIGTERM end this process as an error does, so that what it has started is stopped; return the old handler.

    Whoever ends a group of processes sends it more than once: to make, which passes it on, and to this process.
    """

    def end(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.exit(143)

    return signal.signal(signal.SIGTERM, end)


def tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""


def stop_group(process: "subprocess.Popen[bytes]", sent: signal.Signals | None, patience: float) -> None:
    """Stop a process that leads a session of its own, and then whatever it left behind.

    Args:
        process: the leader.
        sent: the signal that asks it to stop; ``None`` if it was asked already.
        patience: seconds until it is killed.
    """
    if sent is not None and process.poll() is None:
        process.send_signal(sent)
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def server(
    command: list[str],
    directory: Path,
    is_ready: Callable[[], bool],
    environment: dict[str, str] | None = None,
    patience: float = 60,
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run ``command`` in ``directory`` while the context is open; its output goes to ``server.log`` there.

    Raises:
        StoppedError: it ended, or was not ready after ``patience`` seconds; the message holds the end of its log.
    """
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=directory, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        deadline = time.monotonic() + patience
        while not is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise StoppedError(f"error: {Path(command[0]).name} did not start:\n{tail(log)}")
            time.sleep(0.02)
        yield process
    finally:
        stop_group(process, signal.SIGTERM, patience=10)
