"""Write the generated pages of the site; with ``--check``, only say whether they are up to date."""

import sys
import tempfile
from pathlib import Path
from typing import Any

from scripts.reference.markdown import WRITTEN
from scripts.reference.pages import pages
from scripts.reference.projects import render_all
from tests.commands import as_arguments, cookiecutter, run
from tests.matrix import ROOT

DOCS = ROOT / "docs"


def out_of_date(texts: dict[str, str], docs: Path = DOCS) -> list[str]:
    """Return the pages in ``docs`` that differ from ``texts``, are missing there, or should not be there."""
    written = [
        *(docs / "guides").iterdir(),
        *(path for path in (docs / "reference").iterdir() if WRITTEN in path.read_text()),
    ]
    there = {path.relative_to(docs).as_posix(): path.read_text() for path in written}
    return sorted(name for name in texts.keys() | there.keys() if texts.get(name) != there.get(name))


def refuse_old(texts: dict[str, str], docs: Path = DOCS) -> None:
    """Raise ``SystemExit`` if a page is out of date, and name the first."""
    if names := out_of_date(texts, docs):
        raise SystemExit(f"error: docs/{names[0]} is out of date: run `make reference`")


def _write(texts: dict[str, str]) -> None:
    for name in out_of_date(texts):
        if name in texts:
            (DOCS / name).parent.mkdir(exist_ok=True)
            (DOCS / name).write_text(texts[name])
        else:
            (DOCS / name).unlink()
        print(f"docs/{name}")


def main(arguments: list[str]) -> None:
    """Write the pages that are out of date, or name the first of them.

    Raises:
        SystemExit: with ``--check``, if there is one; or the template cannot be rendered.
    """
    with tempfile.TemporaryDirectory() as folder:

        def render(**answers: Any) -> Path:
            where = Path(folder, *map(str, answers.values()), "rendered")
            ended = run([*cookiecutter("--no-input", "--output-dir", where), *as_arguments(answers)], ROOT)
            if ended.returncode:
                raise SystemExit(ended.stdout)
            return next(where.iterdir())

        texts = pages(render_all(render))
    if arguments == ["--check"]:
        refuse_old(texts)
    else:
        _write(texts)


if __name__ == "__main__":
    main(sys.argv[1:])
