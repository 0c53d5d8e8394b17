"""How a task gets to the broker: through Celery, whatever the broker, or as the envelope that Celery would make of it.

https://docs.celeryq.dev/en/stable/internals/protocol.html#version-2
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from celery import Celery
from celery.signals import after_task_publish, before_task_publish
from kombu.serialization import dumps
from kombu.transport.redis import Channel

from shared.deadline import Breaker, within_deadline, within_deadline_async
from shared.outbox import Message
from shared.payloads import shown_arguments
from shared.queue_limit import check_room
from shared.runnable import check_runnable
from shared.task_status import forget_task, note_task

# Options of a task's decorator that are left to Celery.
UNUSUAL = ("routing_key", "exchange", "priority", "expires", "delivery_mode", "compression", "immediate", "mandatory")

_breaker = Breaker()
os.register_at_fork(after_in_child=_breaker.reset)


@dataclass(frozen=True)
class Facts:
    """What the configuration of an app says about sending; to look it up each time would take longer than to send."""

    broker_url: str
    result_backend: str
    notes_beside_tasks: bool
    prefix: str
    suffixes: tuple[str, ...]  # of the lists that a queue consists of
    is_plain: bool
    serializer: str
    delivery_mode: Any
    retry_policy: dict[str, Any]


_facts: WeakKeyDictionary[Celery, Facts] = WeakKeyDictionary()


def facts(app: Celery) -> Facts:
    """Return what the configuration of ``app`` says about sending, as of the first time."""
    found = _facts.get(app)
    if found is None:
        conf, options = app.conf, app.conf.broker_transport_options
        separator = options.get("sep", Channel.sep)
        steps = options.get("priority_steps", Channel.priority_steps)
        found = _facts[app] = Facts(
            broker_url=conf.broker_url,
            result_backend=conf.result_backend,
            notes_beside_tasks=conf.broker_url == conf.result_backend,
            prefix=options.get("global_keyprefix", ""),
            suffixes=tuple(f"{separator}{step}" if step else "" for step in steps),
            is_plain=not (conf.task_send_sent_event or conf.task_compression),
            serializer=conf.task_serializer,
            delivery_mode=conf.task_default_delivery_mode,
            retry_policy=conf.task_publish_retry_policy,
        )
    return found


def send_by_celery(app: Celery, message: Message) -> None:
    """Send what a contract has prepared, however long the broker takes."""
    task_id, keeps_result = message["task_id"], not message["ignore_result"]
    eta = datetime.fromisoformat(message["eta"]) if message["eta"] else None
    # Noted before it is sent: a worker may be done before this thread gets to run again.
    if keeps_result:
        note_task(app, task_id)
    try:
        options: dict[str, Any] = {**message, "eta": eta, **shown_arguments((), message["kwargs"])}
        app.send_task(**options)
    except Exception:
        if keeps_result:
            forget_task(app, task_id)
        raise


def _send_with_room(app: Celery, messages: Sequence[Message]) -> None:
    for message in messages:
        check_room(app, message["queue"])
        send_by_celery(app, message)


def publish_by_celery(app: Celery, messages: Sequence[Message]) -> None:
    """Send messages through Celery and a thread, which may take as long as it likes.

    Raises:
        BrokerUnavailableError: the broker did not take all of them in time.
    """
    with _breaker.guard():
        within_deadline(lambda: _send_with_room(app, messages))


async def publish_by_celery_async(app: Celery, messages: Sequence[Message]) -> None:
    """Do the same without blocking the event loop."""
    await within_deadline_async(lambda: _send_with_room(app, messages))


def is_plain(app: Celery, message: Message) -> bool:
    """Return whether ``envelope`` knows everything that Celery would do to send ``message``."""
    options = _options(app, message)
    return facts(app).is_plain and not any(options.get(name) is not None for name in UNUSUAL)


def _options(app: Celery, message: Message) -> dict[str, Any]:
    """Return what the task's decorator says, if the task is one of this process's own."""
    task: Any = app.tasks.get(message["name"])
    check_runnable(task)
    return task._get_exec_options() if task is not None else {}


class Envelope:
    """A message as Celery hands it to kombu, and what Celery's signals tell about it.

    Attributes:
        queue: where it goes.
        exchange: through which exchange, empty for the default one.
        headers: of the message.
        properties: of the message.
        data: its serialized body, with its ``content_type`` and ``encoding``.
    """

    def __init__(self, app: Celery, message: Message) -> None:
        protocol: Any = app.amqp
        options = _options(app, message)
        self.queue = queue = protocol.router.expand_destination({"queue": message["queue"]})["queue"]
        # As Celery has it: for a direct exchange the default one does.
        self.exchange = "" if queue.exchange.type == "direct" else queue.exchange.name
        self.headers, self.properties, self._body, _ = protocol.create_task_message(
            message["task_id"],
            message["name"],
            kwargs=message["kwargs"],
            eta=message["eta"],
            root_id=message.get("root_id"),
            parent_id=message.get("parent_id"),
            ignore_result=message["ignore_result"],
            time_limit=options.get("time_limit"),
            soft_time_limit=options.get("soft_time_limit"),
            reply_to=app.thread_oid,  # type: ignore[attr-defined]
            **shown_arguments((), message["kwargs"]),
        )
        self.headers.update(message.get("headers") or {})
        self.routing_key: str = queue.routing_key if self.exchange else queue.name
        self._about = {
            "sender": message["name"],
            "exchange": self.exchange,
            "routing_key": self.routing_key,
            "headers": self.headers,
        }
        known = facts(app)
        more = {"declare": [queue], "properties": self.properties, "retry_policy": dict(known.retry_policy)}
        before_task_publish.send(**self._about, body=self._body, **more)
        self.properties["delivery_mode"] = known.delivery_mode
        kind, encoding, data = dumps(self._body, options.get("serializer") or known.serializer)
        self.content_type, self.encoding, self.data = str(kind), str(encoding), str(data)

    def tell(self) -> None:
        """Tell whoever listens that the broker has taken it."""
        after_task_publish.send(**self._about, body=self._body)
