"""Which of Celery's own integration tests may fail, and why. A name stands for all cases of a test."""

# They failed with stock Celery 5.7.0 in the same harness; nobody has looked for the reasons.
BROKEN_UPSTREAM = dict.fromkeys(
    (
        "test_backend_leak_in_fixture_teardown.py::test_fixture_teardown_releases_backend_connections",
        "test_canvas.py::test_chord::test_mutable_errback_called_by_chord_from_group_fail_multiple_on_body_failure",
        "test_inspect.py::test_Inspect::test_scheduled",
        "test_redis_backend.py::test_pubsub_reentrant_cancel_from_finalizer",
        "test_redis_backend.py::test_pubsub_subscribe_churn_while_draining",
        "test_tasks.py::test_task_replacement::test_replaced_task_nesting_level_0",
        "test_tasks.py::test_trace_log_arguments::test_task_failed",
        "test_tasks.py::test_trace_log_arguments::test_task_success",
    ),
    "fails with stock Celery",
)

LATE = "late acknowledgement: a task that runs is not acknowledged yet"
PREFIX = "keys have the project's prefix, which the test drops or does not expect"
UNSUBSCRIBED = "whoever sends a task subscribes to nothing, only whoever waits for its result"

# They differ by a decision of this template.
DECISIONS = {
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
}
