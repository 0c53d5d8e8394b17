"""What is secret is hidden by its name, in values and in texts; everything else stays as it is."""

import logging

import pytest
from pydantic import BaseModel, SecretStr

from trinity_celery.config import CelerySettings, load, redact, redact_text, redaction
from trinity_celery.config.redaction import REDACTED, RedactingFilter, is_secret, redact_also


class Login(BaseModel):
    name: str
    password: SecretStr
    again: SecretStr


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "PASSWORD",
        "db_password",
        "passwordAgain",
        "X-Api-Key",
        "apiKey",
        "APIKey",
        "access_tokens",
        "Set-Cookie",
        "clientSecret",
        "credit_card",
        "Authorization",
    ],
)
def test_secret_names(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", ["report_id", "secretary", "key", "passage", "tokenize", "text", "", 7])
def test_other_names(name: object) -> None:
    assert not is_secret(name)


def test_values_are_copied_without_what_is_secret() -> None:
    value = {
        "title": "A report",
        "password": "hunter2",
        "nested": [{"token": {"even": "this"}}, ("plain", 3)],
        "url": "redis://:hunter2@localhost:6379/0",
        "login": Login(name="ada", password=SecretStr("hunter2"), again=SecretStr("hunter2")),
    }
    assert redact(value) == {
        "title": "A report",
        "password": REDACTED,
        "nested": [{"token": REDACTED}, ("plain", 3)],
        "url": f"redis://:{REDACTED}@localhost:6379/0",
        "login": {"name": "ada", "password": REDACTED, "again": REDACTED},
    }
    assert value["password"] == "hunter2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("connect to redis://ada:hunter2@host/0 failed", "connect to redis://ada:[redacted]@host/0 failed"),
        ("postgres://ada:one@h/db, https://eve:two@h/", "postgres://ada:[redacted]@h/db, https://eve:[redacted]@h/"),
        ("password=hunter2, user=ada", "password=[redacted], user=ada"),
        ("{'password': 'hun\"ter2', 'user': 'ada'}", "{'password': [redacted], 'user': 'ada'}"),
        ('{"api_key": "hun\\"ter2"}', '{"api_key": [redacted]}'),
        ('{\\"token\\": \\"hunter2\\", \\"n\\": 1}', '{\\"token\\": [redacted], \\"n\\": 1}'),
        ("Authorization: Bearer hunter2 ok", "Authorization: [redacted] ok"),
        ("tokens: ['hunter2', 'hunter3']", "tokens: [redacted]"),
        ("password='never closed", "password=[redacted]"),
        ("password=", "password=[redacted]"),
        ("task reset_password[0123] received", "task reset_password[0123] received"),
        ("see https://host:80/a@b", "see https://host:80/a@b"),
    ],
)
def test_texts(text: str, expected: str) -> None:
    assert redact_text(text) == expected
    assert redact_text(expected) == expected


def test_long_texts_take_no_long_time() -> None:
    """With a pattern that tries every way, any of these would take hours."""
    for text in ("a" * 1_000_000, "a=" * 500_000, 'token="' * 200_000, "://a:" * 200_000, "a " * 500_000):
        assert redact_text(text)


def test_more_names_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_secret("iban")
    monkeypatch.setenv("REDACTED_NAMES", "iban, tax number")
    names = load(CelerySettings).redacted_names
    assert names == ("iban", "tax number")
    monkeypatch.setattr(redaction, "_secret_words", set(redaction._secret_words))
    redact_also(names)
    assert redact({"iban": 1, "taxNumber": 2, "password": 3}) == dict.fromkeys(
        ("iban", "taxNumber", "password"), REDACTED
    )
    is_secret.cache_clear()


def test_name_without_a_letter_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDACTED_NAMES", "iban,-")
    with pytest.raises(SystemExit, match="REDACTED_NAMES: '-' is no name"):
        load(CelerySettings)


def test_log_records_and_tracebacks(caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.addFilter(redacting := RedactingFilter())
    try:
        try:
            raise ValueError("token=hunter2")
        except ValueError:
            logging.getLogger(__name__).exception("failed with %s and password=%s", {"secret": "hunter2"}, "hunter2")
    finally:
        caplog.handler.removeFilter(redacting)
    assert f"token={REDACTED}" in caplog.text
    assert "hunter2" not in caplog.text.replace('raise ValueError("token=hunter2")', "")
