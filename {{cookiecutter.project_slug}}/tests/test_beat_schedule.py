"""The schedule names what exists. A failure names the entry."""

from shared.beat_schedule import celery_beat_schedule
from shared.layout import QUEUES
from shared.settings import consumed_queues
from tests.test_consistency import registered_tasks


def test_every_schedule_entry_names_a_task_that_somebody_runs() -> None:
    for name, entry in celery_beat_schedule().items():
        queue = entry["options"]["queue"]
        consumers = [candidate for candidate in QUEUES if queue in consumed_queues(candidate.name)]
        assert consumers, f"schedule entry {name}: nobody listens to {queue}"
        for consumer in consumers:
            assert entry["task"] in registered_tasks(consumer.worker_app), f"schedule entry {name}: no {entry['task']}"
