"""Write ``docs/llms.txt``, a map of the site for language models: each page with its first sentence.

The form is that of https://llmstxt.org: a title, a quotation, and sections with lists of links.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tests.files import parse

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
MAP = DOCS / "llms.txt"
# The section of pages that stand in no section of the menu.
FIRST_SECTION = "Pages"

FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
# What a paragraph does not begin with.
OTHER_BLOCK = re.compile(r"(#|```|~~~|\||[-*+] |\d+\. |>|!|<|\?\?\?| {4})")
LINK = re.compile(r"!?\[([^\]]*)\](\([^)]*\)|\[[^\]]*\])")
SENTENCE = re.compile(r"(.*?[.!?:])(?=\s+[A-Z`\"]|$)")


@dataclass(frozen=True)
class Page:
    """A page of the menu: its section, title, file below ``docs/`` and first sentence."""

    section: str
    title: str
    file: str
    sentence: str

    @property
    def address(self) -> str:
        """Where it is on the site, seen from the site's root."""
        path = PurePosixPath(self.file).with_suffix("")
        return f"{path.parent if path.name == 'index' else path}/"

    @property
    def line(self) -> str:
        """What the map says about it."""
        return f"- [{self.title}]({self.address})" + (f": {self.sentence}" if self.sentence else "")


def first_sentence(text: str) -> str:
    """Return the first sentence of the first paragraph of a page, as plain text; empty where there is none."""
    blocks = re.split(r"\n\s*\n", COMMENT.sub("", FRONT_MATTER.sub("", text)))
    paragraphs = [block for block in blocks if block.strip() and not OTHER_BLOCK.match(block.lstrip("\n"))]
    plain = LINK.sub(r"\1", " ".join("".join(paragraphs[:1]).split()))
    found = SENTENCE.match(plain)
    return (found.group(1) if found else plain).rstrip(":")


def menu(entries: list[Any], section: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield section, title and file of every page of mkdocs' ``nav``; of nested sections, the outermost counts.

    A page without a title gets an empty one.
    """
    for entry in entries:
        title, value = next(iter(entry.items())) if isinstance(entry, dict) else ("", entry)
        if isinstance(value, list):
            yield from menu(value, section or title)
        elif "://" not in value:
            yield section or FIRST_SECTION, title, value


def _title(text: str) -> str:
    found = re.search(r"^# (.+)$", text, re.MULTILINE)
    return found.group(1) if found else ""


def pages(config: dict[str, Any], docs: Path) -> Iterator[Page]:
    """Yield the pages of the menu.

    Raises:
        SystemExit: a page of the menu is not there.
    """
    for section, title, file in menu(config["nav"]):
        path = docs / file
        if not path.is_file():
            raise SystemExit(f"error: the menu of mkdocs.yml has {file}, which is not in docs/")
        text = path.read_text()
        yield Page(section, title or _title(text), file, first_sentence(text))


def page() -> str:
    """Return what ``docs/llms.txt`` has to say."""
    config = parse(ROOT / "mkdocs.yml")[0]
    found = list(pages(config, DOCS))
    lines = [f"# {config['site_name']}", "", f"> {config['site_description']}"]
    for section in dict.fromkeys(each.section for each in found):
        lines += ["", f"## {section}", "", *(each.line for each in found if each.section == section)]
    return "\n".join(lines) + "\n"


def main(given: list[str]) -> None:
    """Write the map; with ``--check``, only say whether it is up to date.

    Raises:
        SystemExit: it is not.
    """
    if given == ["--check"]:
        if not MAP.is_file() or MAP.read_text() != page():
            raise SystemExit("error: docs/llms.txt is not what the pages say: run `python -m scripts.llms`")
    else:
        MAP.write_text(page())


if __name__ == "__main__":
    main(sys.argv[1:])
