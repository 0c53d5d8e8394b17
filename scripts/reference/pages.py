"""All generated pages."""

from scripts.reference.api import api
from scripts.reference.celery_settings import celery_settings
from scripts.reference.contracts import contracts
from scripts.reference.environment import environment
from scripts.reference.files import files
from scripts.reference.guides import guides
from scripts.reference.projects import Projects
from scripts.reference.promises import promises
from scripts.reference.questions import questions
from scripts.reference.targets import make_targets


def pages(projects: Projects) -> dict[str, str]:
    """Return the text of each page by its path in ``docs/``."""
    return {
        "reference/api.md": api(),
        "reference/questions.md": questions(),
        "reference/environment.md": environment(projects),
        "reference/make-targets.md": make_targets(projects),
        "reference/files.md": files(projects),
        "reference/celery-settings.md": celery_settings(projects),
        "reference/contracts.md": contracts(projects),
        "reference/promises.md": promises(),
        **{f"guides/{name}": text for name, text in guides(projects)},
    }
