"""Send a task to whichever service owns it, with a bound on how long that may take.

Celery's own ``delay`` blocks while the broker is away: for seconds if it refuses, without end if it is frozen. Here
the caller waits no longer than ``DEADLINE`` (``shared/deadline.py``).
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Generic, TypeVar
from uuid import uuid4

from celery import Signature, current_app, current_task
from celery.utils.log import get_logger
from pydantic import BaseModel

from shared.broker import Broker
from shared.database import Database, any_database, open_database
from shared.deadline import DEADLINE, BrokerUnavailableError
from shared.delays import settle_delay
from shared.find_broker import find_broker
from shared.idempotency import HEADER, MAX_KEY_LENGTH
from shared.layout import SERVICES
from shared.outbox import Message, UnsendableError, relay, write_down
from shared.payloads import check_size, shown_arguments
from shared.publishing import facts, send_by_celery
from shared.queue_limit import QueueFullError

Payload = TypeVar("Payload", bound=BaseModel)
logger = get_logger(__name__)


class PartlySentError(BrokerUnavailableError):
    """Some of many tasks were sent, and the rest was not; ``task_ids`` are those of the tasks that were sent."""

    def __init__(self, problem: BrokerUnavailableError, task_ids: list[str], total: int) -> None:
        super().__init__(f"{len(task_ids)} of {total} tasks were sent: {problem}")
        self.task_ids = task_ids


@dataclass(frozen=True)
class Contract(Generic[Payload]):
    """A task that may be started from anywhere in the project, by name, without importing the code that runs it.

    Attributes:
        name: the name under which the owner's worker registers the task.
        queue: where it goes.
        payload: the model whose fields are the task's arguments.
        keeps_result: whether the sender may ask for its status and result.
        key: what of a payload says that two sendings mean the same (``shared/idempotency.py``); by default each sending
            stands for itself.
        outbox: write the message into the sender's database first (``shared/outbox.py``), so that neither a crash nor
            a missing broker can lose it.
    """

    name: str
    queue: str
    payload: type[Payload]
    keeps_result: bool = True
    key: Callable[[Any], str] | None = None
    outbox: bool = False

    def send(
        self,
        payload: Payload,
        *,
        task_id: str | None = None,
        countdown: float | None = None,
        eta: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> str:
        """Send the task and return its id.

        While a transaction of this process's database is open, the task waits for its commit, and is forgotten if it
        is rolled back.

        Args:
            payload: the arguments.
            task_id: an id of the caller's own; by default a new one.
            countdown: seconds before the task may start.
            eta: when the task may start, with a time zone.
            idempotency_key: sendings with the same key mean the same; by default what the contract's ``key`` says.

        Raises:
            BrokerUnavailableError: the broker did not take the task in time; one that was frozen may take it later.
                Raised by the commit if one is waited for, and never for a contract with an outbox.
            QueueFullError: too many tasks wait in the queue; it is a ``BrokerUnavailableError``, too.
            MessageTooLargeError: the payload is larger than ``CELERY_MESSAGE_SIZE_LIMIT``.
            ValueError: ``countdown`` or ``eta`` lies too far ahead, or the key is too long.
        """
        message = self._message(payload, task_id, countdown, eta, idempotency_key)
        self._hand_over([message])
        return str(message["task_id"])

    async def send_async(
        self,
        payload: Payload,
        *,
        task_id: str | None = None,
        countdown: float | None = None,
        eta: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> str:
        """Do the same as ``send`` without blocking the event loop."""
        if self.outbox or open_database():
            send = partial(self.send, task_id=task_id, countdown=countdown, eta=eta, idempotency_key=idempotency_key)
            return await asyncio.to_thread(send, payload)
        message = self._message(payload, task_id, countdown, eta, idempotency_key)
        await publish_async(_app(), [message])
        return str(message["task_id"])

    def send_many(self, payloads: Iterable[Payload], *, countdown: float | None = None) -> list[str]:
        """Send a task for each of ``payloads``, hundreds in one round trip, and return their ids.

        What ``send`` says holds here, too; its deadline is that of each round trip.

        Raises:
            PartlySentError: some were sent, the rest was not; it is a ``BrokerUnavailableError``, too. After any other
                error, none was.
        """
        messages = self._messages(payloads, countdown)
        self._hand_over(messages)
        return [str(message["task_id"]) for message in messages]

    async def send_many_async(self, payloads: Iterable[Payload], *, countdown: float | None = None) -> list[str]:
        """Do the same as ``send_many`` without blocking the event loop."""
        if self.outbox or open_database():
            return await asyncio.to_thread(self.send_many, payloads, countdown=countdown)
        messages = self._messages(payloads, countdown)
        await publish_async(_app(), messages)
        return [str(message["task_id"]) for message in messages]

    def signature(self, payload: Payload, *, idempotency_key: str | None = None) -> Signature:
        """Return the task as a part of a chain, a group or a chord; it takes nothing from the task before it.

        Celery sends it then, and without what ``send`` does: no commit is waited for, no outbox is used.
        https://docs.celeryq.dev/en/stable/userguide/canvas.html

        Raises:
            MessageTooLargeError: the payload is larger than ``CELERY_MESSAGE_SIZE_LIMIT``.
            ValueError: the key is too long.
        """
        return self._part(payload.model_dump(mode="json"), self._key(payload, idempotency_key), immutable=True)

    def following(self, *, idempotency_key: str | None = None, **fields: Any) -> Signature:
        """Return the task as one that goes on with what the task before it in a chain, or a chord's header, returned.

        That is the payload's first field, and ``fields`` are the others. Whether all of it fits is checked on the
        worker, when the task is about to start.

        Raises:
            MessageTooLargeError: ``fields`` are larger than ``CELERY_MESSAGE_SIZE_LIMIT``.
            ValueError: a field is unknown or missing, or the key is too long.
        """
        first = next(iter(self.payload.model_fields), None)
        others = {name: field.is_required() for name, field in self.payload.model_fields.items() if name != first}
        needed = {name for name, is_required in others.items() if is_required}
        if first is None or not needed <= fields.keys() <= others.keys():
            raise ValueError(
                f"{self.name}: takes {first or 'nothing'} from the task before it; "
                f"its other fields are: {', '.join(others) or 'none'}"
            )
        arguments = self.payload.model_construct(**fields).model_dump(mode="json", exclude_unset=True)
        return self._part(arguments, self._key(None, idempotency_key), immutable=False)

    def _part(self, arguments: dict[str, Any], key: str | None, *, immutable: bool) -> Signature:
        check_size(self.name, (), arguments)
        shown = shown_arguments((), arguments)
        options: dict[str, Any] = {
            "queue": self.queue,
            "ignore_result": not self.keeps_result,
            "headers": {HEADER: key} if key else {},
            # What comes from the task before is not known yet, and may hold secrets.
            **(shown if immutable else shown | {"argsrepr": "(...)"}),
        }
        return Signature(self.name, kwargs=arguments, options=options, immutable=immutable, app=_app())

    def _messages(self, payloads: Iterable[Payload], countdown: float | None) -> list[Message]:
        return [self._message(payload, None, countdown, None, None) for payload in payloads]

    def _hand_over(self, messages: Sequence[Message]) -> None:
        if self.outbox and (database := any_database()):
            _send_through_outbox(database, messages)
        elif database := open_database():
            database.after_commit(partial(_send_now, messages))
        else:
            _send_now(messages)

    def _message(
        self,
        payload: Payload,
        task_id: str | None,
        countdown: float | None,
        eta: datetime | None,
        idempotency_key: str | None,
    ) -> Message:
        """Return the task as data that JSON can hold."""
        if countdown is not None or eta is not None:
            settle_delay(_app(), countdown, eta)
        if countdown is not None:
            eta = datetime.now(UTC) + timedelta(seconds=countdown)
        key = self._key(payload, idempotency_key)
        arguments = payload.model_dump(mode="json")
        check_size(self.name, (), arguments)
        sender = current_task.request if current_task else None
        return {
            "name": self.name,
            "kwargs": arguments,
            "task_id": task_id or str(uuid4()),
            "queue": self.queue,
            "eta": eta.isoformat() if eta else None,
            "headers": {HEADER: key} if key else {},
            "ignore_result": not self.keeps_result,
            # Celery would find these out by itself, but not later, when a commit or a relay sends the message.
            "parent_id": sender.id if sender else None,
            "root_id": (sender.root_id or sender.id) if sender else None,
        }

    def _key(self, payload: Payload | None, given: str | None) -> str | None:
        key = given or (self.key(payload) if self.key and payload is not None else None)
        if key and len(key) > MAX_KEY_LENGTH:
            raise ValueError(f"{self.name}: a key of {len(key)} characters: use at most {MAX_KEY_LENGTH}")
        return key


def _app() -> Any:
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    if app.main == "default":  # Celery's own, which knows no broker
        raise RuntimeError(f"no Celery app of this project is loaded here: import {SERVICES[0].celery_app} first")
    return app


def _send_now(messages: Sequence[Message]) -> None:
    app = _app()
    if not current_task:
        publish(app, messages)
        return
    # Nobody waits for an answer in a worker, where Celery also has to know which task this one came from; and a task
    # is not stopped half way by a full queue.
    for message in messages:
        send_by_celery(app, message)


def _broker(app: Any) -> Broker:
    return find_broker(facts(app).broker_url)


@contextmanager
def _in_batches(broker: Broker, messages: Sequence[Message]) -> Iterator[Iterator[Sequence[Message]]]:
    """Hand out what is sent at once, part by part; an error then tells which parts were sent before."""
    begun = 0

    def parts() -> Iterator[Sequence[Message]]:
        nonlocal begun
        for begun in range(0, len(messages), broker.batch):
            yield messages[begun : begun + broker.batch]

    try:
        yield parts()
    except BrokerUnavailableError as error:
        if not begun:
            raise
        raise PartlySentError(error, [str(each["task_id"]) for each in messages[:begun]], len(messages)) from error


def publish(app: Any, messages: Sequence[Message]) -> None:
    """Send what contracts have prepared, each part of many within ``DEADLINE``.

    Raises:
        BrokerUnavailableError: the broker did not take everything in time.
    """
    broker = _broker(app)
    with _in_batches(broker, messages) as parts:
        for part in parts:
            broker.publish(app, part)


async def publish_async(app: Any, messages: Sequence[Message]) -> None:
    """Do the same without blocking the event loop."""
    broker = _broker(app)
    with _in_batches(broker, messages) as parts:
        for part in parts:
            await broker.publish_async(app, part)


def _send_through_outbox(database: Database, messages: Sequence[Message]) -> None:
    with database.transaction():
        for message in messages:
            write_down(database, message)
        database.after_commit(partial(_empty_outbox, database, _app()))


def _empty_outbox(database: Database, app: Any) -> None:
    """Send what waits, this transaction's messages among it; what cannot be sent now is left to a relay."""
    try:
        relay_outbox(database, app, seconds=DEADLINE)
    except Exception as error:  # the commit has succeeded, and nothing that goes wrong now may look as if it had not
        logger.warning("%s: messages stay in the outbox: %s", database.prefix, error)


def relay_outbox(database: Database, app: Any = None, *, seconds: float = float("inf")) -> int:
    """Send what waits in the outbox of ``database``, and return how many messages were sent.

    Args:
        database: where the outbox is.
        app: the Celery app through which to send; by default this process's.
        seconds: when to begin no further message.

    Raises:
        BrokerUnavailableError: the broker did not take a message in time; the rest waits.
    """
    celery_app = app or _app()

    def send(message: Message) -> None:
        try:
            publish(celery_app, [message])
        except QueueFullError as error:  # which must not hold up what is for other queues
            raise UnsendableError(str(error)) from error

    return relay(database, send, unavailable=BrokerUnavailableError, seconds=seconds)
