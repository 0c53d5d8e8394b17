"""A private RabbitMQ node on ports of its own, from a RabbitMQ that is installed on this machine."""

import os
import shlex
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from trinity_celery.testing.ports import free_port
from trinity_celery.testing.servers import server

# Debian puts a wrapper on PATH that insists on the user "rabbitmq"; this is what it wraps.
UNWRAPPED = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")

OF_NODE = ("HOME", "ERL_", "RABBITMQ_")  # how the variables begin that tell where a node is


def server_binary() -> str | None:
    """Return RabbitMQ's start script, or ``None`` if RabbitMQ is not installed."""
    return str(UNWRAPPED) if UNWRAPPED.exists() else shutil.which("rabbitmq-server")


@contextmanager
def private_rabbitmq(
    directory: Path, binary: str, port: int | None = None, settings: Sequence[str] = ()
) -> Iterator[str]:
    """Run a node while the context is open.

    Args:
        directory: for its data and its log, and for ``rabbitmqctl``, which asks this node.
        binary: RabbitMQ's start script.
        port: a free one by default.
        settings: further lines of its ``rabbitmq.conf``.

    Yields:
        its URL.
    """
    port = port or free_port()
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "plugins").write_text("[].\n")
    lines = [f"listeners.tcp.default = 127.0.0.1:{port}", *settings, ""]
    (directory / "rabbitmq.conf").write_text("\n".join(lines))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("RABBITMQ_")},
        "HOME": str(directory),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(free_port()),
        # Or it would refuse to end as long as it has not noticed that a killed node is gone.
        "ERL_EPMD_RELAXED_COMMAND_CHECK": "1",
        "RABBITMQ_NODENAME": f"private-{port}@localhost",
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
        "RABBITMQ_MNESIA_BASE": str(directory / "data"),
        "RABBITMQ_LOG_BASE": str(directory / "logs"),
        "RABBITMQ_PID_FILE": str(directory / "pid"),
    }

    control = directory / "rabbitmqctl"
    exports = [f"export {name}={shlex.quote(environment[name])}" for name in environment if name.startswith(OF_NODE)]
    command = f'exec {shlex.quote(str(Path(binary).with_name("rabbitmqctl")))} "$@"'
    control.write_text("\n".join(["#!/bin/sh", *exports, command, ""]))
    control.chmod(0o755)

    def is_ready() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as connection:
                connection.settimeout(1)
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return bool(connection.recv(1))
        except OSError:
            return False

    try:
        with server([binary], directory, is_ready, environment, patience=90) as process:
            yield f"amqp://guest:guest@127.0.0.1:{port}//"
            process.send_signal(signal.SIGTERM)
    finally:
        # Erlang's name server detaches itself from whoever started it.
        subprocess.run(["epmd", "-kill"], env=environment, check=False, capture_output=True)
