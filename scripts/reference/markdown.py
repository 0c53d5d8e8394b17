"""The little Markdown that the generated pages consist of."""

import re
from collections.abc import Callable, Iterable, Sequence

WRITTEN = "<!-- `make reference` writes this page. -->"
LINK = re.compile(r"\]\(([^)\s]+)\)")


def page(title: str, *parts: str) -> str:
    """Return a page of these parts, with an empty line between them."""
    return "\n\n".join(part.strip() for part in (f"# {title}", WRITTEN, *parts)) + "\n"


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells are one line each."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in lines)


def code(text: object) -> str:
    """Return ``text`` as code; nothing if there is none."""
    return f"`{text}`" if str(text) else ""


def listed(items: Iterable[object]) -> str:
    """Return ``items`` as code, with commas between them."""
    return ", ".join(map(code, items))


def first_sentence(text: str) -> str:
    """Return the first sentence of a comment or a docstring, on one line and without its full stop."""
    words = " ".join(text.partition("\n\n")[0].split()).replace("``", "`")
    return re.split(r"\.(?= [A-Z`])", words)[0].rstrip(".:")


def with_links(text: str, adapt: Callable[[str], str]) -> str:
    """Return ``text`` with each address in it replaced by what ``adapt`` makes of it."""
    return LINK.sub(lambda found: f"]({adapt(found[1])})", text)
