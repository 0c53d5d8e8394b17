"""Send a task to whichever service owns it, with a bound on how long that may take.

Celery's own ``delay`` blocks while the broker is away: for seconds if it refuses, without end if it is frozen. Here
the caller waits no longer than ``DEADLINE`` (``trinity_celery.connections.timeouts``).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar
from uuid import uuid4

from celery import Signature, current_task
from pydantic import BaseModel

from trinity_celery.brokers.delays import settle_delay
from trinity_celery.config.project import Project
from trinity_celery.contracts.publisher import Publisher, publisher_of
from trinity_celery.contracts.sending import sending_app
from trinity_celery.messages.message import Message
from trinity_celery.messages.payloads import check_size, register, shown_arguments
from trinity_celery.transactions.idempotency import HEADER, MAX_KEY_LENGTH

Payload = TypeVar("Payload", bound=BaseModel)
"""The model whose fields are the arguments of a contract's task."""


@dataclass(frozen=True)
class Contract(Generic[Payload]):
    """A task that may be started from anywhere in the project, by name, without importing the code that runs it.

    Attributes:
        name: the name under which the owner's worker registers the task.
        queue: where it goes.
        payload: the model whose fields are the task's arguments.
        keeps_result: whether the sender may ask for its status and result.
        key: what of a payload says that two sendings mean the same (``trinity_celery.transactions.idempotency``); by
            default each sending stands for itself.
        outbox: write the message into the sender's database first (``trinity_celery.transactions.outbox``), so that
            neither a crash nor a missing broker can lose it.
        project: whose contract it is, to say what to import in a process that has no Celery app.
    """

    name: str
    queue: str
    payload: type[Payload]
    keeps_result: bool = True
    key: Callable[[Payload], str] | None = None
    outbox: bool = False
    project: Project | None = None

    def __post_init__(self) -> None:
        """Have the arguments of the task checked against the payload wherever this module is imported."""
        register(self)

    def send(
        self,
        payload: Payload,
        *,
        task_id: str | None = None,
        countdown: float | None = None,
        eta: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> str:
        """Send the task.

        While a transaction of this process's database is open, the task waits for its commit, and is forgotten if it
        is rolled back.

        Args:
            payload: the arguments.
            task_id: an id of the caller's own; by default a new one.
            countdown: seconds before the task may start.
            eta: when the task may start, with a time zone.
            idempotency_key: sendings with the same key mean the same; by default what the contract's ``key`` says.

        Returns:
            the task's id.

        Raises:
            BrokerUnavailableError: the broker did not take the task in time; one that was frozen may take it later.
                Raised by the commit if one is waited for, and never for a contract with an outbox.
            QueueFullError: too many tasks wait in the queue; it is a ``BrokerUnavailableError``, too.
            MessageTooLargeError: the payload is larger than ``CELERY_MESSAGE_SIZE_LIMIT``.
            ValueError: ``countdown`` or ``eta`` lies too far ahead, or the key is too long.
        """
        message = self._message(payload, task_id, countdown, eta, idempotency_key)
        self._publisher().send([message], outbox=self.outbox)
        return message.task_id

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
        message = self._message(payload, task_id, countdown, eta, idempotency_key)
        await self._publisher().send_async([message], outbox=self.outbox)
        return message.task_id

    def send_many(self, payloads: Iterable[Payload], *, countdown: float | None = None) -> list[str]:
        """Send a task for each of ``payloads``, hundreds in one round trip.

        What ``send`` says holds here, too; its deadline is that of each round trip.

        Args:
            payloads: the arguments, of one task each.
            countdown: seconds before the tasks may start.

        Returns:
            the ids of the tasks, in the order of ``payloads``.

        Raises:
            PartlySentError: some were sent, the rest was not; it is a ``BrokerUnavailableError``, too. After any other
                error, none was.
            BrokerUnavailableError: the broker did not take any of them in time.
            MessageTooLargeError: a payload is larger than ``CELERY_MESSAGE_SIZE_LIMIT``.
            ValueError: ``countdown`` lies too far ahead, or a key is too long.
        """
        messages = self._messages(payloads, countdown)
        self._publisher().send(messages, outbox=self.outbox)
        return [message.task_id for message in messages]

    async def send_many_async(self, payloads: Iterable[Payload], *, countdown: float | None = None) -> list[str]:
        """Do the same as ``send_many`` without blocking the event loop."""
        messages = self._messages(payloads, countdown)
        await self._publisher().send_async(messages, outbox=self.outbox)
        return [message.task_id for message in messages]

    def signature(self, payload: Payload, *, idempotency_key: str | None = None) -> Signature:
        """Return the task as a part of a chain, a group or a chord; it takes nothing from the task before it.

        Celery sends it then, and without what ``send`` does: no commit is waited for, no outbox is used.
        https://docs.celeryq.dev/en/stable/userguide/canvas.html

        Args:
            payload: the arguments.
            idempotency_key: sendings with the same key mean the same; by default what the contract's ``key`` says.

        Raises:
            MessageTooLargeError: the payload is larger than ``CELERY_MESSAGE_SIZE_LIMIT``.
            ValueError: the key is too long.
        """
        return self._part(payload.model_dump(mode="json"), self._key(payload, idempotency_key), immutable=True)

    def following(self, *, idempotency_key: str | None = None, **fields: object) -> Signature:
        """Return the task as one that goes on with what the task before it in a chain, or a chord's header, returned.

        That is the payload's first field, and ``fields`` are the others. Whether all of it fits is checked on the
        worker, when the task is about to start.

        Args:
            idempotency_key: sendings with the same key mean the same.
            fields: of the payload, all but the first; those with a default may be left out.

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
        arguments = self.payload.model_construct(None, **fields).model_dump(mode="json", exclude_unset=True)
        return self._part(arguments, self._key(None, idempotency_key), immutable=False)

    def _part(self, arguments: dict[str, object], key: str | None, *, immutable: bool) -> Signature:
        check_size(sending_app(self.project), self.name, (), arguments)
        shown = shown_arguments((), arguments)
        options: dict[str, object] = {
            "queue": self.queue,
            "ignore_result": not self.keeps_result,
            "headers": {HEADER: key} if key else {},
            # What comes from the task before is not known yet, and may hold secrets.
            **(shown if immutable else shown | {"argsrepr": "(...)"}),
        }
        return Signature(
            self.name, kwargs=arguments, options=options, immutable=immutable, app=sending_app(self.project)
        )

    def _messages(self, payloads: Iterable[Payload], countdown: float | None) -> list[Message]:
        return [self._message(payload, None, countdown, None, None) for payload in payloads]

    def _publisher(self) -> Publisher:
        return publisher_of(sending_app(self.project))

    def _message(
        self,
        payload: Payload,
        task_id: str | None,
        countdown: float | None,
        eta: datetime | None,
        idempotency_key: str | None,
    ) -> Message:
        """Return the task as data."""
        if countdown is not None or eta is not None:
            settle_delay(sending_app(self.project), countdown, eta)
        if countdown is not None:
            eta = datetime.now(UTC) + timedelta(seconds=countdown)
        key = self._key(payload, idempotency_key)
        arguments = payload.model_dump(mode="json")
        check_size(sending_app(self.project), self.name, (), arguments)
        sender = current_task.request if current_task else None
        return Message(
            name=self.name,
            kwargs=arguments,
            task_id=task_id or str(uuid4()),
            queue=self.queue,
            eta=eta.isoformat() if eta else None,
            headers={HEADER: key} if key else {},
            ignore_result=not self.keeps_result,
            # Celery would find these out by itself, but not later, when a commit or a relay sends the message.
            parent_id=sender.id if sender else None,
            root_id=(sender.root_id or sender.id) if sender else None,
        )

    def _key(self, payload: Payload | None, given: str | None) -> str | None:
        key = given or (self.key(payload) if self.key and payload is not None else None)
        if key and len(key) > MAX_KEY_LENGTH:
            raise ValueError(f"{self.name}: a key of {len(key)} characters: use at most {MAX_KEY_LENGTH}")
        return key
