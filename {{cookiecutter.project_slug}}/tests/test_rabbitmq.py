"""RabbitMQ as the broker: quorum queues that survive, and the limits that come with it."""

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme
from celery import Celery
from trinity_celery.brokers.rabbitmq.broker import queue_arguments
from trinity_celery.brokers.rabbitmq.worker_queue import version_problem
from trinity_celery.config import CelerySettings, load_runtime
from trinity_celery.testing.rabbitmq import private_rabbitmq, server_binary
from trinity_celery.testing.tls_proxy import tls_proxy
from trinity_celery.worker.celery_settings import broker_configuration
from trinity_celery.worker.consumer import Consumer

from devtools.stack import Stack, procfile
from devtools.web_services import WEB_SERVICES, WebService
from shared.contracts import PINGS
from shared.queues import PROJECT
from tests.conftest import sender_for
from tests.test_broker_away import assert_others_are_answered, assert_unavailable, frozen, wait_until_accepted
from tests.test_tls import check_servers

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
        for name in load_runtime(PROJECT).all_queues():
            # Declared with another type, RabbitMQ answers 406; declared with the same, it says how many messages wait.
            arguments = queue_arguments(PROJECT.name)
            assert arguments["x-queue-type"] == "quorum"
            assert channel.queue_declare(name, durable=True, auto_delete=False, arguments=arguments)


def test_worker_names_a_queue_of_another_kind(broker: Stack) -> None:
    assert required_binary()
    queue = PROJECT.queue_names()[0]
    app = sender_for(broker.environment)
    with app.connection_for_write() as connection:
        channel: Any = connection.channel()
        channel.queue_delete(queue)
        channel.queue_declare(queue, durable=True, auto_delete=False)
        broker.start("classic", f"trinity worker {queue}")
        assert broker.wait("classic", 30) == 1
        channel.queue_delete(queue)
    log = broker.log("classic").read_text()
    assert "CELERY_BROKER_URL: a queue is there already, but not as this project declares it (" in log
    assert f"for queue '{queue}'" in log
    assert "Traceback" not in log


def test_version_that_is_not_tested_is_named(broker: Stack) -> None:
    assert required_binary()
    with sender_for(broker.environment).connection_for_write() as connection:
        connection.connect()
        properties: dict[str, Any] = connection.connection.server_properties  # type: ignore[attr-defined]
    assert properties["product"] == "RabbitMQ"
    assert version_problem(properties) is None
    assert version_problem(properties | {"version": "3.9.29"}) == "the broker is RabbitMQ 3.9.29: use 3.10 or later"


def test_messages_are_confirmed_and_senders_do_not_wait_for_ever() -> None:
    sender = broker_configuration(load_runtime(PROJECT, AMQP), "sender")["broker_transport_options"]
    assert sender == {"confirm_publish": True, "read_timeout": 1, "write_timeout": 1}
    assert broker_configuration(load_runtime(PROJECT, AMQP), "worker")["broker_transport_options"] == {
        "confirm_publish": True
    }


def test_task_that_outlives_the_consumer_timeout_is_refused() -> None:
    limit = {"celery_task_time_limit": 1800, "celery_broker_visibility_timeout": 3600}
    with pytest.raises(SystemExit, match="CELERY_TASK_TIME_LIMIT: 1800 s is too long"):
        broker_configuration(load_runtime(PROJECT, AMQP.model_copy(update=limit)), "worker")


def test_gevent_waits_for_no_heartbeats_of_events(sender: Celery) -> None:
    """Celery's loop would do so for a tenth of a second in each turn, and a turn brings one message."""
    worker = SimpleNamespace(use_eventloop=False)
    consumer: Any = Consumer(print, app=sender, controller=worker, pool=SimpleNamespace(is_green=True))
    with consumer.connect() as taking, consumer.connection_for_write(heartbeat=consumer.amqheartbeat) as telling:
        assert taking.get_heartbeat_interval() > 0
        assert telling.get_heartbeat_interval() == 0
    assert not consumer.amqheartbeat  # what the loop looks at


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


def encrypted(url: str, port: int) -> str:
    """Return where the broker at ``url`` is reached through a proxy at ``port``."""
    return url.replace("amqp://", "amqps://").replace(f"127.0.0.1:{urlsplit(url).port}", f"localhost:{port}")


def test_encrypted_connection_is_verified(start_worker: Callable[..., Celery], broker: Stack, tmp_path: Path) -> None:
    assert required_binary()
    url, authority = broker.environment["CELERY_BROKER_URL"], trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    queue = PROJECT.queue_names()[0]
    with tls_proxy(urlsplit(url).port or 0, authority) as port:
        variables = {"CELERY_BROKER_URL": encrypted(url, port), "TLS_CA_FILE": str(tmp_path / "ca.pem")}
        app = start_worker(queue, "encrypted", **variables)
        assert f"amqps://guest:**@localhost:{port}//" in broker.log("encrypted").read_text()
        assert app.send_task(PINGS[queue].name, queue=queue).get(timeout=60) == "pong"
        assert check_servers(broker.environment["REDIS_URL"], **variables).returncode == 0
        refused = check_servers(broker.environment["REDIS_URL"], **{**variables, "TLS_CA_FILE": ""})
        shown = f"error: CELERY_BROKER_URL: the server at localhost:{port} shows a certificate that is not trusted ("
        assert refused.stderr.startswith(shown)
        assert refused.stderr.count("\n") == 1
        broker.stop("encrypted")
    with tls_proxy(urlsplit(url).port or 0, authority, host="elsewhere.example") as port:
        variables["CELERY_BROKER_URL"] = encrypted(url, port)
        refused = check_servers(broker.environment["REDIS_URL"], **variables)
        assert "Hostname mismatch, certificate is not valid for 'localhost'" in refused.stderr
