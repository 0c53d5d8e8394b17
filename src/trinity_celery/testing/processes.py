"""Processes that a test starts, watches and stops, each with a log of its own."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from trinity_celery.testing.servers import StoppedError, stop_group, tail


def with_own_python(environment: dict[str, str]) -> dict[str, str]:
    """Return ``environment`` with this interpreter's programs first on PATH."""
    return {**environment, "PATH": os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])}


class Processes:
    """Running processes by name.

    Args:
        environment: the variables of each.
        directory: for their logs and their temporary files.
        root: where they run; the current directory by default.
    """

    def __init__(self, environment: dict[str, str], directory: Path, root: Path | None = None) -> None:
        self.environment = environment
        self.directory = directory
        self.root = root or Path.cwd()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def log(self, name: str) -> Path:
        """Return the file that holds a process's output."""
        return self.directory / f"{name}.log"

    def start(self, name: str, command: str, extra: dict[str, str] | None = None) -> "subprocess.Popen[bytes]":
        """Start one process with a session of its own.

        Its temporary files are in ``directory`` as well: a process that is killed leaves its own.
        """
        environment = {**self.environment, "TMPDIR": str(self.directory), **(extra or {})}
        with self.log(name).open("ab") as output:
            process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {command}"],
                cwd=self.root,
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._processes[name] = process
        return process

    def stop(self, *names: str, patience: float = 10) -> None:
        """Stop processes, all of them by default; those that do not listen are killed after ``patience`` seconds."""
        chosen = [self._processes.pop(name) for name in names or tuple(self._processes) if name in self._processes]
        for process in chosen:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in chosen:
            stop_group(process, None, patience)

    def send_signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a process."""
        self._processes[name].send_signal(number)

    def send_group_signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a process and all that it has started; a worker's children lead groups of their own."""
        found = subprocess.run(
            ["pgrep", "-s", str(self._processes[name].pid)], stdout=subprocess.PIPE, text=True, check=True
        )
        for pid in found.stdout.split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), number)

    def wait(self, name: str, patience: float) -> int:
        """Return the exit status of a process that ends by itself; raise ``TimeoutExpired`` if it does not."""
        return self._processes.pop(name).wait(patience)

    def wait_for_text(self, name: str, text: str, patience: float = 30) -> str:
        """Wait until a process has said ``text``, and return all that it has said.

        Args:
            name: the process.
            text: what its log is to hold.
            patience: seconds.

        Raises:
            StoppedError: a process ended meanwhile, or did not say it in time; the message holds the end of the log.
        """
        deadline = time.monotonic() + patience
        while text not in (log := self.log(name).read_text()):
            self.check()
            if time.monotonic() > deadline:
                raise StoppedError(f"error: {name} did not say {text!r}:\n{tail(self.log(name))}")
            time.sleep(0.05)
        return log

    def check(self) -> None:
        """Raise ``StoppedError`` with the end of its log if a process has ended."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise StoppedError(f"error: {name} ended with status {process.returncode}:\n{tail(self.log(name))}")
