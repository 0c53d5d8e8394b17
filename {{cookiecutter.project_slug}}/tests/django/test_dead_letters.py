"""Dead letters in the admin: who may see them, what is shown, and what the buttons do."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from trinity_celery.config import CelerySettings
from trinity_celery.connections import redis_client
from trinity_celery.contrib.django.dead_letters import admin
from trinity_celery.dead_letters import DeadLetters, Replay
from trinity_celery.dead_letters.store import dead_letter
from trinity_celery.testing.ports import free_port

from devtools.stack import Stack
from shared.contracts import PING_TASKS
from shared.queues import PROJECT
from tests.conftest import sender_for

pytestmark = pytest.mark.django_db

LIST = "/admin/dead_letters/deadletter/"
TASK = PING_TASKS[PROJECT.services[0].celery_app]


@pytest.fixture
def office(broker: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Replay]:
    """An empty store that the admin uses."""
    monkeypatch.setenv("REDIS_URL", broker.environment["REDIS_URL"])
    office = Replay(DeadLetters(redis_client(CelerySettings()), PROJECT.name, 100), sender_for(broker.environment))
    office.collect()
    for letter in office.find():
        office.letters.drop(letter.id)
    monkeypatch.setattr(admin, "office", lambda: office)
    yield office
    office.letters.client.close()


def keep(office: Replay, task: str = TASK, error: str = "ValueError: no <b>luck</b>") -> str:
    keywords = {"password": "sesame", "file": "<script>"}
    letter = dead_letter(
        "failed",
        error,
        task=task,
        task_id=f"id of {task}",
        queue=PROJECT.queue_names()[0],
        arguments=[],
        keywords=keywords,
        traceback="Traceback ...",
    )
    office.letters.keep(letter)
    return letter.id


def staff(client: Client, *permissions: str) -> Client:
    """Log somebody in who has no more than ``permissions``."""
    user = User.objects.create_user("somebody", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


def test_admin_lists_letters(office: Replay, admin_client: Client) -> None:
    one, two = keep(office), keep(office, "other")
    assert "Dead letters" in admin_client.get("/admin/").content.decode()
    page = admin_client.get(LIST).content.decode()
    assert "Django administration" in page
    assert f'value="{one}"' in page
    assert "no &lt;b&gt;luck&lt;/b&gt;" in page
    assert "2 in all." in page
    page = admin_client.get(LIST, {"task": "other"}).content.decode()
    assert f'value="{two}"' in page
    assert f'value="{one}"' not in page


def test_admin_shows_a_letter_without_secrets(office: Replay, admin_client: Client) -> None:
    page = admin_client.get(f"{LIST}{keep(office)}/").content.decode()
    assert "Traceback ..." in page
    assert "[redacted]" in page
    assert "sesame" not in page
    assert "<script>" not in page.partition('<div class="module">')[2]
    assert admin_client.get(f"{LIST}nonsense/").status_code == 404


def test_admin_sends_again_and_drops(office: Replay, admin_client: Client) -> None:
    one, two, three = (keep(office, task) for task in (TASK, f"{TASK}2", "third"))
    page = admin_client.post(LIST, {"action": "replay", "id": [one, two]}, follow=True).content.decode()
    assert "Sent 2." in page
    assert [letter.id for letter in office.find()] == [three]
    page = admin_client.post(LIST, {"action": "drop", "id": [three, one]}, follow=True).content.decode()
    assert "Dropped 1." in page
    assert f"There is no dead letter &#x27;{one}&#x27;" in page
    assert list(office.find()) == []
    with office.app.connection_for_write() as connection:
        channel: Any = connection.channel()
        channel.queue_purge(PROJECT.queue_names()[0])


def test_admin_wants_permissions_and_a_token(office: Replay) -> None:
    identifier = keep(office)
    assert Client().get(LIST).status_code == 302
    assert staff(Client()).get(LIST).status_code == 403
    User.objects.all().delete()
    reader = staff(Client(), "view_deadletter")
    page = reader.get(LIST)
    assert page.status_code == 200
    assert "Send again" not in page.content.decode()
    assert reader.get(f"{LIST}{identifier}/").status_code == 200
    for action in ("replay", "drop", "nonsense"):
        assert reader.post(LIST, {"action": action, "id": identifier}).status_code == 403
    User.objects.all().delete()
    careful = staff(Client(enforce_csrf_checks=True), "view_deadletter", "change_deadletter", "delete_deadletter")
    assert "Send again" in careful.get(LIST).content.decode()
    assert careful.post(LIST, {"action": "drop", "id": identifier}).status_code == 403
    assert len(office.letters) == 1


def test_admin_says_that_redis_is_away(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    for url in (LIST, f"{LIST}0123/"):
        page = admin_client.get(url)
        assert page.status_code == 503
        assert "is away: " in page.content.decode()
