"""RabbitMQ as the broker: quorum queues that survive, and the limits that come with it."""

import os
from pathlib import Path
from typing import Any

import pytest

from devtools.rabbitmq import private_rabbitmq, server_binary
from devtools.stack import Stack, procfile
from devtools.web_services import WEB_SERVICES, WebService
from shared.celery_settings import broker_configuration
from shared.settings import CelerySettings, all_queues
from tests.conftest import sender_for
from tests.test_broker_away import assert_others_are_answered, assert_unavailable, frozen, wait_until_accepted

each_service = pytest.mark.parametrize("service", WEB_SERVICES, ids=lambda service: service.title)

AMQP = CelerySettings(celery_broker_url="amqp://127.0.0.1//")


def required_binary() -> str:
    """Return RabbitMQ's start script; without it a test is left out on a laptop, and fails in CI."""
    binary = server_binary()
    if not binary and not os.environ.get("CI"):
        pytest.skip("RabbitMQ is not installed here, so the other tests ran on Valkey")
    assert binary, "CI must install RabbitMQ"
    return binary


def test_runs_on_a_real_rabbitmq(stack: Stack) -> None:
    assert required_binary()
    assert stack.environment["CELERY_BROKER_URL"].startswith("amqp://")


def test_queues_are_quorum_queues_on_the_broker(stack: Stack) -> None:
    assert required_binary()
    with sender_for(stack.environment).connection_for_write() as connection:
        channel: Any = connection.channel()
        for name in all_queues():
            # Declared with another type, RabbitMQ answers 406; declared with the same, it says how many messages wait.
            arguments = {"x-queue-type": "quorum"}
            assert channel.queue_declare(name, durable=True, auto_delete=False, arguments=arguments)


def test_messages_are_confirmed_and_senders_do_not_wait_for_ever() -> None:
    sender = broker_configuration(AMQP, "sender")["broker_transport_options"]
    assert sender == {"confirm_publish": True, "read_timeout": 1, "write_timeout": 1}
    assert broker_configuration(AMQP, "worker")["broker_transport_options"] == {"confirm_publish": True}


def test_task_that_outlives_the_consumer_timeout_is_refused() -> None:
    limit = {"celery_task_time_limit": 1800, "celery_broker_visibility_timeout": 3600}
    with pytest.raises(SystemExit, match="CELERY_TASK_TIME_LIMIT: 1800 s is too long"):
        broker_configuration(AMQP.model_copy(update=limit), "worker")


@each_service
def test_rabbitmq_that_is_frozen(broker: Stack, service: WebService, tmp_path: Path) -> None:
    with private_rabbitmq(tmp_path, required_binary()) as url:
        broker.start(service.process, procfile()[service.process], {"CELERY_BROKER_URL": url})
        try:
            broker.wait_for(f"{service.address(broker.environment)}/health/ready")
            wait_until_accepted(broker, service)
            with frozen(int((tmp_path / "pid").read_text())):
                assert_unavailable(broker, service, ["broker"])
                assert_others_are_answered(broker, service)
            wait_until_accepted(broker, service)
        finally:
            broker.stop(service.process)
