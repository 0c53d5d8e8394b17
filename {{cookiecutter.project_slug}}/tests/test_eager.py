"""The ``eager`` fixture does what it says: tasks run in this process, and their errors come out."""

import pytest
from trinity_celery.contracts import Contract

from shared.contracts import PING_TASKS, PINGS, Ping
from shared.queues import PROJECT
from tests.conftest import service_apps


def test_switches_every_app_and_back(eager: None) -> None:
    for app, service in zip(service_apps(), PROJECT.services, strict=True):
        assert app.conf.task_always_eager
        assert app.tasks[PING_TASKS[service.celery_app]].delay().get() == "pong"


def test_is_off_without_the_fixture() -> None:
    assert [app.conf.task_always_eager for app in service_apps()] == [False] * len(PROJECT.services)


@pytest.mark.parametrize("queue", PROJECT.queue_names())
def test_contracts_run_here(eager: None, queue: str) -> None:
    assert PINGS[queue].send(Ping(), task_id="chosen") == "chosen"
    assert len(PINGS[queue].send_many([Ping(), Ping()])) == 2


def test_errors_come_out(eager: None) -> None:
    app = service_apps()[0]

    @app.task(name="tests.fails")
    def fails() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Contract("tests.fails", PROJECT.queue_names()[0], Ping).send(Ping())
    del app.tasks["tests.fails"]
