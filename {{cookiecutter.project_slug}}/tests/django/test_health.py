"""The health endpoints: open to probes, which know no host name, and clear about what is missing."""

import pytest
from django.conf import LazySettings
from django.test import Client
from trinity_celery.contrib.django import health

PROBE = {"host": "10.0.0.7"}


def refuse() -> None:
    raise ConnectionRefusedError("nobody listens")


@pytest.fixture(autouse=True)
def _one_host(settings: LazySettings) -> None:
    settings.ALLOWED_HOSTS = ["shop.example"]


def test_probe_may_ask_for_an_address(client: Client) -> None:
    response = client.get("/health/live", headers=PROBE)
    assert (response.status_code, response.json()) == (200, {"status": "live"})


def test_other_pages_want_a_host_that_is_allowed(client: Client) -> None:
    assert client.get("/tasks/x", headers=PROBE).status_code == 400
    assert client.get("/health", headers=PROBE).status_code == 400


def test_ready_names_what_fails(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "check_database", refuse)
    monkeypatch.setattr(health, "readiness_checks", lambda app: {"broker": lambda: None})
    response = client.get("/health/ready", headers=PROBE)
    assert response.status_code == 503
    assert response.json()["problems"] == {"database": "ConnectionRefusedError: nobody listens"}


def test_ready_when_nothing_fails(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "check_database", lambda: None)
    monkeypatch.setattr(health, "readiness_checks", lambda app: {})
    response = client.get("/health/ready", headers=PROBE)
    assert (response.status_code, response.json()) == (200, {"status": "ready"})
