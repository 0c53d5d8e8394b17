"""URLs of servers: each that is wrong is refused in one line that shows no part of the password; others are used."""

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kombu import Connection
from pydantic_settings import BaseSettings

from tests.library.shop.queues import PROJECT
from trinity_celery.brokers.registry import BROKERS
from trinity_celery.config import CelerySettings, load, load_runtime
from trinity_celery.connections import redis_client
from trinity_celery.worker import celery_configuration

URLS = ("REDIS_URL", "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND")
SECRET = "Canary"  # in capital letters, unlike what the messages say of themselves


def read(settings: type[BaseSettings], **variables: str) -> Any:
    """Return the settings that these variables give; raise ``SystemExit`` with what is wrong with them."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in variables.items():
            environment.setenv(name, value)
        return load(settings)


def check_message(name: str, said: str) -> None:
    """Let it be one line that names the variable and shows no part of the password."""
    assert said.startswith(f"{name}: ")
    assert len(said.splitlines()) == 1
    assert not any(SECRET[start : start + 3] in said for start in range(len(SECRET) - 2)), said


def check_url(name: str, url: str) -> None:
    """Let ``url`` either be used or be refused in one line without a part of the password."""
    try:
        settings = read(CelerySettings, **{name: url})
        celery_configuration(load_runtime(PROJECT, settings), PROJECT.services[0])
        Connection(settings.broker_url)
        redis_client(CelerySettings(), settings.redis_url).close()
    except SystemExit as refused:
        check_message(name, str(refused))


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
odd = st.text(st.sampled_from("@:;/?#%[]&=\\ é☃\t\n9"), max_size=4)


@given(st.sampled_from(URLS), odd, odd, st.sampled_from(["", "sqs", "http", *BROKERS]))
@example("REDIS_URL", "@ss:w/rd#%$x", "@127.0.0.1:6379/0", "redis")
@example("CELERY_BROKER_URL", ";", "@127.0.0.1:5672//", next(iter(BROKERS)))
@example("CELERY_BROKER_URL", ":w/", "@127.0.0.1:5672//", next(iter(BROKERS)))
def test_odd_url_is_used_or_refused_without_showing_the_password(name: str, odd: str, end: str, scheme: str) -> None:
    check_url(name, f"{scheme}://user:Can{odd}ary{end}@h/0")
    check_url(name, f"{scheme}://:{odd}Canary@h{end}")
    check_url(name, f"Canary{odd}{scheme}{end}")


@given(st.sampled_from(URLS), text, text, st.sampled_from(["127.0.0.1", "[::1]:6380", "redis.example:1"]))
def test_name_and_password_may_hold_anything_if_encoded(name: str, user: str, password: str, server: str) -> None:
    url = f"redis://{quote(user, safe='')}:{quote(password, safe='')}@{server}/3"
    settings = read(CelerySettings, **{name: url})
    options = redis_client(CelerySettings(), getattr(settings, name.lower())).connection_pool.connection_kwargs
    assert (options.get("username") or "", options.get("password") or "") == (user, password)
    assert options["db"] == 3


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("redis://:a#b@127.0.0.1", "holds '#', with which the URL ends: percent-encode name and password"),
        ("redis://:a/b@127.0.0.1", "holds '@', '/' or '?' in name or password: percent-encode name and password"),
        ("redis://:a%b@127.0.0.1", "holds '%' without two hexadecimal digits after it: percent-encode"),
        ("redis://:a b@127.0.0.1", "holds a space or a character that cannot be printed: percent-encode"),
        ("redis://127.0.0.1:port", "its host or port cannot be read (ports are 1 to 65535"),
        ("redis://127.0.0.1:0", "its port is 0: use a number from 1 to 65535"),
        ("redis://::1:6379/0", "its host or port cannot be read"),
        ("redis:///0", "names no host: write it after '://'"),
        ("redis://127.0.0.1/notadb", "its database must be a number, as the 0 of redis://HOST:6379/0"),
        ("redis://127.0.0.1/0?db=3", "options after '?' are not supported: leave them out"),
    ],
)
@pytest.mark.parametrize("name", URLS)
def test_what_is_wrong_with_a_url_is_said_with_its_cure(name: str, url: str, problem: str) -> None:
    with pytest.raises(SystemExit) as refused:
        read(CelerySettings, **{name: url})
    assert str(refused.value).startswith(f"{name}: {problem}")
