"""The private broker of ``make dev``, ``make demo`` and the tests. Run as a module, it is all there is to run."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from trinity_celery.testing.redis import private_redis
from trinity_celery.testing.servers import end_on_sigterm

from devtools.run_file import announced


@contextmanager
def private_broker(environment: dict[str, str], directory: Path) -> Iterator[dict[str, str]]:
    """Start what ``environment`` does not name, and yield the variables that tell where it is.

    Args:
        environment: an empty or missing ``REDIS_URL`` asks for a private server.
        directory: for data and logs.
    """
    with ExitStack() as stack:
        found = {}
        if not environment.get("REDIS_URL"):
            found["REDIS_URL"] = stack.enter_context(private_redis(directory / "redis"))
        # jinja: if cookiecutter.broker == "rabbitmq"
        from trinity_celery.testing import rabbitmq

        if not environment.get("CELERY_BROKER_URL"):
            if binary := rabbitmq.server_binary():
                print("starting a private RabbitMQ ...", flush=True)
                found["CELERY_BROKER_URL"] = stack.enter_context(
                    rabbitmq.private_rabbitmq(directory / "rabbitmq", binary)
                )
            else:
                print("RabbitMQ is not installed here: the private Valkey is the broker this time", flush=True)
        # jinja: endif
        yield found


def main() -> None:
    """Run the broker until somebody stops it."""
    end_on_sigterm()
    with private_broker({}, Path(".run").resolve()) as found, announced(found):
        print("\n".join(f"{name}={value}" for name, value in found.items()))
        print("The other make targets find it. Ctrl-C stops it.", flush=True)
        with suppress(KeyboardInterrupt):
            signal.pause()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one would leave the server behind


if __name__ == "__main__":
    main()
