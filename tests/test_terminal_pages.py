"""Pages that show what somebody sees who renders a project: every question and the last screen, as they are now."""

import io
import sys
from pathlib import Path

import pexpect
import pytest

from tests.commands import clean_environment, cookiecutter
from tests.matrix import ROOT
from tests.pages import RENDERER, blocks
from tests.test_bad_answers import ASKED, answer

# What a terminal has unless somebody makes it wider.
LINES, COLUMNS = 24, 80


def rendered_with_enter(folder: Path) -> str:
    """Render a project, answering each question with Enter, and return what the terminal showed."""
    terminal: pexpect.spawn[str] = pexpect.spawn(
        sys.executable,
        [str(part) for part in cookiecutter("--output-dir", folder / "out")[1:]],
        env=clean_environment(HOME=str(folder), TERM="dumb", NO_COLOR="1"),
        encoding="utf-8",
        dimensions=(LINES, COLUMNS),
        timeout=30,
    )
    terminal.logfile_read = screen = io.StringIO()
    answer(terminal, {}, last=ASKED[-1])
    terminal.expect(pexpect.EOF)
    return "\n".join(line.rstrip() for line in screen.getvalue().splitlines())


@pytest.mark.parametrize("page", ["docs/index.md", "docs/tutorial.md"])
def test_page_shows_the_questions_and_the_last_screen(page: str, tmp_path: Path) -> None:
    (shown,) = [block.text for block in blocks(ROOT / page) if block.text.startswith(f"$ {RENDERER}\n")]
    assert shown == f"$ {RENDERER}\n{rendered_with_enter(tmp_path)}\n"
