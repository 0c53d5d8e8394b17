"""The site and the guides of a rendered project, as readers get them."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from scripts import llms
from tests.built_site import (
    IMAGES,
    Content,
    build_with_mkdocs,
    build_with_zensical,
    chromium,
    compressed,
    few_with_everything,
    once,
    pages_of,
    serving,
)
from tests.conftest import Bake
from tests.matrix import ROOT

WEIGHT = 300_000  # bytes of a page with all that it loads but images
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"]}
# What is on its way to a colour has another one.
AT_REST = "* { transition: none !important; animation: none !important }"

SCHEMES = ("default", "slate")
WIDE, NARROW = 1280, 390

# What a reader may type, and a page that has to be among the first three that are found.
QUERIES = {
    "task runs twice": "troubleshooting/",
    "add a queue": "guides/queues-and-tasks/",
    "prefetch": "glossary/",
    "RabbitMQ": "guides/run-with-rabbitmq/",
    "lost tasks": "explanation/delivery/",
}

SEARCH = "[data-md-component=search-query]"
FOUND = ".md-search-result__item > a:first-child"
WHERE_THE_FOCUS_IS = """() => {
    const parts = {
        "skip link": ".md-skip",
        "search": ".md-search",
        "header": ".md-header",
        "navigation": ".md-tabs, .md-sidebar",
        "content": "article",
    }
    const focused = document.activeElement
    return Object.keys(parts).find(part => focused.closest(parts[part])) ?? "elsewhere"
}"""


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of a test run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


# The tests of one process use what another has built.
@pytest.fixture(scope="session")
def site(shared: Path) -> Path:
    """The site of the template."""
    return once(shared / "site", partial(build_with_mkdocs, ROOT))


@pytest.fixture(scope="session")
def guides(shared: Path, bake: Bake) -> Path:
    """The guides of the default project."""
    return once(shared / "guides", partial(build_with_mkdocs, bake()))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with chromium() as started:
        yield started


@pytest.mark.parametrize("name", ["site", "guides"])
def test_zensical_builds_the_same_pages(name: str, shared: Path, bake: Bake, request: pytest.FixtureRequest) -> None:
    ours: Path = request.getfixturevalue(name)
    project = ROOT if name == "site" else bake()
    theirs = once(shared / f"{name}-by-zensical", partial(build_with_zensical, project)) / "site"
    assert pages_of(theirs) == pages_of(ours)
    for page in pages_of(ours):
        words = Content(ours / page / "index.html").words
        assert words, page
        assert Content(theirs / page / "index.html").words == words, page


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("# Title\n\nOne [link](a.md), two\nlines. More.\n", "One link, two lines."),
        ("---\nsearch:\n  boost: 2\n---\n\n# Title\n\n<!-- note -->\n\n> quoted\n\n![it](a.svg)\n\nText\n", "Text"),
        ("# Title\n\n| a table |\n|---|\n", ""),
    ],
)
def test_map_quotes_the_first_sentence(text: str, sentence: str) -> None:
    assert llms.first_sentence(text) == sentence


def test_map_for_language_models_is_up_to_date(site: Path) -> None:
    assert llms.MAP.read_text() == llms.page()
    assert (site / "llms.txt").read_text() == llms.page()


def test_map_leads_to_every_page_of_the_menu(site: Path) -> None:
    lines = [line for line in (site / "llms.txt").read_text().splitlines() if line.startswith("- ")]
    addresses = [line.partition("](")[2].partition(")")[0] for line in lines]
    assert sorted(addresses) == pages_of(site)
    assert [line for line in lines if not line.rpartition("): ")[2]] == []


def loaded(page: Page, address: str) -> list[str]:
    """Open a page, wait until nothing more is loaded, and return what was requested for it."""
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(address, wait_until="networkidle")
    return requested


def file_of(folder: Path, url: str) -> Path:
    """Return the file behind an address."""
    path = folder / urlsplit(url).path.lstrip("/")
    return path / "index.html" if path.is_dir() else path


@pytest.mark.slow
@pytest.mark.parametrize("name", ["site", "guides"])
def test_pages_are_light_and_fetch_nothing_from_elsewhere(
    name: str, browser: Browser, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(name)
    contents = {page: Content(folder / page / "index.html") for page in pages_of(folder)}
    named = set().union(*(content.fetched for content in contents.values()))
    assert {url for url in named if urlsplit(url).netloc} == set()
    requested = set()
    with serving(folder) as address:
        page = browser.new_page()
        for each in few_with_everything(folder, pages_of(folder), lambda content: content.tags | content.classes):
            requested |= set(loaded(page, f"{address}/{each}"))
        page.close()
    assert {url for url in requested if not url.startswith(f"{address}/")} == set()
    # Whatever some page needs of scripts, styles and the search's index counts for all of them.
    files = {file_of(folder, url) for url in requested}
    common = sum(len(compressed(file)) for file in files if file.suffix not in {".html", *IMAGES})
    weights = {page: common + len(compressed(folder / page / "index.html")) for page in contents}
    assert {page: weight for page, weight in weights.items() if weight > WEIGHT} == {}


def violations(page: Page, part: str, width: int) -> list[str]:
    """Return what axe finds in a part of a page, in both colour schemes: a line for each element."""
    page.set_viewport_size({"width": width, "height": 900})
    lines = []
    for scheme in SCHEMES:
        # As the switch in the header does it.
        page.evaluate("scheme => { document.body.dataset.mdColorScheme = scheme }", scheme)
        found = page.evaluate("([part, rules]) => axe.run(part, rules)", [part, RULES])["violations"]
        lines += [f"{scheme}, {width}: {each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"]]
    return lines


def open_for_axe(page: Page, address: str) -> None:
    """Open a page that axe can look at."""
    page.goto(address)
    page.add_style_tag(content=AT_REST)
    page.evaluate(Axe().axe_script)


@pytest.mark.slow
def test_pages_are_accessible(site: Path, browser: Browser) -> None:
    wide = few_with_everything(site, pages_of(site), lambda content: content.kinds)
    # On a narrow screen the colours are the same, and the layout is another.
    narrow = few_with_everything(site, wide, lambda content: content.tags)
    found = {}
    with serving(site) as address:
        page = browser.new_page()
        for each in wide:
            open_for_axe(page, f"{address}/{each}")
            # What surrounds the article is everywhere the same.
            found[each] = violations(page, "html" if each == wide[0] else "article", WIDE)
            if each in narrow:
                found[each] += violations(page, "html" if each == narrow[0] else "article", NARROW)
        page.close()
    assert {page: lines for page, lines in found.items() if lines} == {}


@pytest.mark.slow
def test_guides_of_a_project_are_accessible(guides: Path, browser: Browser) -> None:
    with serving(guides) as address:
        page = browser.new_page()
        open_for_axe(page, f"{address}/tasks-in-django/")
        assert violations(page, "html", WIDE) == []
        page.close()


@pytest.mark.slow
def test_keyboard_reaches_everything_in_the_order_of_the_page(site: Path, browser: Browser) -> None:
    def reached_with(*keys: str) -> str:
        for key in keys:
            page.keyboard.press(key)
        return str(page.evaluate(WHERE_THE_FOCUS_IS))

    with serving(site) as address:
        page = browser.new_page(viewport={"width": WIDE, "height": 900})
        loaded(page, address)
        reached = [reached_with("Tab")]
        while reached[-1] not in ("content", "elsewhere"):
            reached.append(reached_with("Tab"))
        assert list(dict.fromkeys(reached)) == ["skip link", "header", "search", "navigation", "content"]
        # The skip link leads past all of that.
        page.reload()
        assert reached_with("Tab", "Enter", "Tab") == "content"
        page.close()


def search(page: Page, query: str) -> None:
    """Type into the search; it begins when a key is released."""
    page.locator(SEARCH).fill(query)
    page.locator(SEARCH).press("End")


@pytest.mark.slow
def test_search_finds_the_right_page_among_the_first_three(site: Path, browser: Browser) -> None:
    found = {}
    with serving(site) as address:
        page = browser.new_page()
        loaded(page, address)
        for query in QUERIES:
            search(page, "")
            page.get_by_text("Type to start searching").wait_for()
            search(page, query)
            page.locator(FOUND).first.wait_for()
            links = page.locator(FOUND).evaluate_all("links => links.map(link => new URL(link.href).pathname)")
            found[query] = [link.lstrip("/") for link in links[:3]]
        page.close()
    assert {query: pages for query, pages in found.items() if QUERIES[query] not in pages} == {}
