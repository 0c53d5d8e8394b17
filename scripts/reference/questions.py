"""``reference/questions.md``: what is asked, what is refused."""

import shlex
from collections.abc import Iterator
from typing import Any

from cookiecutter.exceptions import FailedHookException
from slugify import slugify

from local_extensions import plan
from local_extensions.answers import RESERVED_QUEUES, RESERVED_SLUGS
from scripts.reference.markdown import code, listed, page, table
from tests.bad_answers import BAD_ANSWERS
from tests.matrix import QUESTIONS, Answers
from tests.test_plan import complete

PROMPTS: dict[str, Any] = QUESTIONS["__prompts__"]
ASKED = {key: value for key, value in QUESTIONS.items() if not key.startswith("_")}

HEAD = """\
What the template asks, in this order. [Choose](../how-to/choose.md) helps with those that are not plain. Not asked,
because decided: uv, ruff, mypy, pytest, pydantic-settings, mkdocs-material, SQLAlchemy beside FastAPI, and SQLite until
`DATABASE_URL` names PostgreSQL.
"""

QUEUES = """\
## Answers to `queues`

A list of `name:owner`, separated by commas. The owner, `django` or `fastapi`, is the service whose worker consumes
the queue. A queue without an owner has one worker for the tasks of every chosen service. Each service needs a queue
that it owns, or that has no owner.
"""
QUEUE_ANSWERS: tuple[Answers, ...] = (
    {"queues": "platform:django, atom:fastapi"},
    {"queues": "platform:django, atom:fastapi, gpu:fastapi"},
    {"queues": "trinity.tasks"},
    {"queues": "platform:django, atom:fastapi, mail"},
    {"use_fastapi": False, "queues": "platform"},
)

TAKEN = """\
## Names that are taken

A slug may be none of {slugs}, and no keyword of Python. A queue may be none of {queues}, and may not end in `.beat`.
"""

REFUSED = """\
## Wrong answers

A wrong answer ends the rendering with one line that says what would be right. The exit status is 1, and nothing is
left on the disk. At the prompt, it ends before the next question. A misspelt question on the command line is no wrong
answer: cookiecutter ignores what it does not know, such as `brokr=rabbitmq`, and says nothing. Where a question has a
list of answers, or wants yes or no, cookiecutter refuses another one itself: at the prompt it asks again, on the
command line it ends with a traceback whose last line names the answers.
"""


def _asked() -> Iterator[tuple[str, str, str]]:
    for key, default in ASKED.items():
        if isinstance(default, bool):
            answers = "`y`, `n`" if default else "`n`, `y`"
        elif isinstance(default, list):
            answers = listed(default)
        else:
            answers = code(complete()[key]) + (", made from other answers" if "{{" in default else "")
        yield code(key), answers, PROMPTS[key]["__prompt__"] if isinstance(PROMPTS[key], dict) else PROMPTS[key]


def _choices() -> Iterator[str]:
    for key, prompt in PROMPTS.items():
        if isinstance(prompt, dict):
            rows = [(code(answer), text) for answer, text in prompt.items() if answer in ASKED[key]]
            yield f"## Answers to `{key}`\n\n{table(('answer', 'meaning'), rows)}"


def as_typed(answers: Answers) -> str:
    """Return answers as they are typed on the command line."""
    typed = {key: {True: "y", False: "n"}.get(value, value) for key, value in answers.items()}
    return " ".join(f"{key}={shlex.quote(str(value))}" for key, value in typed.items()).replace("\n", "\\n")


def _queues() -> Iterator[tuple[str, str]]:
    for answers in QUEUE_ANSWERS:
        made = plan(complete(**answers)).queues
        owners = {"both": "both services", "django": "Django", "fastapi": "FastAPI"}
        yield code(as_typed(answers)), "; ".join(f"{code(each.name)}: tasks of {owners[each.owner]}" for each in made)


def refusal(answers: Answers) -> str:
    """Return the line with which the template refuses ``answers``.

    Raises:
        ValueError: it takes them.
    """
    given = dict(answers)
    if "project_name" in given:
        given.setdefault("project_slug", slugify(given["project_name"]))
    try:
        plan(complete(**given))
    except FailedHookException as error:
        return str(error)
    raise ValueError(f"{answers} is not refused")


def questions() -> str:
    """Return the page."""
    refused = [(code(as_typed(bad.answers)), code(refusal(bad.answers))) for bad in BAD_ANSWERS]
    return page(
        "Questions",
        HEAD,
        table(("question", "answers, the default first", "asked as"), _asked()),
        QUEUES,
        table(("answer", "queues"), _queues()),
        *_choices(),
        TAKEN.format(slugs=listed(sorted(RESERVED_SLUGS)), queues=listed(sorted(RESERVED_QUEUES))),
        REFUSED,
        table(("answer", "refused with"), refused),
    )
