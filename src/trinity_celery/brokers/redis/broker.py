"""Redis or Valkey as the broker: what Celery has to know about it.

https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html
"""

import socket
from collections.abc import Sequence

from celery import Celery
from kombu import Connection, Exchange, Queue
from redis.exceptions import AuthenticationError, NoPermissionError

from trinity_celery._compat.kombu import register_transport
from trinity_celery.brokers.base import Recorder
from trinity_celery.brokers.redis import leases, publisher, quarantine
from trinity_celery.brokers.redis.channel import count_waiting
from trinity_celery.config.runtime import Runtime
from trinity_celery.config.settings import CelerySettings, Configuration, Role
from trinity_celery.connections.tls import redis_tls
from trinity_celery.messages.message import Message

# The transport under a name that reads well in a worker's log.
LEASED = "leased-redis"
register_transport(LEASED, "trinity_celery.brokers.redis.transport:Transport")


def _keepalive() -> dict[int, int]:
    # TCP_KEEPIDLE has another name on macOS; without it the kernel's own two hours hold.
    options = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
    return {getattr(socket, name): value for name, value in options.items() if hasattr(socket, name)}


class RedisBroker:
    """A Redis or Valkey server; the methods are described in ``trinity_celery.brokers.base``."""

    default_port = 6379
    batch = 250

    def configuration(self, runtime: Runtime, role: Role) -> Configuration:
        """Return the part of Celery's configuration that only holds for Redis and Valkey."""
        settings, patient = runtime.settings, role == "worker"
        queues = runtime.all_queues()
        return {
            "broker_transport": LEASED if settings.celery_broker_lease else None,
            "broker_use_ssl": redis_tls(settings.broker_url, settings.ca_file) or None,
            # A direct exchange: with a topic exchange, messages vanish silently after the server lost its bindings.
            "task_queues": [Queue(name, Exchange(name, type="direct"), routing_key=name) for name in queues],
            # Redis keeps unacknowledged messages across a reconnect; cancelling would run the tasks twice.
            "worker_cancel_long_running_tasks_on_connection_loss": False,
            "broker_transport_options": {
                # Two projects may share a server: without a prefix they would take each other's tasks.
                "global_keyprefix": f"{runtime.project.name}:",
                "lease": settings.celery_broker_lease,
                "visibility_timeout": settings.celery_broker_visibility_timeout,
                # Look for timed-out messages every 30 s; the default is about every 100 s.
                # https://github.com/celery/kombu/pull/2558
                "unacked_restore_interval": 30,
                "unacked_restore_throttle": 1,
                # None, the default, waits for ever on a server that accepts connections and does not answer.
                "socket_timeout": 5 if patient else 1,
                "socket_connect_timeout": 5 if patient else 1,
                "socket_keepalive": True,
                "socket_keepalive_options": _keepalive(),
                "health_check_interval": 25,
                # Kombu's own bound is ten in all. A worker waits on a connection for each queue, and with gevent it
                # acknowledges on as many at once as tasks run.
                "max_connections": 1000 if patient else 10 + len(queues),
                "client_name": f"{runtime.project.name}-{role}",
            },
        }

    def whole_delay(self, app: Celery, seconds: float) -> None:
        """Refuse a delay that is longer than the visibility timeout; any other is kept to the fraction of a second.

        A worker takes a delayed task at once and holds it. Without leases (``leases.py``), Redis gives it to another
        worker when the visibility timeout is over, and both run it. https://github.com/celery/kombu/issues/337

        Raises:
            ValueError: the delay reaches the visibility timeout.
        """
        options = app.conf.broker_transport_options
        limit = None if options.get("lease") else options.get("visibility_timeout")
        if limit is not None and seconds >= limit:
            raise ValueError(
                f"a delay of {seconds:.0f} s reaches the visibility timeout, and the task would run twice: "
                f"keep it below CELERY_BROKER_VISIBILITY_TIMEOUT ({limit} s)"
            )

    def redelivery(self, settings: CelerySettings) -> tuple[int, str] | None:
        """Return after how many seconds Redis hands a running task out again, and why; with leases it does not."""
        if settings.celery_broker_lease:
            return None
        timeout = settings.celery_broker_visibility_timeout
        return timeout, f"without leases it would run twice after CELERY_BROKER_VISIBILITY_TIMEOUT ({timeout} s)"

    def check(self, app: Celery) -> None:
        """Connect, once; raise whatever the client raises."""
        with app.connection_for_write() as connection:
            # By itself it would try again after two seconds, when nobody waits any more to hear what is wrong.
            transport = connection.transport
            transport.close_connection(transport.establish_connection())

    def collect(self, app: Celery, recorder: Recorder) -> int:
        """Hand over what the leases have put aside."""
        return quarantine.collect(app, recorder)

    def count_waiting(self, connection: Connection, queue: str) -> int:
        """Return how many tasks wait in ``queue`` now."""
        return count_waiting(connection, queue)

    def publish(self, app: Celery, messages: Sequence[Message]) -> None:
        """Send messages."""
        publisher.publish(app, messages)

    async def publish_async(self, app: Celery, messages: Sequence[Message]) -> None:
        """Do the same without blocking the event loop."""
        await publisher.publish_async(app, messages)

    async def close_async(self) -> None:
        """Close the connections of this event loop."""
        await publisher.close_lines()

    def refusal(self, error: BaseException) -> str | None:
        """Return what Redis refuses for good, and its words, or ``None`` if waiting may help."""
        said = " ".join(str(error).split())
        if isinstance(error, AuthenticationError):
            return "the name or the password"
        if isinstance(error, NoPermissionError):
            return f"the user a right that it needs ({said})"
        return f"the number of the database ({said})" if said.startswith("DB index is out of range") else None

    def keeps_rejected(self) -> bool:
        """Redis has no place for them."""
        return False

    def keep_running_tasks(self, connection: Connection | None) -> None:
        """Keep the leases of tasks that run."""
        from trinity_celery.brokers.redis.transport import keep_running_tasks  # which only workers need

        keep_running_tasks(connection)

    def give_back_all_but(self, tags: set[str]) -> None:
        """Put back all messages that this process has leased, except for those with ``tags``."""
        leases.give_back_all_but(tags)

    def flush(self) -> None:
        """Let every server forget what this process has acknowledged."""
        leases.flush()


BROKER = RedisBroker()
