"""``reference/make-targets.md``: what can be made, from the texts of ``make help``."""

import re
from pathlib import Path

from scripts.reference.markdown import code, page, table
from scripts.reference.projects import Projects
from tests.matrix import ROOT

HELP = re.compile(r"^([a-z-]+):.*?## (.+)$", re.MULTILINE)

HEAD = "`make` alone, or `make help`, lists them. `PYTHON=/path/to/python3` chooses the interpreter."

PROJECT = """\
## In a project

Those of the default project. What was not chosen has no target, such as `make flower` without Flower. The
[guide](../guides/run.md) shows the ones that are needed first.
"""

REPOSITORY = "## In a clone of the template"


def targets(makefile: Path) -> dict[str, str]:
    """Return the targets that a Makefile lists, with what they do."""
    text = makefile.read_text()
    found = {name: described.replace("$$", "$") for name, described in HELP.findall(text)}
    if queues := re.search(r"^QUEUES := (.+)$", text, re.MULTILINE):
        found |= {f"celery-{queue}": f"Run the worker of queue {queue}" for queue in queues[1].split()}
    return found


def _table(makefile: Path) -> str:
    rows = [(code(f"make {name}"), described) for name, described in targets(makefile).items()]
    return table(("target", "does"), rows)


def make_targets(projects: Projects) -> str:
    """Return the page."""
    return page(
        "Make targets", HEAD, PROJECT, _table(projects.default / "Makefile"), REPOSITORY, _table(ROOT / "Makefile")
    )
