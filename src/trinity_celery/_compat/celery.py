"""What the library uses of Celery's private names."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from celery import Celery, Task, current_app
from kombu import Connection
from kombu.asynchronous.timer import Timer

from trinity_celery._compat import Names

if TYPE_CHECKING:
    from billiard.pool import Pool
    from celery.backends.base import Backend
    from celery.beat import Scheduler

    # A task with any arguments and result. Only celery-types knows that a task has parameters.
    AnyTask = Task[Any, object]
else:
    AnyTask = Task

CALLED: Names = {
    "celery.local:Proxy": ("_get_current_object()",),
    "celery.app.base:Celery": ("_tasks", "thread_oid"),
    "celery.app.amqp:AMQP": (
        "create_task_message",
        (
            "as_task_v2(task_id, name, kwargs, eta, reply_to, time_limit, soft_time_limit, root_id, parent_id, "
            "ignore_result, argsrepr, kwargsrepr)"
        ),
        "router",
    ),
    "celery.app.routes:Router": ("expand_destination(route)",),
    "celery.app.task:Task": (
        "_get_exec_options()",
        "signature_from_request(**extra_options)",
        "request_stack",
    ),
    "celery.app.task:Context": ("as_execution_options()",),
    "celery.backends.redis:RedisBackend": (
        "_get_result_meta(result, state, traceback, request)",
        "get_key_for_task(task_id)",
        "encode(data)",
        "expires",
        "client",
    ),
    "celery.concurrency.prefork:TaskPool": ("_pool",),
    "celery.worker.state": ("active_requests", "should_stop"),
    "celery.worker.request:Request": ("worker_pid",),
}

OVERRIDDEN: Names = {
    "celery.loaders.base:BaseLoader": ("override_backends",),
    "celery.app.task:Task": ("bind(app)",),
    "celery.backends.redis:RedisBackend": (
        "_store_result(task_id, result, state, traceback, request, **kwargs)",
        "always_retry",
        "connparams",
        "connection_errors",
        "encode_result(result, state)",
        "exception_safe_to_retry(exc)",
        "get_key_for_group(group_id, key)",
        "mark_as_done(task_id, result, request, store_result, state)",
        "on_chord_part_return(request, state, result, propagate, **kwargs)",
        "on_task_call(producer, task_id)",
        "store_result(task_id, result, state, traceback, request, **kwargs)",
    ),
    "celery.beat:Scheduler": ("tick(event_t, min, heappop, heappush)", "close()", "connection", "setup_schedule()"),
    "celery.beat:PersistentScheduler": ("schedule_filename",),
    "celery.worker.consumer.consumer:Consumer": (
        "amqheartbeat",
        "connect()",
        "connection_errors",
        "connection_for_read(heartbeat)",
        "create_task_handler(promise)",
        "ensure_connected(conn)",
        "hub",
        "on_close()",
        "on_connection_error_after_connected(exc)",
        "on_decode_error(message, exc)",
        "on_invalid_task(body, message, exc)",
        "on_unknown_task(body, message, exc)",
    ),
    "celery.worker.request:Request": (
        "_context",
        "_request_dict",
        "acknowledge()",
        "acknowledged",
        "argsrepr",
        "info(safe)",
        "kwargsrepr",
        "on_accepted(pid, time_accepted)",
        "on_failure(exc_info, send_failed_event, return_ok)",
        "on_timeout(soft, timeout)",
        "reject(requeue)",
        "send_event(type, **fields)",
        "time_limits",
    ),
}


class WorkerConsumer(Protocol):
    """What a worker takes messages with. ``task_consumer`` has what only one transport knows."""

    connection: Connection | None
    task_consumer: Any


class Worker(Protocol):
    """A worker, as its steps get it: celery-types has no types for what it consists of."""

    app: Celery
    pool: object
    pool_cls: type
    consumer: WorkerConsumer
    timer: Timer


def process_app() -> Celery:
    """Return the app that ``celery.current_app`` stands for.

    Uses ``Proxy._get_current_object``: the proxy itself is no key of a ``WeakKeyDictionary``, and Celery has no public
    function that returns what it stands for.
    """
    app: Celery = current_app._get_current_object()  # type: ignore[attr-defined]
    return app


def find_task(app: Celery, name: str) -> AnyTask | None:
    """Return a task that ``app`` knows by now.

    Uses ``Celery._tasks``: the public ``tasks`` finalizes the app.
    """
    task: AnyTask | None = app._tasks.get(name)  # type: ignore[attr-defined]
    return task


def decorated_function(kind: type[AnyTask]) -> object:
    """Return the function of which ``app.task`` has made a class, before a decorator such as autoretry wrapped it.

    Uses ``_decorated_fun``, an attribute that ``app.task`` sets; ``run`` is what became of the function later.
    """
    return getattr(kind, "_decorated_fun", None)


def decorator_options(task: AnyTask) -> dict[str, object]:
    """Return what the decorator of ``task`` says about how to send it.

    Uses ``Task._get_exec_options``, which ``apply_async`` calls: nothing public tells these options from the others.
    """
    options: dict[str, object] = task._get_exec_options()  # type: ignore[attr-defined]
    return options


def reply_queue_id(app: Celery) -> str:
    """Return the ``reply_to`` of what this thread sends.

    Uses ``Celery.thread_oid``, which is not documented: ``send_task`` takes it from there.
    """
    return app.thread_oid


def task_message(
    app: Celery, task_id: str, name: str, **options: object
) -> tuple[dict[str, object], dict[str, object], object]:
    """Return the headers, the properties and the body of a message that lets a task run.

    Uses ``AMQP.create_task_message``, which is not documented, and by default is ``as_task_v2``: everything public also
    sends the message.
    """
    message = app.amqp.create_task_message(task_id, name, **options)
    return message.headers, message.properties, message.body


def result_meta(backend: "Backend", state: str) -> dict[str, object]:
    """Return what ``backend`` keeps of a task that is in ``state`` and has no result.

    Uses ``Backend._get_result_meta``: ``store_result`` is public, and writes it at once.
    """
    meta: dict[str, object] = backend._get_result_meta(None, state, None, None)  # type: ignore[attr-defined]
    return meta


def use_result_backends(app: Celery, classes: dict[str, str]) -> None:
    """Let the schemes of URLs lead to other classes of result backends.

    Sets ``override_backends`` of the app's loader: it reads the setting of this name only in ``config_from_object``.
    https://docs.celeryq.dev/en/stable/userguide/configuration.html#override-backends
    """
    app.loader.override_backends = classes


def process_pool(task_pool: object) -> "Pool | None":
    """Return the pool of child processes within a worker's pool, or ``None`` if it has no child processes.

    Uses ``TaskPool._pool``: Celery's own ``inspect stats`` looks there for the child processes.
    """
    from billiard.pool import Pool  # which only workers need

    pool = getattr(task_pool, "_pool", None)
    return pool if isinstance(pool, Pool) else None


def replace_loop(scheduler: "Scheduler", tick: Callable[..., float], close: Callable[[], None]) -> None:
    """Replace what beat calls in each turn of its loop, and at its end.

    Beat sends a signal when it starts and none from its loop, and the scheduler may be of any class.
    https://docs.celeryq.dev/en/stable/userguide/signals.html#beat-signals
    """
    scheduler.tick, scheduler.close = tick, close  # type: ignore[method-assign]
