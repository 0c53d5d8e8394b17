"""What a task may be sent with: arguments that fit its contract, of bounded size, shown without secrets."""

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Protocol

from celery import Celery
from celery.utils.saferepr import saferepr
from pydantic import BaseModel, ValidationError

from trinity_celery._compat.celery import AnyTask
from trinity_celery.config.redaction import redact
from trinity_celery.config.runtime import runtime_of
from trinity_celery.errors import MessageTooLargeError, PayloadError

SHOWN = 1024  # characters of its arguments that logs and monitors show of a task, as in Celery
CHOSEN = "shown"  # the header of a task's message that holds how its sender wants the arguments to be shown


class PayloadContract(Protocol):
    """What is known of a task whose arguments are described by a model."""

    @property
    def name(self) -> str:
        """The task's registered name."""

    @property
    def payload(self) -> type[BaseModel]:
        """The model whose fields are its arguments."""

    @property
    def key(self) -> Callable[[Any], str] | None:
        """What of a payload says that two sendings mean the same."""


_contracts: dict[str, PayloadContract] = {}


def register(contract: PayloadContract) -> None:
    """Check the arguments of the task of ``contract`` against it from now on, whoever sends them."""
    _contracts[contract.name] = contract


def check_size(app: Celery, task_name: str, arguments: Sequence[object], keywords: Mapping[str, object]) -> None:
    """Refuse what would fill the broker: large data belongs into a store, and its name into the message.

    Raises:
        MessageTooLargeError: the arguments take more bytes than the settings of ``app`` allow.
    """
    size = len(json.dumps([arguments, keywords], default=str))
    limit = runtime_of(app).settings.celery_message_size_limit
    if size > limit:
        raise MessageTooLargeError(
            f"{task_name}: arguments of {size} bytes are too large for a message: send at most {limit} "
            "(CELERY_MESSAGE_SIZE_LIMIT), or store them and send where they are"
        )


def shown_arguments(
    arguments: Sequence[object], keywords: Mapping[str, object], task: AnyTask | None = None
) -> dict[str, str]:
    """Return the options of ``send_task`` that decide how logs, events and monitors show the arguments of a task."""
    shown, shown_keywords = redact_arguments(arguments, keywords, task)
    return {"argsrepr": _show(shown), "kwargsrepr": _show(shown_keywords)}


def keep_choice(options: dict[str, Any]) -> dict[str, Any]:
    """Return ``options`` of ``send_task``, with a header if they say how workers are to show the arguments.

    Celery writes that into every message, but then it holds secrets. The header outlives retries.
    https://docs.celeryq.dev/en/stable/userguide/tasks.html#hiding-sensitive-information-in-arguments
    """
    headers = options.get("headers") or {}
    said = {name: options[name] for name in ("argsrepr", "kwargsrepr") if options.get(name) is not None}
    chosen = headers.get(CHOSEN, {}) | said
    return options | chosen | {"headers": headers | {CHOSEN: chosen}} if chosen else options


def _show(arguments: object) -> str:
    text = repr(arguments)
    return text if len(text) <= SHOWN else saferepr(arguments, SHOWN)  # which cuts well, and takes much longer


def redact_arguments(
    arguments: Sequence[object], keywords: Mapping[str, object], task: AnyTask | None = None
) -> tuple[tuple[object, ...], dict[str, object]]:
    """Return copies without what is secret; without ``task``, positional arguments have no names to tell by."""
    names = _positional(task) if task is not None else []
    named = dict(zip(names, arguments, strict=False))
    return (*redact(named).values(), *redact(tuple(arguments[len(named) :]))), redact(keywords)


@cache
def _signature(function: Callable[..., object]) -> inspect.Signature:
    return inspect.signature(function)


def _positional(task: AnyTask) -> list[str]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [name for name, parameter in _signature(task.run).parameters.items() if parameter.kind in kinds]


def check_payload(task: AnyTask, arguments: Sequence[object], keywords: Mapping[str, object]) -> None:
    """Refuse arguments that do not fit the contract of ``task``, whoever sent them; a task without one takes anything.

    Raises:
        PayloadError: they do not fit.
    """
    contract = _contracts.get(str(task.name))
    if contract is None:
        return
    try:
        bound = _signature(task.run).bind(*arguments, **keywords)
        contract.payload.model_validate(bound.arguments)
    except TypeError as error:
        raise PayloadError(f"{task.name}: {error}") from None
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_input=False))
        raise PayloadError(f"{task.name}: {'; '.join(problems)}") from None


def payload_identity(task: AnyTask, arguments: Sequence[object], keywords: Mapping[str, object]) -> object:
    """Return what says whether two sendings of ``task`` ask for the same, by position or by name.

    That is what the ``key`` of the task's contract says, else its payload; without a contract, the arguments that
    differ from their defaults.
    """
    signature = _signature(task.run)
    bound = signature.bind(*arguments, **keywords).arguments
    contract = _contracts.get(str(task.name))
    if contract is None:
        return {name: value for name, value in bound.items() if value != signature.parameters[name].default}
    payload = contract.payload.model_validate(bound)
    return contract.key(payload) if contract.key else payload
