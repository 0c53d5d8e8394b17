"""Tasks wait for the commit, and their effects happen once: with a real broker and a real worker."""

from collections.abc import Callable

import pytest
from celery import Celery
from celery.result import AsyncResult
from django.db import transaction
from trinity_celery.contracts import Contract
from trinity_celery.contrib.django.delivery.models import IdempotencyKey, OutboxMessage
from trinity_celery.contrib.django.transactions import database
from trinity_celery.errors import BrokerUnavailableError, KeyReusedError
from trinity_celery.messages import read_status

from backend.platform import services, tasks
from backend.platform.models import Report
from shared import contracts
from shared.contracts import PINGS, Ping
from shared.queues import PROJECT

pytestmark = pytest.mark.django_db(transaction=True)

QUEUE = PROJECT.queue_of_task(tasks.ping.name) or ""
PING = PINGS[QUEUE]
REPORT = contracts.CreateReport(title="a", body="b c")


@pytest.fixture
def worker(start_worker: Callable[..., Celery], sender: Celery) -> Celery:
    """A worker, and the app with which to ask for its results."""
    start_worker(QUEUE, "after-commit")
    return sender


def result(app: Celery, task_id: str) -> object:
    return AsyncResult(task_id, app=app).get(timeout=30)


def test_commit_sends_and_rollback_does_not(worker: Celery) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        forgotten = PING.send(Ping())
        raise ZeroDivisionError
    with transaction.atomic():
        kept = PING.send(Ping())
        assert read_status(kept) is None, "it was sent before the commit"
    assert result(worker, kept) == "pong"
    assert read_status(forgotten) is None


def test_savepoint_that_is_rolled_back_takes_its_tasks_along(worker: Celery) -> None:
    with transaction.atomic():
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            forgotten = PING.send(Ping())
            raise ZeroDivisionError
        kept = PING.send(Ping())
    assert result(worker, kept) == "pong"
    assert read_status(forgotten) is None


def test_outbox_is_part_of_the_transaction(sender: Celery) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        services.request_report(title="a", body="b")
        assert OutboxMessage.objects.count() == 1
        raise ZeroDivisionError
    assert (OutboxMessage.objects.count(), Report.objects.count()) == (0, 0)
    report_id, task_id = services.request_report(title="a", body="b")
    assert OutboxMessage.objects.count() == 0
    status = read_status(task_id)
    assert status is not None
    assert (status.state, Report.objects.get().pk) == ("queued", report_id)


def test_outbox_keeps_what_cannot_be_sent(no_broker: None) -> None:
    services.request_report(title="a", body="b")
    assert OutboxMessage.objects.count() == 1


def test_without_an_outbox_the_commit_says_what_could_not_be_sent(no_broker: None) -> None:
    with pytest.raises(BrokerUnavailableError, match="Connection refused"), transaction.atomic():
        Report.objects.create(title="a")
        PING.send(Ping())
    assert Report.objects.count() == 1


def test_sent_twice_with_one_key_there_is_one_report(worker: Celery) -> None:
    """The worker's database is the one of ``broker``; its results say which report it made."""
    plain = Contract(contracts.CREATE_REPORT.name, contracts.CREATE_REPORT.queue, contracts.CreateReport)
    keyed = [plain.send(REPORT, idempotency_key="order-7") for _ in range(3)]
    others = [plain.send(REPORT), plain.send(REPORT, idempotency_key="order-8")]
    made = [result(worker, task_id) for task_id in (*keyed, *others)]
    assert made[0] == made[1] == made[2]
    assert len({str(report) for report in made}) == 3
    another = plain.send(contracts.CreateReport(title="a", body="d"), idempotency_key="order-7")
    with pytest.raises(KeyReusedError, match="create_report:order-7: was used before, with another payload"):
        result(worker, another)


def test_request_that_is_repeated_is_one_report(sender: Celery) -> None:
    first = services.request_report(title="a", body="b", key="k")
    assert services.request_report(title="a", body="b", key="k") == first
    with pytest.raises(KeyReusedError):
        services.request_report(title="a", body="c", key="k")
    assert services.request_report(title="a", body="c", key="other") != first
    assert (Report.objects.count(), OutboxMessage.objects.count()) == (2, 0)


def test_delivered_twice_there_is_one_report() -> None:
    first = tasks.create_report.apply(args=["a", "b"], task_id="1").get()
    assert tasks.create_report.apply(args=["a", "b"], task_id="1").get() == first
    assert tasks.create_report.apply(args=["a", "b"], task_id="2").get() != first
    assert Report.objects.count() == 2


def test_failed_effect_leaves_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as context:
        context.setattr(services, "build_report", lambda **_: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            tasks.create_report.apply(args=["a"], task_id="1", throw=True)
    assert (IdempotencyKey.objects.count(), Report.objects.count()) == (0, 0)
    tasks.create_report.apply(args=["a"], task_id="1", throw=True)
    assert Report.objects.count() == 1
    assert database.purge_keys() == 0
