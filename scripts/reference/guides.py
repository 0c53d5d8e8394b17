"""``guides/``: the pages of rendered projects, as they are."""

import re
from collections.abc import Iterator
from pathlib import Path

from scripts.reference.markdown import WRITTEN
from scripts.reference.projects import Projects

TITLE = re.compile(r"^# .+\n", re.MULTILINE)
NOTE = "> This page comes with a project that is rendered with {answers}, in its `docs/`. In yours, names are your own."


def _adapted(path: Path, answers: str) -> str:
    """Return a guide with a note below its title."""
    note = NOTE.format(answers=answers)
    return TITLE.sub(lambda title: f"{title[0]}\n{WRITTEN}\n\n{note}\n", path.read_text(), count=1)


def guides(projects: Projects) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each guide, and of the pictures in them."""
    for path in sorted((projects.default / "docs").glob("*.svg")):
        yield path.name, path.read_text()
    for path in sorted((projects.default / "docs").glob("*.md")):
        yield path.name, _adapted(path, "the default answers")
    yield "run-with-rabbitmq.md", _adapted(projects.rabbitmq / "docs/run-with-rabbitmq.md", "`broker=rabbitmq`")
    for scheduler, project in (("database", projects.database), ("file", projects.file)):
        yield f"beat-state-{scheduler}.md", _adapted(project / "docs/beat-state.md", f"`beat_scheduler={scheduler}`")
