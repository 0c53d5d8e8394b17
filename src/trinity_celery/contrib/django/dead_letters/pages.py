"""The HTML of the admin's pages about dead letters, to stand in the frame that the admin itself gives them."""

import json
from collections.abc import Iterable
from datetime import datetime
from urllib.parse import urlencode

from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from trinity_celery.config import redact_text
from trinity_celery.dead_letters import DeadLetter

CHANGELIST = "admin:dead_letters_deadletter_changelist"
CHANGE = "admin:dead_letters_deadletter_change"
COLUMNS = ("", "Failed at (UTC)", "Task", "Queue", "Reason", "Error")

ACTIONS = {"replay": "Send again", "drop": "Drop"}


def _csrf(request: HttpRequest) -> SafeString:
    return format_html('<input type="hidden" name="csrfmiddlewaretoken" value="{}">', get_token(request))


def _buttons(actions: Iterable[str]) -> SafeString:
    button = '<button type="submit" class="button" name="action" value="{}">{}</button> '
    return format_html_join("", button, ((action, ACTIONS[action]) for action in actions))


def _filter_link(name: str, value: str | None) -> SafeString:
    if value is None:
        return mark_safe("?")
    return format_html('<a href="?{}" title="Only these">{}</a>', urlencode({name: value}), value)


def _row(letter: DeadLetter) -> tuple[object, ...]:
    return (
        letter.id,
        reverse(CHANGE, args=[letter.id]),
        f"{letter.failed_at:%Y-%m-%d %H:%M:%S}",
        _filter_link("task", letter.task),
        _filter_link("queue", letter.queue),
        _filter_link("reason", letter.reason),
        redact_text(letter.error)[:200],
    )


def list_page(request: HttpRequest, letters: list[DeadLetter], actions: list[str], note: str) -> SafeString:
    """Return a table of ``letters`` with a checkbox for each, and a button for each of the actions."""
    row = (
        '<tr><td class="action-checkbox"><input type="checkbox" class="action-select" name="id" value="{}"></td>'
        '<th><a href="{}">{}</a></th><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>'
    )
    return format_html(
        '<p>{} {}</p><form method="post">{}<div class="results"><table id="result_list"><thead><tr>{}</tr></thead>'
        "<tbody>{}</tbody></table></div><p>{}</p></form>",
        note,
        format_html('<a href="{}">Show all</a>', reverse(CHANGELIST)) if request.GET else "",
        _csrf(request),
        format_html_join("", '<th scope="col">{}</th>', ((column,) for column in COLUMNS)),
        format_html_join("", row, map(_row, letters)),
        _buttons(actions) if letters else "",
    )


def letter_page(request: HttpRequest, letter: DeadLetter, actions: list[str]) -> SafeString:
    """Return everything about one letter that may be shown, and a button for each of the actions."""
    shown = letter.redacted()
    traceback = shown.pop("traceback")
    facts = (
        (
            name.replace("_", " "),
            str(value) if isinstance(value, str | datetime) else json.dumps(value, default=str, indent=2),
        )
        for name, value in shown.items()
        if value not in (None, "")
    )
    return format_html(
        '<div class="module"><table>{}</table></div>{}<form method="post" action="{}">{}'
        '<input type="hidden" name="id" value="{}"><p>{}</p></form>',
        format_html_join("", "<tr><th>{}</th><td><pre>{}</pre></td></tr>", facts),
        format_html("<h2>Traceback</h2><pre>{}</pre>", traceback) if traceback else "",
        reverse(CHANGELIST),
        _csrf(request),
        letter.id,
        _buttons(action for action in actions if action != "replay" or letter.is_replayable),
    )
