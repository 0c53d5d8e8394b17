"""What a server refuses for good, such as a wrong password: whoever meets it says so in one line and ends.

What runs on Celery would try again for ever, as if the server were away.
"""

import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

from celery import Celery
from redis import Redis
from redis.exceptions import ResponseError

from trinity_celery.brokers.registry import BROKERS, find_broker
from trinity_celery.config.runtime import runtime_of
from trinity_celery.config.urls import name_server
from trinity_celery.connections.redis_client import NO_RETRY, redis_client
from trinity_celery.health.readiness import check_broker

TIMEOUT = 1  # seconds, of each step


def describe_refusal(variable: str, url: str, error: BaseException) -> str | None:
    """Return a line that says what the server refuses for good, or ``None`` if waiting may help.

    Args:
        variable: which names the server.
        url: of the server. If it did not answer, it is tried with TLS where the URL says without, and the reverse.
        error: what its client raised.
    """
    causes = list(_causes(error))
    problem = next(filter(None, (_find_refusal(url, cause) for cause in causes)), None)
    if problem is None and not any(isinstance(cause, ResponseError) for cause in causes):
        problem = _find_wrong_scheme(url)
    if problem is None:
        return None
    server = name_server(variable, url, find_broker(url).default_port)
    return f"{server} {problem} and start this process again"


def refuse_refusing_servers(app: Celery) -> None:
    """Ask the broker of ``app`` and every Redis server of its project. One that is away may come back.

    Raises:
        SystemExit: a server refuses for good what its URL says; one line for each names the variable.
    """
    runtime = runtime_of(app)
    settings = runtime.settings
    lines: dict[str, str | None] = {}
    try:
        check_broker(app)
    except Exception as error:  # whatever its client raises
        variable = settings.broker_variable
        lines[variable] = describe_refusal(variable, settings.broker_url, error)
    options: dict[str, object] = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT, "retry": NO_RETRY}
    for variable, url in settings.redis_servers.items():
        try:
            with redis_client(settings, url, **options) as client:
                _use(client, f"{runtime.project.name}:rights")
        except Exception as error:
            lines[variable] = lines.get(variable) or describe_refusal(variable, url, error)
    if refusals := [f"error: {line}" for line in lines.values() if line]:
        raise SystemExit("\n".join(refusals))


def _use(client: Redis, key: str) -> None:
    """Do what results need, as a user may be allowed to connect and nothing else."""
    with client.pipeline() as pipeline:
        pipeline.set(key, "", ex=1)
        pipeline.get(key)
        pipeline.publish(key, "")
        pipeline.execute()


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _find_refusal(url: str, error: BaseException) -> str | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = error.verify_message.rstrip(".")
        return f"shows a certificate that is not trusted ({reason}); correct the variable or TLS_CA_FILE"
    refused = find_broker(url).refusal(error)
    return f"refuses {refused}; correct the variable" if refused else None


def _find_wrong_scheme(url: str) -> str | None:
    """Return what is wrong if the server speaks TLS and the URL does not, or the reverse.

    Either looks like a server that is away, or that hangs.
    """
    parts = urlsplit(url)
    address = (parts.hostname or "", parts.port or find_broker(url).default_port)
    encrypted = f"{parts.scheme}s"
    with suppress(OSError), socket.create_connection(address, TIMEOUT) as connection:
        if encrypted in BROKERS:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with context.wrap_socket(connection):
                return f"speaks TLS; begin the URL with {encrypted}://"
        connection.sendall(b"PING\r\n\r\n")
        # Where TLS is spoken, the answer is an alert, which begins with the byte 21, or none.
        if (answer := connection.recv(1)) and chr(answer[0]).isprintable():
            return f"speaks no TLS; begin the URL with {parts.scheme.removesuffix('s')}://"
    return None
