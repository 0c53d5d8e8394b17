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


def abridged(screen: str, quoted: str) -> str:
    """Return what the terminal showed without what a quotation leaves out, where it has a line ``...``."""
    head, dots, tail = quoted.partition("\n...\n")
    return screen[: len(head)] + dots + screen[len(screen) - len(tail) :] if dots else screen


@pytest.mark.parametrize("page", ["docs/index.md", "docs/tutorial.md"])
def test_page_shows_the_questions_and_the_last_screen(page: str, tmp_path: Path) -> None:
    (shown,) = [block.text for block in blocks(ROOT / page) if block.text.startswith(f"$ {RENDERER}\n")]
    assert shown == abridged(f"$ {RENDERER}\n{rendered_with_enter(tmp_path)}\n", shown)


def test_overview_leaves_nothing_out() -> None:
    assert "\n...\n" not in (ROOT / "docs/index.md").read_text()


@pytest.mark.parametrize("quoted", ["one\nthree\nfour\n", "one\n...\nfive\n", "zero\n...\nfour\n", "one\n...\nthree\n"])
def test_quotation_that_is_not_what_the_terminal_showed_is_found(quoted: str) -> None:
    screen = "one\ntwo\nthree\nfour\n"
    assert abridged(screen, "one\n...\nfour\n") == "one\n...\nfour\n"
    assert abridged(screen, quoted) != quoted
