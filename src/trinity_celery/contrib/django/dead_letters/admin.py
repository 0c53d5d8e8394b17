"""Dead letters in the admin: look at them, send them again, drop them."""

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from trinity_celery.config import redact_text
from trinity_celery.contracts.sending import sending_app
from trinity_celery.contrib.django.dead_letters.models import DeadLetter
from trinity_celery.dead_letters import LetterFilter, Replay, open_replay
from trinity_celery.dead_letters.replay import UNAVAILABLE, in_one_line
from trinity_celery.errors import NotReplayableError

SHOWN = 100  # letters on the page
FRAME = "admin/base_site.html"


def office() -> Replay:
    """Return the office, whose tasks this process sends."""
    return open_replay(sending_app())


def _facts(shown: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in shown.items():
        if value not in (None, ""):
            is_text = isinstance(value, str | datetime)
            yield name.replace("_", " "), str(value) if is_text else json.dumps(value, default=str, indent=2)


@admin.register(DeadLetter)
class DeadLetterAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Pages of our own in the admin's frame. Whoever may change a letter may send it again."""

    def get_urls(self) -> list[URLPattern]:
        """Return the list, and the page of one letter."""
        view = self.admin_site.admin_view
        return [
            path("", view(self.changelist_view), name="dead_letters_deadletter_changelist"),
            path("<str:identifier>/", view(self.letter_view), name="dead_letters_deadletter_change"),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the newest letters that the query names; a POST does something with those that were chosen."""
        self._check(request, self.has_view_permission(request))
        try:
            if request.method == "POST":
                return self._act(request)
            return self._list(request)
        except UNAVAILABLE as error:
            messages.error(request, f"Redis or the broker is away: {in_one_line(error)}")
            return self._page(request, FRAME, 503, title="Dead letters")

    def letter_view(self, request: HttpRequest, identifier: str) -> HttpResponse:
        """Show one letter."""
        self._check(request, self.has_view_permission(request))
        try:
            letter = office().read(identifier)
        except LookupError as error:
            raise Http404(str(error)) from None
        except UNAVAILABLE as error:
            messages.error(request, f"Redis is away: {in_one_line(error)}")
            return self._page(request, FRAME, 503, title="Dead letter")
        shown = letter.redacted()
        return self._page(
            request,
            "admin/dead_letters/letter.html",
            title=f"Dead letter {letter.id}",
            letter=letter,
            traceback=shown.pop("traceback"),
            facts=_facts(shown),
            actions=self._actions(request, replay=letter.is_replayable),
        )

    def _check(self, request: HttpRequest, allowed: bool) -> None:
        if not allowed:
            raise PermissionDenied

    def _actions(self, request: HttpRequest, *, replay: bool = True) -> dict[str, str]:
        actions = {}
        if replay and self.has_change_permission(request):
            actions["replay"] = "Send again"
        if self.has_delete_permission(request):
            actions["drop"] = "Drop"
        return actions

    def _list(self, request: HttpRequest) -> HttpResponse:
        opened = office()
        try:
            opened.collect()
        except UNAVAILABLE as error:
            messages.warning(request, f"The broker is away, and may hold more of them: {in_one_line(error)}")
        query = {name: request.GET.get(name) for name in ("task", "queue", "reason")}
        found = list(islice(opened.find(LetterFilter(**query)), SHOWN + 1))
        return self._page(
            request,
            "admin/dead_letters/list.html",
            title="Dead letters",
            note=f"The newest {SHOWN}." if len(found) > SHOWN else f"{len(found)} in all.",
            letters=[(letter, redact_text(letter.error)[:200]) for letter in found[:SHOWN]],
            actions=self._actions(request),
        )

    def _act(self, request: HttpRequest) -> HttpResponse:
        action = request.POST.get("action", "")
        self._check(request, action in self._actions(request))
        opened, done = office(), 0
        for identifier in request.POST.getlist("id"):
            try:
                if action == "drop":
                    opened.drop(identifier)
                else:
                    opened.replay(opened.read(identifier))
                done += 1
            except (LookupError, NotReplayableError) as error:
                messages.error(request, str(error.args[0]))
        messages.info(request, f"{'Dropped' if action == 'drop' else 'Sent'} {done}.")
        return redirect(f"{self.admin_site.name}:dead_letters_deadletter_changelist")

    def _page(self, request: HttpRequest, template: str, status: int = 200, **context: Any) -> HttpResponse:
        request.current_app = self.admin_site.name  # as in the admin's own views
        return TemplateResponse(request, template, {**self.admin_site.each_context(request), **context}, status=status)
