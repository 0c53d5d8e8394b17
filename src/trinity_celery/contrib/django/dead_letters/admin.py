"""Dead letters in the admin: look at them, send them again, drop them."""

from itertools import islice
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from trinity_celery.contracts.sending import sending_app
from trinity_celery.contrib.django.dead_letters.models import DeadLetter
from trinity_celery.contrib.django.dead_letters.pages import CHANGELIST, letter_page, list_page
from trinity_celery.dead_letters import LetterFilter, Replay, open_replay
from trinity_celery.dead_letters.replay import UNAVAILABLE, in_one_line
from trinity_celery.errors import NotReplayableError

SHOWN = 100  # letters on the page


def office() -> Replay:
    """Return the office, whose tasks this process sends."""
    return open_replay(sending_app())


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
            return self._page(request, "Dead letters", SafeString(""), status=503)

    def letter_view(self, request: HttpRequest, identifier: str) -> HttpResponse:
        """Show one letter."""
        self._check(request, self.has_view_permission(request))
        try:
            letter = office().read(identifier)
        except LookupError as error:
            raise Http404(str(error)) from None
        except UNAVAILABLE as error:
            messages.error(request, f"Redis is away: {in_one_line(error)}")
            return self._page(request, "Dead letter", SafeString(""), status=503)
        return self._page(request, f"Dead letter {letter.id}", letter_page(request, letter, self._actions(request)))

    def _check(self, request: HttpRequest, allowed: bool) -> None:
        if not allowed:
            raise PermissionDenied

    def _actions(self, request: HttpRequest) -> list[str]:
        allowed = {"replay": self.has_change_permission(request), "drop": self.has_delete_permission(request)}
        return [action for action, may in allowed.items() if may]

    def _list(self, request: HttpRequest) -> HttpResponse:
        opened = office()
        try:
            opened.collect()
        except UNAVAILABLE as error:
            messages.warning(request, f"The broker is away, and may hold more of them: {in_one_line(error)}")
        query = {name: request.GET.get(name) for name in ("task", "queue", "reason")}
        found = list(islice(opened.find(LetterFilter(**query)), SHOWN + 1))
        note = f"The newest {SHOWN}." if len(found) > SHOWN else f"{len(found)} in all."
        content = list_page(request, found[:SHOWN], self._actions(request), note)
        return self._page(request, "Dead letters", content)

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
        return redirect(CHANGELIST)

    def _page(self, request: HttpRequest, title: str, content: SafeString, status: int = 200) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "title": title, "content": content}
        return TemplateResponse(request, "admin/base_site.html", context, status=status)
