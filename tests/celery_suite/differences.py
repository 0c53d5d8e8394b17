"""Which of Celery's own integration tests may fail, and why. A name stands for all cases of a test."""

# They fail with stock Celery 5.7.0 in the same harness, also when they are run alone.
BROKEN_UPSTREAM = {
    "test_tasks.py::test_task_replacement::test_replaced_task_nesting_level_0": (
        "it sets what the worker's thread notes to False after sending, and fails where the worker was faster"
    ),
}

LATE = "late acknowledgement: a task that runs is not acknowledged yet"
PREFIX = "keys have the project's prefix, which the test drops or does not expect"
STARTED = "a task that runs is STARTED, which the test may see before RETRY"
UNSUBSCRIBED = "whoever sends a task subscribes to nothing, only whoever waits for its result"

EVERYWHERE = {
    "test_inspect.py::test_Inspect::test_active": LATE,
    "test_inspect.py::test_Inspect::test_query_task": LATE,
    "test_redis_backend.py::test_chord_part_return_records_each_header_task_once": PREFIX,
    "test_tasks.py::test_pool_acquire_timeout::test_pool_timeout_none_blocks_successfully": "a bound for the pool",
    "test_tasks.py::test_task_redis_result_backend::test_asyncresult_forget_cancels_subscription": UNSUBSCRIBED,
    "test_tasks.py::test_task_redis_result_backend::test_asyncresult_get_cancels_subscription": UNSUBSCRIBED,
    "test_tasks.py::test_task_redis_result_backend::test_retry_preserves_ignore_result_true": (
        "errors and retries are kept even if results are ignored"
    ),
    "test_tasks.py::test_tasks::test_request_time_limits_none_when_not_configured": "every task has a time limit",
    "test_tasks.py::test_tasks::test_retry": STARTED,
    "test_tasks.py::test_tasks::test_retry_with_unpickleable_exception": STARTED,
    "test_tasks.py::test_trace_log_arguments::test_task_failed": (
        "a dead letter is kept before the failure is logged, and the test waits for the log for 10 ms only"
    ),
}

# They differ by a decision of this template, for each broker.
DECISIONS = {
    "redis": EVERYWHERE,
    "rabbitmq": {
        **EVERYWHERE,
        "test_inspect.py::test_Inspect::test_active_queues": "quorum queues, bound to a topic exchange of the project",
        "test_inspect.py::test_Inspect::test_scheduled": "what has an ETA waits in RabbitMQ, not in a worker",
        "test_worker.py::test_concurrency_auto_sizes_prefork_pool": (
            "quorum queues: the worker that the test starts declares a classic one of the same name"
        ),
    },
}
