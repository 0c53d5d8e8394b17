"""What a bad answer does on cookiecutter's command line and at its prompts."""

import sys
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

from tests.bad_answers import BAD_ANSWERS, NO_DATABASE, NO_SERVICE, BadAnswer
from tests.commands import as_arguments, clean_environment, cookiecutter, run
from tests.matrix import QUESTIONS

ASKED = [key for key in QUESTIONS if not key.startswith("_")]
DEFAULT_ANSWER = ""

LAST_SCREEN = """\
Created trinity/ with Django and FastAPI; queues platform and atom; Redis as broker; \
beat with its schedule in RedBeat; Flower; license MIT.

Now run:
  cd trinity
  make demo    one task through every queue, from every service; installs what it needs
  make dev     everything stays up, with reload; says where to look
"""

Start = Callable[[], "pexpect.spawn[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Return a function that starts cookiecutter at a terminal, to render into ``tmp_path / "out"``."""

    def start_cookiecutter() -> "pexpect.spawn[str]":
        command = cookiecutter("--output-dir", tmp_path / "out")
        return pexpect.spawn(
            sys.executable,
            [str(part) for part in command[1:]],
            env=clean_environment(HOME=str(tmp_path), TERM="dumb", NO_COLOR="1"),
            encoding="utf-8",
            dimensions=(50, 400),
            timeout=30,
        )

    return start_cookiecutter


def answer(terminal: "pexpect.spawn[str]", answers: dict[str, str], last: str) -> None:
    """Answer the questions up to ``last``, those that are not in ``answers`` with Enter."""
    for number, key in enumerate(ASKED, start=1):
        terminal.expect_exact(f"[{number}/{len(ASKED)}]")
        terminal.expect([r"\): ", r"\]: ", r"\)\s*: "])
        terminal.sendline(answers.get(key, DEFAULT_ANSWER))
        if key == last:
            return


def rest(terminal: "pexpect.spawn[str]") -> list[str]:
    """Return the lines from here to the end; the first one ends with what was typed, and is left out."""
    terminal.expect(pexpect.EOF)
    return str(terminal.before).splitlines()[1:]


@pytest.mark.parametrize("bad", BAD_ANSWERS, ids=lambda bad: bad.name)
def test_bad_answer_ends_in_one_line_and_leaves_nothing(bad: BadAnswer, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    command = [*cookiecutter("--no-input", "--output-dir", out), *as_arguments(bad.answers)]
    ended = run(command, tmp_path, HOME=str(tmp_path))
    assert ended.stdout == bad.message + "\n"
    assert ended.returncode == 1
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"project_name": "{}"}, "project_name: '{' cannot be used"),
        ({"project_slug": "My Shop"}, "project_slug: 'My Shop' is not a slug"),
        ({"description": 'a "shop"'}, "description: '\"' cannot be used"),
        ({"author_name": " "}, "author_name: is empty"),
        ({"use_django": "n", "use_fastapi": "n"}, NO_SERVICE),
        ({"queues": "Platform!"}, "queues: 'Platform!' is not a queue name"),
        ({"use_django": "n", "beat_scheduler": "2"}, NO_DATABASE),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_bad_answer_at_the_prompt_comes_before_the_next_question(
    answers: dict[str, str], message: str, start: Start, tmp_path: Path
) -> None:
    terminal = start()
    answer(terminal, answers, last=list(answers)[-1])
    said = rest(terminal)
    assert len(said) == 1
    assert said[0].startswith(message)
    terminal.close()
    assert terminal.exitstatus == 1
    assert not list((tmp_path / "out").glob("*"))


def test_all_defaults_at_the_prompt_end_in_the_last_screen(start: Start, tmp_path: Path) -> None:
    terminal = start()
    answer(terminal, {}, last=ASKED[-1])
    assert rest(terminal) == LAST_SCREEN.splitlines()
    terminal.close()
    assert terminal.exitstatus == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["trinity"]


def test_all_defaults_without_prompts_end_in_the_last_screen(tmp_path: Path) -> None:
    ended = run(cookiecutter("--no-input"), tmp_path, HOME=str(tmp_path))
    assert ended.stdout == LAST_SCREEN
    assert ended.returncode == 0


def test_a_folder_that_is_there_already_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "trinity").mkdir()
    ended = run(cookiecutter("--no-input"), tmp_path, HOME=str(tmp_path))
    assert ended.stdout == 'Error: "trinity" directory already exists\n'
    assert ended.returncode == 1
    assert list((tmp_path / "trinity").iterdir()) == []


def test_every_question_has_a_prompt_that_says_what_to_pick() -> None:
    prompts = QUESTIONS["__prompts__"]
    assert list(prompts) == ASKED
    for key, default in QUESTIONS.items():
        if isinstance(default, list) and not key.startswith("_"):
            assert list(prompts[key]) == ["__prompt__", *default]


def test_every_answer_is_checked_right_after_its_question() -> None:
    order = list(QUESTIONS)
    checked = {order[order.index(key) - 1]: key for key in order if key.endswith("_checked")}
    assert checked == {
        "project_name": "__project_name_checked",
        "project_slug": "__project_slug_checked",
        "description": "__description_checked",
        "author_name": "__author_name_checked",
        "use_fastapi": "__services_checked",
        "queues": "__queues_checked",
        "beat_scheduler": "__beat_scheduler_checked",
    }
