"""``make dev``: everything runs, with reload of code, until Ctrl-C."""

import os
import sys
import threading
from pathlib import Path

import httpx
from honcho.manager import Manager
from trinity_celery.testing.ports import settle_ports
from trinity_celery.testing.processes import with_own_python

from devtools.broker import private_broker
from devtools.run_file import RUN_FILE, announced
from devtools.stack import ROOT, procfile, run_release
from devtools.web_services import WEB_SERVICES


def with_reload(command: str) -> str:
    """Return ``command`` such that its process begins anew when code changes.

    The web servers do so by themselves if asked; Celery does not.
    """
    if not command.startswith("trinity "):
        return f"{command} --reload"
    folders = [file.parent.name for file in ROOT.glob("*/__init__.py") if file.parent.name not in ("devtools", "tests")]
    return f'watchfiles --filter python --target-type command "{command}" {" ".join(sorted(folders))}'


def where_to_look(environment: dict[str, str]) -> list[str]:
    """Return a line for each page that somebody may want to open."""
    return [
        *(f"{service.title:<10} {service.address(environment)}{service.page}" for service in WEB_SERVICES),
        # jinja: if cookiecutter.use_flower
        f"{'Flower':<10} http://127.0.0.1:{environment['FLOWER_PORT']}/",
        # jinja: endif
    ]


def say_when_ready(environment: dict[str, str], stopped: threading.Event) -> None:
    """Wait until all web services answer, then print where to look."""
    client = httpx.Client(timeout=2, trust_env=False)
    waiting = [f"{service.address(environment)}/health/live" for service in WEB_SERVICES]
    while waiting:
        if stopped.wait(0.3):
            return
        try:
            client.get(waiting[0])
        except httpx.TransportError:
            continue
        waiting.pop(0)
    print("\n".join(["", "Ready:", *(f"  {line}" for line in where_to_look(environment)), "  Ctrl-C stops all.", ""]))


def main() -> None:
    """Run until Ctrl-C, or until one of the processes ends.

    Raises:
        SystemExit: another ``make dev`` or ``make broker`` runs here, or a process failed.
    """
    if RUN_FILE.exists():
        raise SystemExit(
            f"error: {RUN_FILE} is there: `make dev` or `make broker` runs already; if not, delete the file"
        )
    environment = with_own_python({**os.environ, "PYTHONUNBUFFERED": "1"})
    ports = settle_ports(environment, keep_usual=True)
    environment |= ports
    with private_broker(environment, Path(".run").resolve()) as found:
        environment |= found
        commands = procfile()
        run_release(commands, environment)
        manager = Manager()
        for name, command in commands.items():
            manager.add_process(name, with_reload(command), env=environment, cwd=str(ROOT))
        stopped = threading.Event()
        threading.Thread(target=say_when_ready, args=(environment, stopped), daemon=True).start()
        with announced({**found, **ports}):
            manager.loop()
        stopped.set()
    # Stopped by hand is how this ends well.
    sys.exit(0 if manager.returncode in (0, 130, 143) else manager.returncode)


if __name__ == "__main__":
    main()
