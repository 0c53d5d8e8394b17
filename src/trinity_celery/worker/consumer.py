"""The part of a worker that takes messages: what it cannot take becomes a dead letter, and the worker goes on."""

from collections.abc import Callable
from functools import partial
from typing import Any

from celery import Celery
from celery.signals import celeryd_after_setup
from celery.utils.log import get_logger
from celery.worker import state
from celery.worker.state import active_requests
from kombu import Connection
from kombu.message import Message

from trinity_celery.brokers.registry import find_broker
from trinity_celery.config.runtime import runtime_of
from trinity_celery.config.settings import CelerySettings
from trinity_celery.dead_letters.collector import CollectStep
from trinity_celery.dead_letters.letters import letter_of
from trinity_celery.dead_letters.recorder import keep_failed_tasks, worker_dead_letters
from trinity_celery.dead_letters.status import mark_as_failed
from trinity_celery.dead_letters.store import keep_or_log
from trinity_celery.health.server_watch import ServerWatch
from trinity_celery.messages.decoding import decode
from trinity_celery.messages.reasons import UNDECODABLE, UNKNOWN_TASK
from trinity_celery.messages.runnable import refuse_unrunnable_tasks
from trinity_celery.worker.children import ChildrenStep, prepare_children
from trinity_celery.worker.heartbeat import HeartbeatStep, WaitingConsumer
from trinity_celery.worker.long_tasks import refuse_long_tasks
from trinity_celery.worker.memory import prepare_memory
from trinity_celery.worker.stop import StopStep

logger = get_logger(__name__)

Handler = Callable[[Message], None]


class Consumer(WaitingConsumer):
    """Celery's consumer, which would drop what it cannot take, or end because of it."""

    amqheartbeat: float
    connection_errors: object
    hub: object
    task_consumer: object

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._heartbeat = self.amqheartbeat
        self._watches_servers = False
        if self.hub is None:
            # With gevent, each turn of Celery's loop would wait up to a tenth of a second for heartbeats on the
            # connection on which events go out. That one does without them.
            self.amqheartbeat = 0

    def connection_for_read(self, heartbeat: float | None = None) -> Connection:
        """Connect to take messages, with heartbeats if the caller has any."""
        return super().connection_for_read(heartbeat if heartbeat is None else self._heartbeat)

    def connect(self) -> Connection:
        """Connect, and declare the queues of other workers, too: delayed tasks are bound to them all."""
        connection = super().connect()
        self._watch_servers()
        for queue in self.app.conf.task_queues:
            queue.bind(connection.default_channel).declare()
        return connection

    def _watch_servers(self) -> None:
        """Look at the servers of this project, once the broker is there.

        Raises:
            SystemExit: one refuses what its URL says, or, outside development, may lose tasks.
        """
        if not self._watches_servers:
            ServerWatch(self.app).begin(partial(setattr, state, "should_stop"))
            self._watches_servers = True

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Give up a lost connection, but not the tasks that run."""
        find_broker(self.app.conf.broker_url).keep_running_tasks(self.connection)
        super().on_connection_error_after_connected(exc)

    def on_close(self) -> None:
        """Forget what has not begun to run, and give its messages back."""
        super().on_close()
        running = {request.message.delivery_tag for request in tuple(active_requests)}
        find_broker(self.app.conf.broker_url).give_back_all_but(running)

    def create_task_handler(self, *arguments: Any, **options: Any) -> Handler:
        """Return the function that gets every message."""
        handle = super().create_task_handler(*arguments, **options)

        def check_and_handle(message: Message) -> None:
            problem = decode(message).problem
            if problem is None:
                handle(message)
            else:
                self.set_aside(message, UNDECODABLE, problem)

        return check_and_handle

    def on_decode_error(self, message: Message, exc: BaseException) -> None:
        """Set aside what cannot even be unpacked."""
        self.set_aside(message, UNDECODABLE, f"{type(exc).__name__}: {exc}")

    def on_unknown_task(self, body: object, message: Message, exc: BaseException) -> None:
        """Set aside a task that this worker does not know."""
        name = decode(message).headers["task"]
        self.set_aside(message, UNKNOWN_TASK, f"the worker {self.hostname} knows no task {name!r}")

    def on_invalid_task(self, body: object, message: Message, exc: BaseException) -> None:
        """Set aside a task that Celery refuses for whatever other reason."""
        self.set_aside(message, UNDECODABLE, f"{type(exc).__name__}: {exc}")

    def set_aside(self, message: Message, reason: str, error: str) -> None:
        """Make a dead letter of ``message``, and only then let the broker forget it."""
        letter = letter_of(runtime_of(self.app), message, reason, error)
        if keep_or_log(worker_dead_letters(self.app), letter):
            message.ack_log_error(logger, self.connection_errors)
            try:
                mark_as_failed(self.app, letter, message)
            except Exception as problem:  # whatever the backend's client raises
                logger.warning("task %s: its status cannot be kept: %s", letter.task_id, problem)
        elif find_broker(self.app.conf.broker_url).keeps_rejected():
            message.reject_log_error(logger, self.connection_errors)
        # Otherwise it stays unacknowledged, and comes again when this worker has ended.


def prepare_worker(app: Celery, settings: CelerySettings) -> None:
    """Let the workers of ``app`` write heartbeats and keep dead letters."""

    def check(**_: object) -> None:
        refuse_unrunnable_tasks(app.tasks.values())
        refuse_long_tasks(app, settings)

    # When all tasks are known.
    celeryd_after_setup.connect(check, weak=False)
    app.conf.worker_consumer = f"{__name__}:{Consumer.__name__}"
    app.steps["worker"] |= {ChildrenStep, CollectStep, HeartbeatStep, StopStep}
    keep_failed_tasks()
    prepare_children()
    prepare_memory()
