"""The one Celery configuration of this project: environment -> typed settings -> Celery's configuration.

Every process that touches Celery goes through ``configure_celery_app``, so that whoever sends a task and whoever
runs it agree on broker, queues, routes and serializers. Each setting stands beside the reason for its value.
Settings reference: https://docs.celeryq.dev/en/stable/userguide/configuration.html
"""

from trinity_celery.beat.configuration import beat_configuration
from trinity_celery.brokers.registry import find_broker
from trinity_celery.config.project import Service
from trinity_celery.config.runtime import Runtime
from trinity_celery.config.settings import Configuration, Role
from trinity_celery.connections.tls import redis_tls


def broker_configuration(runtime: Runtime, role: Role) -> Configuration:
    """Return the part of the configuration that depends on the kind of broker.

    Raises:
        SystemExit: the broker's URL is of no kind that can be used.
    """
    try:
        broker = find_broker(runtime.settings.broker_url)
    except LookupError as error:
        raise SystemExit(f"CELERY_BROKER_URL: {error.args[0]}") from None
    return broker.configuration(runtime, role)


def celery_configuration(runtime: Runtime, service: Service, role: Role = "sender") -> Configuration:
    """Return Celery's configuration for one service.

    Args:
        runtime: the project, and what the environment says.
        service: whose app this is; only the default queue depends on it.
        role: a ``sender`` answers somebody who waits, and so gives up early; a ``worker`` has time.
    """
    settings, project, patient = runtime.settings, runtime.project, role == "worker"
    return {
        "broker_url": settings.broker_url,
        "result_backend": settings.result_backend,
        # A task is acknowledged when it is done, so that a killed worker's tasks run again.
        # https://docs.celeryq.dev/en/stable/userguide/optimizing.html#reserve-one-task-at-a-time
        "task_acks_late": True,
        # Without this a task whose child process was killed is acknowledged all the same.
        # https://github.com/celery/celery/issues/1628
        "task_reject_on_worker_lost": True,
        # Bounds the redelivery above by the task's max_retries: a task that always kills its child must end.
        "task_retry_on_worker_lost": True,
        # What one worker has reserved waits behind its long tasks, while another worker may be free.
        "worker_prefetch_multiplier": settings.celery_worker_prefetch_multiplier,
        "worker_concurrency": settings.celery_worker_concurrency,
        "worker_pool": settings.celery_worker_pool,
        "worker_max_tasks_per_child": settings.celery_worker_max_tasks_per_child,
        "worker_max_memory_per_child": settings.celery_worker_max_memory_per_child,
        # Celery heeds it on SIGQUIT only, and then waits for all of it; on SIGTERM see trinity_celery/worker/stop.py.
        # https://docs.celeryq.dev/en/stable/userguide/workers.html#soft-shutdown
        "worker_soft_shutdown_timeout": settings.celery_worker_soft_shutdown_timeout,
        "task_soft_time_limit": settings.celery_task_soft_time_limit,
        "task_time_limit": settings.celery_task_time_limit,
        # A kept result makes every send depend on the result backend, so tasks ask for it: ignore_result=False.
        "task_ignore_result": True,
        # Celery's own tasks return what the parts of a canvas have returned, and whoever uses them waits for it.
        "task_annotations": {
            f"celery.{name}": {"ignore_result": False} for name in ("accumulate", "chunks", "group", "map", "starmap")
        },
        # What went wrong can be asked for all the same.
        "task_store_errors_even_if_ignored": True,
        # Without it, a task that runs looks like one that waits.
        "task_track_started": True,
        "result_expires": settings.celery_result_expires,
        "result_failure_expires": 7 * settings.celery_result_expires,
        # Name, queue and worker in every result: the status endpoint shows them.
        "result_extended": True,
        # The defaults wait 20 seconds and more for a backend that is away.
        # https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html#connection-timeouts
        "result_backend_always_retry": patient,
        "result_backend_max_retries": 10 if patient else 0,
        "result_backend_transport_options": {
            "global_keyprefix": f"{project.name}:",
            "retry_policy": {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.5},
        },
        "redis_backend_use_ssl": redis_tls(settings.result_backend, settings.ca_file) or None,
        "redis_socket_timeout": 5 if patient else 1,
        "redis_socket_connect_timeout": 2 if patient else 1,
        "redis_backend_health_check_interval": 25,
        # With the default, a typo in a queue's name makes a queue that nobody consumes.
        "task_create_missing_queues": False,
        "task_default_queue": settings.default_queue(service),
        # By package, so that a new task needs no wiring.
        "task_routes": project.task_routes(),
        # Never without any retry: a lost connection then takes 6 seconds instead of 0.6 to be noticed.
        "task_publish_retry_policy": {
            "max_retries": 3 if patient else 1,
            "interval_start": 0,
            "interval_step": 0.2,
            "interval_max": 0.5,
        },
        "broker_pool_limit": 20,
        # The default waits without end for a connection while all of them are in use.
        "broker_pool_acquire_timeout": 3 if patient else 1,
        "broker_connection_retry_on_startup": True,
        # The default gives up after 46 minutes; a worker waits for its broker as long as it takes.
        "broker_connection_max_retries": None,
        # JSON only: a pickled message can run any code.
        # https://docs.celeryq.dev/en/stable/userguide/security.html#serializers
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "result_accept_content": ["json"],
        # Of the times in messages and results.
        "timezone": "UTC",
        "enable_utc": True,
        **broker_configuration(runtime, role),
        **beat_configuration(runtime),
    }
