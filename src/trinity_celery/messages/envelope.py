"""What goes to the broker for a task: the envelope that Celery would make of it, or Celery does all of it.

https://docs.celeryq.dev/en/stable/internals/protocol.html#version-2
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from celery import Celery
from celery.signals import after_task_publish, before_task_publish
from kombu.serialization import dumps

from trinity_celery._compat.celery import decorator_options, reply_queue_id, task_message
from trinity_celery.messages.message import Message
from trinity_celery.messages.payloads import shown_arguments
from trinity_celery.messages.runnable import check_runnable
from trinity_celery.messages.status import forget_task, note_task

# Options of a task's decorator that are left to Celery.
UNUSUAL = ("routing_key", "exchange", "priority", "expires", "delivery_mode", "compression", "immediate", "mandatory")


@dataclass(frozen=True)
class SendingConfig:
    """What the configuration of an app says about sending; to look it up each time would take longer than to send."""

    broker_url: str
    result_backend: str
    notes_beside_tasks: bool
    is_plain: bool
    serializer: str
    delivery_mode: object
    retry_policy: dict[str, object]


_configs: WeakKeyDictionary[Celery, SendingConfig] = WeakKeyDictionary()


def sending_config(app: Celery) -> SendingConfig:
    """Return what the configuration of ``app`` says about sending, as of the first time."""
    found = _configs.get(app)
    if found is None:
        conf = app.conf
        found = _configs[app] = SendingConfig(
            broker_url=conf.broker_url,
            result_backend=conf.result_backend,
            notes_beside_tasks=conf.broker_url == conf.result_backend,
            is_plain=not (conf.task_send_sent_event or conf.task_compression),
            serializer=conf.task_serializer,
            delivery_mode=conf.task_default_delivery_mode,
            retry_policy=conf.task_publish_retry_policy,
        )
    return found


def send_by_celery(app: Celery, message: Message) -> None:
    """Send what a contract has prepared, however long the broker takes."""
    task_id, keeps_result = message.task_id, not message.ignore_result
    eta = datetime.fromisoformat(message.eta) if message.eta else None
    # Noted before it is sent: a worker may be done before this thread gets to run again.
    if keeps_result:
        note_task(app, task_id)
    try:
        options: dict[str, Any] = {**vars(message), "eta": eta, **shown_arguments((), message.kwargs)}
        app.send_task(**options)
    except Exception:
        if keeps_result:
            forget_task(app, task_id)
        raise


def is_plain(app: Celery, message: Message) -> bool:
    """Return whether ``envelope`` knows everything that Celery would do to send ``message``."""
    options = _options(app, message)
    return sending_config(app).is_plain and not any(options.get(name) is not None for name in UNUSUAL)


def _options(app: Celery, message: Message) -> dict[str, Any]:
    """Return what the task's decorator says, if the task is one of this process's own."""
    task = app.tasks.get(message.name)
    check_runnable(task)
    return decorator_options(task) if task is not None else {}


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
        options = _options(app, message)
        self.queue = queue = app.amqp.router.expand_destination({"queue": message.queue})["queue"]
        # As Celery has it: for a direct exchange the default one does.
        self.exchange = "" if queue.exchange.type == "direct" else queue.exchange.name
        self.headers, self.properties, self._body = task_message(
            app,
            message.task_id,
            message.name,
            kwargs=message.kwargs,
            eta=message.eta,
            root_id=message.root_id,
            parent_id=message.parent_id,
            ignore_result=message.ignore_result,
            time_limit=options.get("time_limit"),
            soft_time_limit=options.get("soft_time_limit"),
            reply_to=reply_queue_id(app),
            **shown_arguments((), message.kwargs),
        )
        self.headers.update(message.headers)
        self.routing_key: str = queue.routing_key if self.exchange else queue.name
        self._about = {
            "sender": message.name,
            "exchange": self.exchange,
            "routing_key": self.routing_key,
            "headers": self.headers,
        }
        known = sending_config(app)
        more = {"declare": [queue], "properties": self.properties, "retry_policy": dict(known.retry_policy)}
        before_task_publish.send(**self._about, body=self._body, **more)
        self.properties["delivery_mode"] = known.delivery_mode
        kind, encoding, data = dumps(self._body, options.get("serializer") or known.serializer)
        self.content_type, self.encoding, self.data = str(kind), str(encoding), str(data)

    def emit_published(self) -> None:
        """Send Celery's signal that the broker has taken it."""
        after_task_publish.send(**self._about, body=self._body)
