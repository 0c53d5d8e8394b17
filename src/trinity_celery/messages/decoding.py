"""What a message must look like before a worker may take it: version 2 of Celery's protocol, or 1, which is as good.

A worker that meets something else in a place where Celery expects nothing else ends, and the next one meets it too.
https://docs.celeryq.dev/en/stable/internals/protocol.html#version-2
"""

import base64
from typing import Annotated, Any, NamedTuple

from celery.app.task import Context
from celery.utils.time import maybe_iso8601
from kombu.message import Message
from kombu.utils.json import loads
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from trinity_celery._compat.kombu import raise_decode_error

ACCEPTED = {"application/json"}

# A header of such a name would take the place of one of Celery's own functions.
TAKEN = {name for name, value in vars(Context).items() if callable(value)}

# What a new attempt must not take over from the old one.
OF_ONE_ATTEMPT = ("task_id", "retries", "expires", "reply_to")


def _check_time(text: str) -> str:
    time = maybe_iso8601(text)
    if time is None:
        raise ValueError("is empty")
    try:
        time.timestamp()
    except ArithmeticError as error:
        raise ValueError(str(error)) from None
    return text


Time = Annotated[str, AfterValidator(_check_time)]


class Headers(BaseModel):
    """The headers that Celery reads; there may be others."""

    model_config = ConfigDict(strict=True)

    task: str
    id: str
    shadow: str | None = None
    root_id: str | None = None
    parent_id: str | None = None
    group: str | None = None
    group_index: int | None = None
    retries: int = 0
    replaced_task_nesting: int | None = 0
    ignore_result: bool | None = None
    headers: dict[str, object] | None = None
    eta: Time | None = None
    expires: Time | float | None = None
    timelimit: Annotated[list[float | None], Field(min_length=2, max_length=2)] | None = None
    stamped_headers: list[str] | None = None
    stamps: dict[str, object] | None = None


class Embedded(BaseModel):
    """What comes after the task."""

    model_config = ConfigDict(strict=True)

    callbacks: list[dict[str, object]] | None = None
    errbacks: list[dict[str, object]] | None = None
    chain: list[dict[str, object]] | None = None
    chord: dict[str, object] | None = None


class Decoded(NamedTuple):
    """A message as version 2 of the protocol has it, and what is wrong with it, if anything is."""

    headers: Any
    body: Any
    problem: str | None

    @property
    def context(self) -> Context:
        """The request that a task would see: with its chain, its chord and what is to be told of a failure."""
        return Context({**self.headers, **(self.body[2] or {})})


def _as_version_2(headers: object, body: object) -> tuple[object, object]:
    """Return headers and body of a message; in version 1, the body is a mapping that holds what now are headers.

    https://docs.celeryq.dev/en/stable/internals/protocol.html#version-1
    """
    if not isinstance(body, dict) or not isinstance(headers, dict) or ("task" in headers and "args" not in body):
        return headers, body
    after = {name: body.get(name) for name in ("callbacks", "errbacks", "chord")}
    others = {name: value for name, value in body.items() if name not in ("args", "kwargs", *after)}
    return others | headers, [body.get("args", ()), body.get("kwargs", {}), after]


def find_problem(headers: Any, body: object) -> str | None:
    """Return what is wrong with a message, in one line, or ``None``; ``body`` is decoded."""
    try:
        Headers.model_validate(headers)
        if taken := TAKEN & headers.keys():
            return f"{', '.join(sorted(taken))}: no header may have this name"
        match body:
            case [list() | tuple(), dict() as keywords, embedded] if all(isinstance(name, str) for name in keywords):
                Embedded.model_validate(embedded or {})
            case _:
                return "the body is not [arguments, keyword arguments, what comes after]"
    except ValidationError as error:
        return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
    return None


def options_of(request: Context) -> dict[str, object]:
    """Return the arguments of ``send_task`` that send the same task again: its chain, its headers, its time limits."""
    options = {name: value for name, value in request.as_execution_options().items() if value is not None}
    if "ignore_result" in vars(request):
        options["ignore_result"] = request.ignore_result
    return {name: value for name, value in options.items() if name not in OF_ONE_ATTEMPT}


def decode(message: Message) -> Decoded:
    """Return what ``message`` says; never raise."""
    try:
        if message.errors:
            raise_decode_error(message)
        body = message.decode()
    except Exception as error:  # whatever a decoder raises
        return Decoded(message.headers, None, f"{type(error).__name__}: {error}")
    headers, body = _as_version_2(message.headers, body)
    return Decoded(headers, body, find_problem(headers, body))


def message_of_envelope(raw: bytes) -> Message:
    """Return the message that stands as JSON in a Redis list; raise anything at all if it is garbage."""
    envelope = loads(raw.decode())
    body, properties = envelope["body"], envelope["properties"]
    if properties.get("body_encoding") == "base64":
        body = base64.b64decode(body)
    return Message(
        body=body,
        headers=envelope["headers"],
        properties=properties,
        delivery_info=properties.get("delivery_info"),
        content_type=envelope["content-type"],
        content_encoding=envelope["content-encoding"],
        accept=ACCEPTED,
    )
