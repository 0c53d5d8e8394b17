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
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from honcho.environ import parse

from trinity_celery.testing import rabbitmq
from trinity_celery.testing.redis import private_redis

HERE = Path(__file__).resolve().parent
PROCESSES = 6  # they wait most of the time


def copy_tests(sources: Path, folder: Path, kind: str) -> None:
    """Copy the tests without the package beside them, and let their ``conftest.py`` end in the project's."""
    (folder / "t").mkdir()
    for name in ("__init__.py", "canvas_helpers.py", "skip.py"):
        shutil.copy(sources / "t" / name, folder / "t")
    shutil.copytree(sources / "t" / "integration", folder / "t" / "integration")
    (folder / "t" / "integration" / "test_backend.py").unlink()  # it needs a server of Azure
    shutil.copy(sources / "pyproject.toml", folder)
    if kind == "project":
        with (folder / "t" / "integration" / "conftest.py").open("a") as conftest:
            conftest.write("\n\n" + (HERE / "project_app.py").read_text())


@contextmanager
def brokers(folder: Path, count: int) -> Iterator[list[str | None]]:
    """Yield the URLs of as many brokers; ``None`` where Redis is the broker.

    They are virtual hosts of one node: each of RabbitMQ's would take up seconds and hundreds of megabytes.
    """
    if os.environ["SUITE_BROKER"] != "rabbitmq":
        yield [None] * count
        return
    if (binary := rabbitmq.server_binary()) is None:
        raise SystemExit("RabbitMQ is not installed here")
    names = [f"suite-{number}" for number in range(count)]
    rights = {"user": "guest", "configure": ".*", "write": ".*", "read": ".*"}
    definitions = {
        # https://www.rabbitmq.com/docs/passwords#this-is-the-algorithm: a salt of four bytes comes first.
        "users": [
            {
                "name": "guest",
                "password_hash": b64encode(bytes(4) + sha256(bytes(4) + b"guest").digest()).decode(),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": "administrator",
            }
        ],
        "vhosts": [{"name": name} for name in ["/", *names]],
        "permissions": [{"vhost": name, **rights} for name in ["/", *names]],
    }
    (file := folder / "definitions.json").write_text(json.dumps(definitions))
    with rabbitmq.private_rabbitmq(folder / "rabbitmq", binary, settings=[f"load_definitions = {file}"]) as url:
        yield [urlsplit(url)._replace(path=f"/{name}").geturl() for name in names]


def variables(redis_url: str, broker_url: str | None) -> dict[str, str]:
    """Return the variables that tell the tests where a broker and a result backend are."""
    address = urlsplit(redis_url)
    return {
        "REDIS_URL": redis_url,
        "TEST_BROKER": broker_url or redis_url,
        "TEST_BACKEND": redis_url,
        "REDIS_HOST": str(address.hostname),
        "REDIS_PORT": str(address.port),
    }


def main(sources: str, outcomes: str, kind: str, *tests: str) -> int:
    """Run the tests, and return pytest's exit status."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="celery-suite-")))
        copy_tests(Path(sources), folder, kind)
        broker_urls = stack.enter_context(brokers(folder, min(PROCESSES, len(tests) or PROCESSES)))
        redis_urls = [stack.enter_context(private_redis(folder / str(each))) for each in range(len(broker_urls))]
        defaults = parse(Path("envs", "dev.env").read_text())
        environment = {
            **{name: value for name, value in {**defaults, **os.environ}.items() if not name.startswith("CELERY_")},
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONPATH": os.pathsep.join([str(HERE), str(folder), str(Path.cwd())]),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "WORKER_LOGLEVEL": "INFO",  # as in Celery's own runs: some tests read the log
            "SUITE_SERVERS": json.dumps(list(map(variables, redis_urls, broker_urls))),
            "SUITE_OUTCOMES": outcomes,
        }
        plugins = [word for name in ("celery.contrib.pytest", "xdist", "plugin") for word in ("-p", name)]
        command = [sys.executable, "-m", "pytest", *plugins, "-p", "no:cacheprovider", "-o", "addopts=", "-v"]
        options = [
            "--numprocesses",
            str(len(broker_urls)),
            "--dist",
            "load",
            "--maxschedchunk",
            "1",
            "--tb=native",
            "--durations=15",
        ]
        return subprocess.call([*command, *options, *(tests or ["t/integration"])], cwd=folder, env=environment)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
