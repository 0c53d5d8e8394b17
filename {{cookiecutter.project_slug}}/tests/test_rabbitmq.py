"""RabbitMQ as the broker: quorum queues that survive, and the limits that come with it."""

import os

import pytest

from devtools.rabbitmq import server_binary
from devtools.stack import Stack
from shared.celery_settings import broker_configuration
from shared.settings import CelerySettings, all_queues
from tests.conftest import sender_for

AMQP = CelerySettings(celery_broker_url="amqp://127.0.0.1//")


def test_runs_on_a_real_rabbitmq(stack: Stack) -> None:
    if not server_binary() and not os.environ.get("CI"):
        pytest.skip("RabbitMQ is not installed here, so the other tests ran on Valkey; CI must have it")
    assert stack.environment["CELERY_BROKER_URL"].startswith("amqp://")


def test_queues_are_quorum_queues_on_the_broker(stack: Stack) -> None:
    with sender_for(stack.environment).connection_for_write() as connection:
        if connection.transport.driver_type != "amqp":
            assert not server_binary()
            return
        for name in all_queues():
            # Declared with another type, RabbitMQ answers 406; declared with the same, it says how many messages wait.
            arguments = {"x-queue-type": "quorum"}
            assert connection.channel().queue_declare(name, durable=True, auto_delete=False, arguments=arguments)


def test_messages_are_confirmed_and_senders_do_not_wait_for_ever() -> None:
    sender = broker_configuration(AMQP, "sender")["broker_transport_options"]
    assert sender == {"confirm_publish": True, "read_timeout": 1, "write_timeout": 1}
    assert broker_configuration(AMQP, "worker")["broker_transport_options"] == {"confirm_publish": True}


def test_task_that_outlives_the_consumer_timeout_is_refused() -> None:
    limit = {"celery_task_time_limit": 1800, "celery_broker_visibility_timeout": 3600}
    with pytest.raises(SystemExit, match="CELERY_TASK_TIME_LIMIT: 1800 s is too long"):
        broker_configuration(AMQP.model_copy(update=limit), "worker")
