"""The documentation as its readers get it: built by either tool, served compressed, and read in Chromium."""

import fcntl
import gzip
import mimetypes
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from tests.commands import run, tool

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-proxy-server"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
IMAGES = {".gif", ".ico", ".jpg", ".png", ".svg", ".webp"}


def once(folder: Path, make: Callable[[Path], None]) -> Path:
    """Return ``folder`` after ``make`` has made it, in whichever of the processes of a test run came first."""
    with Path(f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            unfinished = Path(f"{folder}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            make(unfinished)
            unfinished.rename(folder)
    return folder


def build_with_mkdocs(project: Path, folder: Path) -> None:
    """Build the pages of ``project`` into ``folder``; a broken link or anchor is an error."""
    ended = run([tool("mkdocs"), "build", "--strict", "--site-dir", folder], project, NO_MKDOCS_2_WARNING="1")
    assert ended.returncode == 0, ended.stdout


def build_with_zensical(project: Path, folder: Path) -> None:
    """Do the same with Zensical, which can only write beside the pages that it reads."""
    shutil.copytree(project / "docs", folder / "docs")
    shutil.copy(project / "mkdocs.yml", folder)
    ended = run([tool("zensical"), "build", "--strict"], folder)
    assert ended.returncode == 0, ended.stdout


def pages_of(site: Path) -> list[str]:
    """Return the addresses of a site's pages below its root."""
    return sorted(path.parent.relative_to(site).as_posix() + "/" for path in site.rglob("index.html"))


class Content(HTMLParser):
    """What a page holds.

    Attributes:
        text: of its article.
        kinds: the kinds of elements in its article: a tag with one of its classes.
        fetched: the addresses of what a browser loads for it.
    """

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.text = ""
        self.kinds: set[tuple[str, str]] = set()
        self.fetched: set[str] = set()
        self._depth = 0
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self._depth += tag == "article"
        attributes = {name: value or "" for name, value in attrs}
        if self._depth:
            self.kinds |= {(tag, name) for name in attributes.get("class", "").split() or [""]}
        if tag == "link" and attributes.get("rel") not in ("canonical", "next", "prev"):
            self.fetched.add(attributes["href"])
        self.fetched |= {attributes["src"]} if "src" in attributes else set()

    def handle_endtag(self, tag: str) -> None:
        """Notice where the article ends."""
        self._depth -= tag == "article"

    def handle_data(self, data: str) -> None:
        """Collect the text of the article."""
        if self._depth:
            self.text += data

    @property
    def words(self) -> list[str]:
        """The words of the article."""
        return self.text.replace("¶", " ").split()

    @property
    def tags(self) -> set[str]:
        """The tags in the article."""
        return {tag for tag, _ in self.kinds}

    @property
    def classes(self) -> set[str]:
        """The classes in the article, but for those of single words in code."""
        return {name for tag, name in self.kinds if tag != "span"}


def few_with_everything(site: Path, pages: list[str], things: Callable[[Content], set[Any]]) -> list[str]:
    """Return few of some ``pages`` of a site, that together hold all the ``things`` which these pages hold."""
    held = {page: things(Content(site / page / "index.html")) for page in pages}
    missing = set().union(*held.values())
    chosen = []
    while missing:
        best = max(held, key=lambda page: len(held[page] & missing))
        missing -= held[best]
        chosen.append(best)
    return chosen


@cache
def compressed(path: Path) -> bytes:
    """Return a file as it is transferred."""
    return gzip.compress(path.read_bytes(), mtime=0)


@contextmanager
def serving(site: Path) -> Iterator[str]:
    """Serve a site while the block runs, with compression as any web server does it; give its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = site / self.path.partition("?")[0].lstrip("/")
            path = path / "index.html" if path.is_dir() else path
            found = path.is_file()
            body = compressed(path if found else site / "404.html")
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", mimetypes.guess_type(path)[0] or "text/html")
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium while the block runs."""
    program = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    assert program, "needs Chromium on PATH (Debian: apt-get install chromium)"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        yield browser
        browser.close()
