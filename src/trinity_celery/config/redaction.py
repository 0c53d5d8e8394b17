"""What must not be read in logs, in monitors or in dead letters: values whose name says that they are secret.

Names are compared word by word, whatever their style: ``password`` hides ``db_password``, ``passwordAgain`` and
``X-Password`` alike, but not ``passworded``. ``REDACTED_NAMES`` adds the names of your own. They hold for the whole
process, since its logs are those of all its apps.
"""

import logging
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import overload

from pydantic import BaseModel, SecretBytes, SecretStr

REDACTED = "[redacted]"

NAMES = (
    "access_key",
    "api_key",
    "apikey",
    "authorization",
    "card_number",
    "cookie",
    "credential",
    "credit_card",
    "cvc",
    "cvv",
    "passphrase",
    "passwd",
    "password",
    "private_key",
    "pwd",
    "secret",
    "session_key",
    "ssn",
    "token",
)

WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
# The password in scheme://name:password@host.
URL_PASSWORD = re.compile(r"(://[^\s/:@'\"]*:)[^\s/@'\"]+(?=@)")
# The beginning of name=value, name: value, 'name': 'value' and "name": "value", also within a quoted text. No part
# of it can be matched in two ways, so that a long line takes no long time.
ASSIGNMENT = re.compile(r"""(?<![\w-])(?P<name>[A-Za-z_][\w-]*+)\\*["']?\s*+[:=]\s*+(?P<quote>\\*["'])?""")
UNQUOTED = re.compile(r"""(?:(?:Basic|Bearer)\s+)?[^\s,;&)}\]"']*""", re.IGNORECASE)
REST_OF_LINE = re.compile(r".*")


def _words(name: str) -> str:
    """Return the words of a name in one style, each in the singular."""
    return "".join(f" {word.lower().removesuffix('s') or 's'} " for word in WORD.findall(name))


def check_name(name: str) -> None:
    """Raise ``ValueError`` if ``name`` has no words that could be found in the name of a value."""
    if not _words(name):
        raise ValueError(f"{name!r} is no name: separate names by commas, as in iban,tax_number")


_secret_words = {_words(name) for name in NAMES}


def redact_also(names: Iterable[str]) -> None:
    """Take the values of these names for secret, too, from now on and in this process."""
    added = {_words(name) for name in names}
    if not added <= _secret_words:
        _secret_words.update(added)
        is_secret.cache_clear()


@lru_cache(maxsize=4096)
def is_secret(name: object) -> bool:
    """Return whether the value of this name must not be shown."""
    words = _words(str(name))
    return any(secret in words for secret in _secret_words)


@overload
def redact(value: Mapping[str, object]) -> dict[str, object]: ...


@overload
def redact(value: tuple[object, ...]) -> tuple[object, ...]: ...


@overload
def redact(value: object) -> object: ...


def redact(value: object) -> object:
    """Return a copy of ``value`` in which everything secret is ``[redacted]``; ``value`` itself is left alone.

    Args:
        value: mappings, lists, tuples, sets and pydantic models are looked through, and out of any text is cut what
            ``redact_text`` finds; everything else is returned as it is.
    """
    match value:
        case SecretStr() | SecretBytes():
            return REDACTED
        case BaseModel():
            return redact({name: getattr(value, name) for name in type(value).model_fields})
        case Mapping():
            return {name: REDACTED if is_secret(name) else redact(item) for name, item in value.items()}
        case list() | tuple() | set() | frozenset():
            items = [redact(item) for item in value]
            return tuple(items) if isinstance(value, tuple) else items
        case str():
            return redact_text(value)
    return value


def redact_text(text: str) -> str:
    """Return a text without the passwords of URLs, and without the values of secret names (``name=value``).

    A guess, since a text has no structure: where the end of a value is not clear, too much is hidden.

    Args:
        text: a line of a log, say.
    """
    text = URL_PASSWORD.sub(rf"\1{REDACTED}", text)
    parts = []
    position = 0
    for found in ASSIGNMENT.finditer(text):
        if found.start() >= position and is_secret(found["name"]):
            parts += [text[position : found.end()].removesuffix(found["quote"] or ""), REDACTED]
            position = _end_of_value(text, found.end(), found["quote"])
    return "".join([*parts, text[position:]])


def _end_of_value(text: str, start: int, quote: str | None) -> int:
    if quote:
        # A quotation mark in the value itself is not followed by what separates values.
        closing = re.compile(rf"{re.escape(quote)}(?=[\s,;:)}}\]\\]|$)").search(text, start)
        return closing.end() if closing else len(text)
    if text.startswith(REDACTED, start):
        return start + len(REDACTED)
    pattern = REST_OF_LINE if text[start : start + 1] in ("[", "{", "(") else UNQUOTED
    found = pattern.match(text, start)
    return found.end() if found else start


class RedactingFilter(logging.Filter):
    """Takes what is secret out of log records, tracebacks included. A filter of handlers: it sees every logger's."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record; drop only the one in which Celery shows, for debugging, a message as it came."""
        if record.name == "celery.pool" and str(record.msg).startswith("TaskPool: Apply"):
            return False
        record.msg, record.args = redact_text(record.getMessage()), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact_text(record.exc_text)
        return True


def redact_log(logger: logging.Logger | None = None, **_: object) -> None:
    """Let the handlers of ``logger`` (the root logger by default) write no secrets. Doing it twice does no harm."""
    for handler in (logger or logging.getLogger()).handlers:
        if not any(isinstance(each, RedactingFilter) for each in handler.filters):
            handler.addFilter(RedactingFilter())
