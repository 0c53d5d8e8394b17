"""``python run.py SOURCES OUTCOMES KIND [TEST...]``: run Celery's own integration tests in a rendered project.

That is the working folder, and on ``PYTHONPATH``.

SOURCES is a source distribution's folder, OUTCOMES the file for the outcomes. KIND is ``project`` for an app that is
configured as the project's are, and ``stock`` for one that is not.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from devtools.broker import private_broker
from honcho.environ import parse

HERE = Path(__file__).resolve().parent
PROCESSES = 6  # they wait most of the time


def copy_tests(sources: Path, folder: Path, kind: str) -> None:
    """Copy the tests without the package beside them, and let their ``conftest.py`` end in the project's."""
    (folder / "t").mkdir()
    for name in ("__init__.py", "canvas_helpers.py", "skip.py"):
        shutil.copy(sources / "t" / name, folder / "t")
    shutil.copytree(sources / "t" / "integration", folder / "t" / "integration")
    shutil.copy(sources / "pyproject.toml", folder)
    if kind == "project":
        with (folder / "t" / "integration" / "conftest.py").open("a") as conftest:
            conftest.write("\n\n" + (HERE / "project_app.py").read_text())


def servers(environment: dict[str, str]) -> dict[str, str]:
    """Return the variables that tell the tests where a broker and a result backend are."""
    redis_url = environment["REDIS_URL"]
    address = urlsplit(redis_url)
    return {
        "REDIS_URL": redis_url,
        "CELERY_BROKER_URL": environment.get("CELERY_BROKER_URL", ""),
        "TEST_BROKER": environment.get("CELERY_BROKER_URL") or redis_url,
        "TEST_BACKEND": redis_url,
        "REDIS_HOST": str(address.hostname),
        "REDIS_PORT": str(address.port),
    }


def main(sources: str, outcomes: str, kind: str, *tests: str) -> int:
    """Run the tests, and return pytest's exit status."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="celery-suite-")))
        copy_tests(Path(sources), folder, kind)
        found = []
        for number in range(min(PROCESSES, len(tests) or PROCESSES)):
            (data := folder / str(number)).mkdir()
            found.append(stack.enter_context(private_broker({}, data)))
        defaults = parse(Path("envs", "dev.env").read_text())
        environment = {
            **{name: value for name, value in {**defaults, **os.environ}.items() if not name.startswith("CELERY_")},
            "PYTHONPATH": os.pathsep.join([str(HERE), str(folder), str(Path.cwd())]),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "SUITE_SERVERS": json.dumps([servers(each) for each in found]),
            "SUITE_OUTCOMES": outcomes,
        }
        plugins = [word for name in ("celery.contrib.pytest", "xdist", "plugin") for word in ("-p", name)]
        command = [sys.executable, "-m", "pytest", *plugins, "-p", "no:cacheprovider", "-o", "addopts=", "-q"]
        options = ["--numprocesses", str(len(found)), "--dist", "load", "--tb=short", "--durations=15"]
        return subprocess.call([*command, *options, *(tests or ["t/integration"])], cwd=folder, env=environment)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
