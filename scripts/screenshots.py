"""Take the pictures of the site from a project that runs: ``make screenshots``.

It needs Chromium, npm and the network: FastAPI's page loads its scripts from a CDN, and here gets them from the npm
package that the CDN serves.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.request import Request, urlopen

from cookiecutter.main import cookiecutter
from playwright.sync_api import Browser, Page, Route

from tests.built_site import chromium
from tests.commands import PYTHON, clean_environment, run

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "assets"
LARGEST = 120_000  # bytes
WIDTH = 1200

CDN = re.compile(r"https://cdn\.jsdelivr\.net/npm/(?P<package>[^@/]+@[^/]+)/(?P<file>.+)")
TYPES = {".js": "text/javascript", ".css": "text/css"}

LOGIN = {"username": "editor", "password": "only-for-the-pictures"}
CREATE_USER = f"createsuperuser --noinput --username {LOGIN['username']} --email editor@shop.example"
EXAMPLES = {
    "Django": [
        ("/platform/reports", {"title": "First", "body": "four words are here"}),
        ("/platform/scores", {"text": "a text"}),
    ],
    "FastAPI": [
        ("/atom/scores", {"text": "a short text"}),
        ("/atom/reports", {"title": "Second", "body": "for the other service"}),
    ],
}


def say(command: list[str], folder: Path, **variables: str) -> str:
    """Run ``command`` and return what it printed.

    Raises:
        SystemExit: it failed; the message holds what it printed.
    """
    ended = run(command, folder, **variables)
    if ended.returncode:
        raise SystemExit(f"error: {' '.join(command)} ended with {ended.returncode}:\n{ended.stdout}")
    return ended.stdout


@contextmanager
def make_dev(project: Path, log: Path) -> Iterator[dict[str, str]]:
    """Run ``make dev`` and give the origins of its pages, by title.

    Raises:
        SystemExit: it is not ready within a minute.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["make", "dev"],
            cwd=project,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 60
        while "Ctrl-C stops all." not in log.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"error: make dev is not ready:\n{log.read_text()}")
            time.sleep(0.2)
        yield dict(re.findall(r"^  (\w+) +(http://[\d.:]+)", log.read_text(), re.MULTILINE))
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(60)


def send_examples(addresses: dict[str, str]) -> None:
    """Send tasks through both services, so that there is something to see."""
    for service, requests in EXAMPLES.items():
        for path, body in requests:
            headers = {"Content-Type": "application/json"}
            with urlopen(Request(addresses[service] + path, json.dumps(body).encode(), headers)) as response:
                response.read()


@cache
def from_npm(package: str, folder: Path) -> Path:
    """Return a folder with what is in a package of npm.

    Raises:
        SystemExit: it cannot be had; the message says why.
    """
    if not shutil.which("npm"):
        raise SystemExit("error: npm is not on PATH: install it (Debian, Ubuntu: apt-get install npm)")
    archive = say(["npm", "pack", "--silent", package], folder).split()[-1]
    with tarfile.open(folder / archive) as packed:
        packed.extractall(folder / package, filter="data")
    return folder / package / "package"


def serve_from_npm(route: Route, folder: Path) -> None:
    """Answer a request for a file of a package as the CDN does; any other request that leaves the machine fails."""
    if found := CDN.fullmatch(route.request.url):
        file = from_npm(found["package"], folder) / found["file"]
        route.fulfill(path=file, content_type=TYPES[file.suffix])
    elif route.request.url.startswith("http://127.0.0.1:"):
        route.continue_()
    else:
        route.abort()


def show_workers(page: Page, addresses: dict[str, str]) -> None:
    """Flower with both workers, when each has run some tasks.

    Raises:
        SystemExit: it does not show them within a minute.
    """
    page.set_viewport_size({"width": WIDTH, "height": 610})

    def succeeded() -> list[int]:
        page.goto(f"{addresses['Flower']}/workers")
        page.wait_for_timeout(500)
        return [int(row.locator("td").nth(5).inner_text()) for row in page.locator("tbody tr:has-text('@')").all()]

    deadline = time.monotonic() + 60
    while len(counts := succeeded()) < 2 or min(counts) < 5:
        if time.monotonic() > deadline:
            raise SystemExit(f"error: Flower does not show two workers at work:\n{page.inner_text('body')}")
        send_examples(addresses)


def show_schedule(page: Page, addresses: dict[str, str]) -> None:
    """The schedule in Django's admin, without the menu at its side."""
    page.set_viewport_size({"width": WIDTH, "height": 640})
    page.goto(f"{addresses['Django']}/admin/login/?next=/admin/django_celery_beat/periodictask/")
    for name, value in LOGIN.items():
        page.fill(f"#id_{name}", value)
    page.click("input[type=submit]")
    page.wait_for_url("**/periodictask/")
    page.click("#toggle-nav-sidebar")
    page.wait_for_timeout(500)
    page.evaluate("scrollTo(0, 0)")


def show_endpoints(page: Page, addresses: dict[str, str]) -> None:
    """FastAPI's list of endpoints."""
    page.set_viewport_size({"width": WIDTH, "height": 665})
    page.goto(f"{addresses['FastAPI']}/docs")
    page.get_by_text("/atom/statistics").first.wait_for()


SHOWN: dict[str, Callable[[Page, dict[str, str]], None]] = {
    "flower": show_workers,
    "periodic-tasks": show_schedule,
    "endpoints": show_endpoints,
}


def keep(picture: Path) -> None:
    """Put a picture among those of the site.

    Raises:
        SystemExit: it is too large.
    """
    size = picture.stat().st_size
    if size > LARGEST:
        raise SystemExit(f"error: {picture.name} has {size} bytes, more than {LARGEST}")
    shutil.copy(picture, PICTURES)
    print(f"{picture.name}: {size} bytes")


def picture_pages(browser: Browser, addresses: dict[str, str], folder: Path) -> None:
    """Take the pictures of what runs."""
    for name, show in SHOWN.items():
        page = browser.new_page()
        page.route("**", lambda route: serve_from_npm(route, folder))
        show(page, addresses)
        page.screenshot(path=folder / f"{name}.png")
        keep(folder / f"{name}.png")


def main() -> None:
    """Render a project, run it, and take the pictures."""
    with tempfile.TemporaryDirectory() as temporary, chromium() as browser:
        folder = Path(temporary)
        answers = {"beat_scheduler": "database"}
        project = Path(
            cookiecutter(str(ROOT), no_input=True, extra_context=answers, output_dir=folder, default_config=True)
        )
        say(["make", f"PYTHON={PYTHON}", "setup"], project)
        with make_dev(project, folder / "dev.log") as addresses:
            say(["make", "manage", f"ARGS={CREATE_USER}"], project, DJANGO_SUPERUSER_PASSWORD=LOGIN["password"])
            picture_pages(browser, addresses, folder)


if __name__ == "__main__":
    main()
