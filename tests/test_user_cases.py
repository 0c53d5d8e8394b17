"""Cases that people who use Celery have tried, and in which something broke: tests hold each; this table names them."""

import pytest

from tests.files import is_test

PROJECT = "{{cookiecutter.project_slug}}/tests"

CASES: dict[str, list[str]] = {
    "1 a coroutine function as a task is refused": [
        "tests/library/test_runnable.py::test_it_is_not_sent",
        "tests/library/test_runnable.py::test_worker_does_not_start_with_it",
        "tests/library/test_runnable.py::test_app_that_knows_it_is_not_finalized",
        "tests/library/test_runnable.py::test_result_that_nobody_runs_is_a_failure",
    ],
    "2 a rate of many a second loses no task on RabbitMQ": [
        "tests/library/test_delays.py::test_rate_of_many_a_second_loses_nothing",
        "tests/library/test_delays.py::test_task_that_cannot_go_back_waits_where_it_is",
    ],
    "3 delays below a second, on both brokers": [
        "tests/library/test_delays.py::test_task_begins_when_its_time_has_come",
        "tests/library/test_delays.py::test_task_that_backs_off_for_less_than_a_second_is_tried_again",
        "tests/library/test_rabbitmq_dead_letters.py::test_delay_is_rounded_up_to_what_rabbitmq_can_keep_back",
    ],
    "4 a server that evicts is refused": [
        "tests/library/test_redis_state.py::test_worker_does_not_start_on_a_server_that_evicts",
        "tests/library/test_redis_state.py::test_server_that_evicts_is_refused_outside_development_only",
    ],
    "5 what comes again says so": [
        "tests/library/test_acknowledgement.py::test_rejected_task_is_told_that_it_comes_again",
        "tests/library/test_workers.py::test_worker_waits_for_running_tasks_on_sigterm",
    ],
    "6 early acknowledgement is at most once": [
        "tests/library/test_acknowledgement.py::test_task_acknowledged_early_runs_once_though_its_child_is_killed",
    ],
    "7 what Celery's own tasks return is kept": [
        "tests/library/test_canvas.py::test_whole_of_parts_that_keep_nothing_is_kept",
    ],
    "8 a task that expires on RabbitMQ is revoked": [
        "tests/library/test_delays.py::test_task_that_comes_too_late_is_revoked",
        "tests/library/test_rabbitmq_dead_letters.py::test_task_that_expires_on_the_broker_is_revoked",
    ],
    "9 a task with a priority starts at once": [
        "tests/library/test_leases.py::test_message_of_every_priority_comes_at_once_to_an_idle_worker",
    ],
    "10 a gevent worker does not wait for its poll": [
        "tests/library/test_leases.py::test_loop_without_room_is_woken_by_the_thread_that_makes_some",
        f"{PROJECT}/test_rabbitmq.py::test_gevent_waits_for_no_heartbeats_of_events",
    ],
    "11 a worker without --queues consumes those of its app": [
        f"{PROJECT}/test_workers.py::test_worker_without_a_queue_consumes_those_of_its_app",
    ],
    "12 a URL that cannot be right is refused without a part of its password": [
        "tests/library/test_urls.py::test_odd_url_is_used_or_refused_without_showing_the_password",
        "tests/library/test_urls.py::test_what_is_wrong_with_a_url_is_said_with_its_cure",
        "tests/library/test_heartbeat.py::test_what_only_the_server_knows_to_be_wrong_ends_the_worker_in_one_line",
    ],
    "13 a server that takes no writes counts as one that is away": [
        "tests/library/test_failover.py::test_worker_waits_for_a_server_that_takes_writes",
        "tests/library/test_failover.py::test_connection_to_a_server_that_was_demoted_is_given_up",
    ],
    "14 a key is used for one payload": [
        f"{PROJECT}/test_delivery.py::test_request_may_be_repeated_under_its_key_and_no_other_with_it",
        "tests/library/test_idempotency.py::test_sql_key_is_refused_to_whoever_asks_for_something_else",
        "tests/library/test_idempotency.py::test_request_keys_of_other_endpoints_and_callers_are_apart",
    ],
    "15 manage.py test says what does": [
        f"{PROJECT}/django/test_project.py::test_command_that_would_not_do_says_what_does",
    ],
    "16 migrations that Django writes pass the linter": [
        f"{PROJECT}/django/test_project.py::test_migration_that_django_writes_passes_the_linter",
    ],
    "17 a certificate authority that only the system knows": [
        "tests/test_makefile.py::test_demo_works_in_a_fresh_clone_without_uv",
    ],
    "18 a .env that begins with a byte order mark": [
        f"{PROJECT}/test_make.py::test_settings_that_an_editor_saved_so_that_nobody_reads_them_are_refused",
    ],
    "19 RedBeat goes on after its server was emptied": [
        f"{PROJECT}/test_beat_redbeat.py::test_beat_goes_on_when_its_server_was_emptied_or_demoted",
    ],
    "20 a message of the first protocol runs": [
        "tests/library/test_dead_letters.py::test_message_of_the_first_protocol_runs_as_any_other",
    ],
    "21 a full server can be emptied": [
        "tests/library/test_leases.py::test_server_without_free_memory_can_be_emptied",
        "tests/library/test_failover.py::test_worker_starts_on_a_full_server_and_empties_it",
    ],
    "22 crontabs follow the clock of a time zone": [
        f"{PROJECT}/test_crontabs.py::test_time_that_the_clock_skips_or_repeats_is_due_once",
        f"{PROJECT}/test_crontabs.py::test_it_is_due_exactly_when_somebody_who_watches_the_clock_says_so",
        f"{PROJECT}/test_crontabs.py::test_time_zone_that_does_not_exist_is_refused_where_it_is_written",
        f"{PROJECT}/test_beat_redbeat.py::test_crontabs_from_redis_are_right_when_clocks_are_changed",
        f"{PROJECT}/test_beat_file.py::test_crontabs_from_the_file_are_right_when_clocks_are_changed",
        f"{PROJECT}/django/test_periodic.py::test_crontabs_from_the_database_are_right_when_clocks_are_changed",
    ],
    "23 a schedule that no beat would see is refused": [
        f"{PROJECT}/test_beat_schedule.py::test_periodic_task_that_no_beat_would_see_is_refused_where_it_is_added",
        f"{PROJECT}/test_beat_schedule.py::test_schedule_in_the_configuration_is_refused",
        f"{PROJECT}/django/test_project.py::test_setting_of_celery_that_nothing_reads_is_refused",
    ],
    "24 what a killed child has started ends with it": [
        "tests/library/test_acknowledgement.py::test_program_ends_with_the_task_that_is_killed",
    ],
}


@pytest.mark.parametrize("case", CASES)
def test_case_has_its_tests(case: str) -> None:
    assert [test for test in CASES[case] if not is_test(test)] == []
