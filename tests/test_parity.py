"""Each promise of the guides that the project began with is kept by tests; this table names them, row by row."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.files import is_test

ROOT = Path(__file__).resolve().parent.parent
PROJECT = "{{cookiecutter.project_slug}}/tests"


class Row(NamedTuple):
    """The page of the site that describes a promise, and the tests that hold it."""

    page: str
    tests: list[str]


ROWS: dict[str, Row] = {
    "A1 one configuration for both services": Row(
        "explanation/shared-configuration.md",
        [
            f"{PROJECT}/test_settings.py::test_services_agree_on_everything_but_the_default_queue",
        ],
    ),
    "A2 broker, queues and concurrency come from the environment": Row(
        "guides/run.md#environment-variables",
        [
            f"{PROJECT}/test_settings.py::test_broker_and_results_lie_where_redis_url_says",
            "tests/library/test_workers.py::test_options_take_effect",
            f"{PROJECT}/test_beat.py::test_queue_of_the_schedule_follows_its_variable",
        ],
    ),
    "A3 one shared queue, one worker that runs the tasks of both": Row(
        "explanation/queues-and-nodes.md#one-queue-or-several",
        [
            "tests/test_rendered_project.py::test_further_project_passes_its_own_checks_and_tests",
            f"{PROJECT}/test_delivery.py::test_worked_examples_succeed",
            f"{PROJECT}/test_across_services.py::test_fastapi_has_a_report_written_by_django",
        ],
    ),
    "A4 env files and Compose files hold the same variables, and one anchor feeds every process": Row(
        "explanation/containers.md#one-list-of-processes",
        [
            f"{PROJECT}/test_consistency.py::test_both_env_files_hold_the_same_variables",
            f"{PROJECT}/test_consistency.py::test_every_variable_in_the_env_files_is_read",
            f"{PROJECT}/test_consistency.py::test_every_setting_reaches_the_containers",
            "tests/test_compose_files.py::test_every_process_gets_the_shared_variables_from_one_anchor",
            "tests/test_compose_files.py::test_every_variable_of_the_env_files_reaches_the_processes",
            "tests/test_compose_files.py::test_one_line_moves_every_process_to_another_broker",
        ],
    ),
    "A5 everything runs together, or piece by piece": Row(
        "guides/run.md",
        [
            "tests/test_compose_development.py::test_stack_comes_up_works_and_goes",
            f"{PROJECT}/test_dev.py::test_everything_comes_up_and_is_announced",
            f"{PROJECT}/test_make.py::test_target_runs_what_is_there",
        ],
    ),
    "A6 production refuses a missing or placeholder secret, and names it": Row(
        "guides/deploy.md#2-write-the-settings",
        [
            "tests/test_compose_files.py::test_missing_secret_is_named",
            "tests/test_compose_production.py::test_placeholder_is_refused_before_a_server_starts",
            f"{PROJECT}/test_deployment.py::test_every_placeholder_is_named",
        ],
    ),
    "A7 Mongo beside PostgreSQL": Row(
        "how-to/add-a-data-store.md",
        ["tests/test_data_store.py::test_page_gives_a_stack_with_the_store_in_it"],
    ),
    "B1 a task without a queue goes to its owner's": Row(
        "guides/queues-and-tasks.md#where-a-task-goes",
        [
            f"{PROJECT}/test_delivery.py::test_task_without_a_queue_goes_to_its_owner",
            f"{PROJECT}/test_delivery.py::test_every_service_reaches_every_queue",
        ],
    ),
    "B2 tasks are found without wiring": Row(
        "guides/queues-and-tasks.md#where-a-task-goes",
        [
            f"{PROJECT}/django/test_project.py::test_tasks_of_a_new_app_are_found_without_wiring",
            f"{PROJECT}/fastapi/test_atom.py::test_tasks_of_a_new_package_are_found_without_wiring",
        ],
    ),
    "B3 retries with backoff, late acknowledgement, limits, idempotency": Row(
        "guides/queues-and-tasks.md#retries-and-limits",
        [
            "tests/library/test_dead_letters.py::test_failed_task_is_kept_and_sent_again",
            "tests/library/test_leases.py::test_task_may_run_for_longer_than_its_lease",
            "tests/library/test_idempotency.py::test_sql_key_is_free_after_a_crash_between_claim_and_effect",
            f"{PROJECT}/django/test_after_commit.py::test_sent_twice_with_one_key_there_is_one_report",
            f"{PROJECT}/fastapi/test_after_commit.py::test_sent_twice_with_one_key_it_has_one_result",
            "tests/test_chaos.py::test_every_promise_holds",
        ],
    ),
    "B4 chains, groups and chords across services": Row(
        "guides/tasks-across-services.md",
        [
            "tests/library/test_canvas.py::test_header_runs_on_one_worker_and_body_on_the_other",
            "tests/library/test_canvas.py::test_chain_crosses_to_the_other_queue_and_back",
            "tests/library/test_canvas.py::test_group_runs_on_both_workers",
            "tests/library/test_canvas.py::test_failed_part_is_a_dead_letter_and_the_body_does_not_run",
            "tests/library/test_canvas.py::test_body_runs_once_when_the_worker_that_sends_it_is_killed",
            "tests/library/test_signatures.py::test_chain_group_and_chord_on_one_queue",
        ],
    ),
    "B5 rate limits": Row(
        "guides/queues-and-tasks.md#when-it-gets-too-much",
        [
            f"{PROJECT}/test_delivery.py::test_rate_limit_holds",
            "tests/library/test_backpressure.py::test_rate_limit_holds_for_all_workers_together",
        ],
    ),
    "B6 heavy work has a queue and a worker of its own": Row(
        "guides/queues-and-tasks.md#add-a-queue",
        [
            "tests/test_queue_layouts.py::test_extra_queue_has_a_worker_a_target_and_a_route",
            f"{PROJECT}/test_consistency.py::test_every_queue_has_one_worker",
        ],
    ),
    "B7 Flower shows both services, and needs a login outside development": Row(
        "guides/watch-with-flower.md",
        [
            f"{PROJECT}/test_flower.py::test_workers_and_tasks_of_every_service_are_shown",
            f"{PROJECT}/test_flower.py::test_does_not_start_without_a_login_outside_development",
            "tests/test_compose_production.py::test_flower_wants_a_login_and_shows_workers_and_tasks",
        ],
    ),
    "B9 a make target for each queue's worker": Row(
        "guides/run.md#piece-by-piece",
        [f"{PROJECT}/test_workers.py::test_make_target_of_every_queue"],
    ),
    "B10 Compose services for workers, beat and Flower": Row(
        "guides/run-in-containers.md#what-runs",
        [
            "tests/test_compose_files.py::test_processes_are_those_of_the_procfile",
            "tests/test_compose_development.py::test_stack_comes_up_works_and_goes",
            "tests/test_compose_production.py::test_no_task_is_lost_when_a_worker_dies_or_all_of_it_stops",
        ],
    ),
    "C1 one entry point for web, worker and beat": Row(
        "how-to/use-django-prodserver.md", ["tests/test_pages.py::test_page_of_the_site_is_true"]
    ),
    "C2 worker options": Row(
        "guides/run.md#environment-variables",
        [
            "tests/library/test_workers.py::test_options_take_effect",
            "tests/library/test_workers.py::test_pool_of_one_queue",
        ],
    ),
    "C3 beat options, and only one beat": Row(
        "explanation/schedulers.md",
        [
            f"{PROJECT}/test_beat.py::test_options_of_beat_take_effect",
            f"{PROJECT}/test_beat_redbeat.py::test_second_beat_waits_and_takes_over",
            f"{PROJECT}/test_beat_file.py::test_every_beat_fires_so_run_exactly_one",
        ],
    ),
    "C4 queues with their own concurrency and pool": Row(
        "guides/run.md#one-queue-differs",
        [
            f"{PROJECT}/test_settings.py::test_one_queue_may_have_its_own_concurrency_pool_and_prefetch",
            "tests/library/test_workers.py::test_pool_of_one_queue",
        ],
    ),
    "C5 gevent at 100, measured": Row(
        "how-to/choose-a-pool.md", ["tests/test_pages.py::test_page_of_the_site_is_true"]
    ),
    "C6 troubleshooting": Row("troubleshooting.md", ["tests/test_pages.py::test_page_of_the_site_is_true"]),
    "D1 a crontab entry in every scheduler": Row(
        "guides/schedules.md#add-an-entry",
        [f"{PROJECT}/test_beat.py::test_crontab_entry_fires_once"],
    ),
    "D2 worker and beat without containers": Row(
        "guides/run.md#piece-by-piece",
        [
            f"{PROJECT}/test_make.py::test_target_runs_what_is_there",
            f"{PROJECT}/test_make.py::test_missing_broker_is_said_in_one_line",
        ],
    ),
    "D3 production from a registry's images, Flower included": Row(
        "guides/deploy.md",
        [
            "tests/test_compose_files.py::test_images_of_production_are_those_that_get_built",
            "tests/test_compose_files.py::test_production_is_hardened",
            "tests/test_compose_production.py::test_no_task_is_lost_when_a_worker_dies_or_all_of_it_stops",
        ],
    ),
    "D4 one task by hand": Row(
        "guides/run.md#piece-by-piece",
        [f"{PROJECT}/test_make.py::test_task_can_be_run_by_hand"],
    ),
    "D5 a fixture that switches eager mode": Row(
        "guides/testing.md#three-ways-to-test-a-task",
        [f"{PROJECT}/test_eager.py::test_switches_every_app_and_back"],
    ),
    "D6 hosted PostgreSQL": Row(
        "how-to/hosted-postgresql.md",
        [
            f"{PROJECT}/fastapi/test_database.py::test_connecting_is_bounded_and_nothing_is_prepared",
            "tests/test_pages.py::test_page_of_the_site_is_true",
        ],
    ),
    "E1 tasks are thin": Row(
        "guides/index.md#rules-that-hold-everywhere",
        [f"{PROJECT}/test_consistency.py::test_tasks_are_thin"],
    ),
    "E2 countdown and eta": Row(
        "guides/queues-and-tasks.md#delay-a-task",
        [
            f"{PROJECT}/test_delivery.py::test_countdown_and_eta_delay_a_task",
            f"{PROJECT}/test_delivery.py::test_delay_beyond_the_visibility_timeout_is_refused",
        ],
    ),
    "E3 a periodic task made in the admin fires": Row(
        "guides/beat-state-database.md",
        [
            f"{PROJECT}/django/test_periodic.py::test_entries_of_the_code_and_of_the_admin_fire",
        ],
    ),
    "E4 register_periodic_task is idempotent": Row(
        "guides/beat-state-database.md",
        [
            f"{PROJECT}/django/test_periodic.py::test_registering_twice_changes_nothing",
            f"{PROJECT}/django/test_periodic.py::test_command_registers",
        ],
    ),
    "E5 make up, celery-logs, celery-beat-logs": Row(
        "guides/run-in-containers.md",
        [
            "tests/test_compose_development.py::test_stack_comes_up_works_and_goes",
            "tests/test_compose_development.py::test_logs_and_shell_reach_the_containers",
        ],
    ),
    "E6 settings": Row(
        "reference/celery-settings.md", ["tests/test_reference.py::test_every_setting_of_celery_has_a_row"]
    ),
    "E8 a picture of what runs": Row(
        "guides/index.md", ["tests/test_picture.py::test_picture_shows_what_runs_and_nothing_else"]
    ),
    "E7 direct calls, eager tasks, a real worker": Row(
        "guides/testing.md#three-ways-to-test-a-task",
        [
            f"{PROJECT}/django/test_platform.py::test_task_called_directly",
            f"{PROJECT}/fastapi/test_atom.py::test_request_is_scored_by_an_eager_task",
            f"{PROJECT}/test_delivery.py::test_worked_examples_succeed",
        ],
    ),
}


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings of a page, as Python-Markdown makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("row", ROWS)
def test_row_has_its_tests(row: str) -> None:
    assert [test for test in ROWS[row].tests if not is_test(test)] == []


@pytest.mark.parametrize("row", ROWS)
def test_row_has_its_page(row: str) -> None:
    path, _, anchor = ROWS[row].page.partition("#")
    assert not anchor or anchor in anchors(ROOT / "docs" / path), f"{row}: {path} has no #{anchor}"
