"""``reference/promises.md``: which tests hold what the pages promise."""

from collections.abc import Iterator
from urllib.parse import quote

from scripts.reference.markdown import page, table
from tests.test_parity import ROWS, Row

REPOSITORY = "https://github.com/org/trinity-celery/blob/main"

HEAD = """\
Each sentence on the left is held by the tests on the right, in `tests/` of the template or of the rendered project.
What holds when something breaks has a table of its own, with a test for each line:
[Guarantees](../guides/guarantees.md).
"""


def _test(test: str) -> str:
    path, _, name = test.partition("::")
    shown = path.removeprefix("{{cookiecutter.project_slug}}/tests/").removeprefix("tests/")
    return f"[`{shown}::{name}`]({REPOSITORY}/{quote(path)})"


def _rows() -> Iterator[tuple[str, str, str]]:
    for name, row in ROWS.items():
        _, _, sentence = name.partition(" ")
        yield sentence, f"[{_title(row)}](../{row.page})", "<br>".join(map(_test, row.tests))


def _title(row: Row) -> str:
    return row.page.partition("#")[0].removesuffix(".md").rpartition("/")[2].replace("-", " ").capitalize()


def promises() -> str:
    """Return the page."""
    return page("Promises and their tests", HEAD, table(("promise", "page", "tests"), _rows()))
