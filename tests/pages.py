"""Pages of documentation, followed word for word: what they say to run is run, what they quote is compared.

CONTRIBUTING.md, "Blocks in pages", says how a page is read.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from sybil import Document, Region
from sybil.parsers.markdown.lexers import DirectiveInHTMLCommentLexer, RawFencedCodeBlockLexer

from tests.commands import PYTHON, clean_environment, cookiecutter
from tests.compose import free_port
from tests.matrix import QUESTIONS, Answers

FENCE = RawFencedCodeBlockLexer(re.compile(r"(?P<language>\w*)[ \t]*(?P<attributes>[^\n]*)\n"))
DIRECTIVES = ("project", "while", "Ctrl-C", "said by", "not run")
DIRECTIVE = DirectiveInHTMLCommentLexer("|".join(DIRECTIVES))
TITLE = re.compile(r'title="([^"]+)"')

STAYS = re.compile(r"make (dev|broker|docs|flower|web|fastapi|celery-(?!logs|beat-logs)\S+)( |$)")
READY = {"make dev": "Ready:", "make broker": "Ctrl-C", "make celery-": " ready."}  # what each says when it is
RENDERER = "uvx cookiecutter gh:org/trinity-celery"
PORTS = {"DJANGO_PORT": "8000", "FASTAPI_PORT": "8001", "FLOWER_PORT": "5555"}
# Whoever has committed before has told git who they are.
SOMEBODY = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Somebody"), ("EMAIL", "somebody@example.org"))
}
PATIENCE = 300.0  # seconds that one command may take
SOON = 60.0  # seconds in which something that runs has to say what the page quotes

WITH_DJANGO = "import os, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings'; django.setup()\n"


@dataclass(frozen=True)
class Block:
    """A fenced block, or a comment for this module.

    Attributes:
        language: of the fence; for a comment its directive.
        title: the file that the block belongs to, if any.
        text: what stands in it.
        line: its first line in the page.
    """

    language: str
    title: str
    text: str
    line: int


def _block(document: Document, region: Region) -> Block:
    line = document.text.count("\n", 0, region.start) + 1
    found = region.lexemes
    if "directive" in found:
        return Block(str(found["directive"]), "", f"{found['arguments']} {found['source']}".strip(), line)
    title = TITLE.search(str(found["attributes"]))
    return Block(str(found["language"]), title[1] if title else "", str(found["source"]), line)


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks and the comments of a page, in its order."""
    document = Document(page.read_text(), str(page))
    fences = list(FENCE(document))
    # A comment inside of a block is text like any other.
    comments = [
        region for region in DIRECTIVE(document) if not any(fence.start < region.start < fence.end for fence in fences)
    ]
    return [_block(document, region) for region in sorted([*fences, *comments], key=lambda region: region.start)]


def answers_of(page: Path) -> Answers:
    """Return the answers of the project that a page is about."""
    for block in blocks(page):
        if block.language == "project":
            given = dict(word.split("=", 1) for word in shlex.split(block.text))
            return {key: value == "y" if isinstance(QUESTIONS[key], bool) else value for key, value in given.items()}
    return {}


def alike(text: str) -> list[str]:
    """Return the lines of ``text`` without what differs from run to run: ids, numbers, how far apart words are."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    text = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "ID", text)
    text = re.sub(r"\d+(\.\d+)?", "N", text)
    text = re.sub(r'@[\w.-]+"', '@host"', text)
    text = re.sub(r"-{3,}", "---", text)
    # A space after a colon or a comma of JSON is the framework's taste.
    text = re.sub(r'([:,])[ \t]*(?=["{\[\w-])', r"\1 ", text)
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def in_one_line(documents: str) -> str:
    """Return JSON that is written over several lines as services answer it; one document may stand on each line."""
    try:
        return json.dumps(json.loads(documents))
    except json.JSONDecodeError:
        return documents


def missing(quoted: str, printed: str) -> str | None:
    """Return the first part of a quotation that was not printed, or ``None``. A line ``...`` stands for any lines."""
    rest = alike(printed)
    part: list[str] = []
    for line in [*alike(quoted), "..."]:
        if line != "...":
            part.append(line)
            continue
        for start in range(len(rest) - len(part) + 1):
            if all(quoted in line for quoted, line in zip(part, rest[start:], strict=False)):
                rest, part = rest[start + len(part) :], []
                break
        if part:
            return "\n".join(part)
    return None


@dataclass
class Staying:
    """A command that runs until the page ends, at a terminal: there, only the terminal hands on Ctrl-C."""

    process: subprocess.Popen[bytes]
    log: Path
    terminal: int

    def printed(self) -> str:
        """Return what it has printed up to now."""
        return self.log.read_text(errors="replace")

    def stop(self) -> None:
        """Stop it as Ctrl-C does, and whatever it has left behind."""
        deadline = time.monotonic() + 30
        number = int(signal.SIGINT)
        # Until all of them are gone: make may end before what it has started.
        with suppress(ProcessLookupError):
            while True:
                os.killpg(self.process.pid, number)
                number = 0 if time.monotonic() < deadline else int(signal.SIGKILL)
                self.process.poll()
                time.sleep(0.1)
        os.close(self.terminal)


@dataclass
class Reader:
    """Somebody who follows a page in a folder.

    Attributes:
        folder: where commands run; a command may change it.
        scratch: for logs.
    """

    folder: Path
    scratch: Path
    printed: str = ""
    again: str = ""
    before_again: str = ""
    staying: list[Staying] = field(default_factory=list)
    ports: dict[str, str] = field(default_factory=lambda: {name: str(free_port()) for name in PORTS})

    def __post_init__(self) -> None:
        """Put this template under its public name, and the Python of the tests, where a shell finds them."""
        programs = self.scratch / "bin"
        programs.mkdir(parents=True, exist_ok=True)
        # Where no terminal is, curl tells how far it is.
        (self.scratch / ".curlrc").write_text("silent\nshow-error\n")
        render = shlex.join(map(str, cookiecutter()))
        (programs / "uvx").write_text(
            f'#!/bin/sh\n[ "$1 $2" = "{RENDERER[4:]}" ] || exit 9\nshift 2\nexec {render} "$@"\n'
        )
        (programs / "python3").write_text(f'#!/bin/sh\nexec {PYTHON} "$@"\n')
        for program in programs.iterdir():
            program.chmod(0o755)

    def environment(self) -> dict[str, str]:
        """Return the environment of the commands."""
        found = clean_environment(PYTHONUNBUFFERED="1", CURL_HOME=str(self.scratch), **SOMEBODY, **self.ports)
        return {**found, "PATH": f"{self.scratch / 'bin'}{os.pathsep}{found['PATH']}"}

    def follow(self, page: Path) -> None:
        """Do what a page says.

        Raises:
            AssertionError: something failed, or is not as the page says; the message names the line.
        """
        directive: Block | None = None
        before: Block | None = None
        for block in blocks(page):
            if block.language in ("said by", "not run"):
                directive = block
                continue
            try:
                self._do(block, directive, before)
            except AssertionError as problem:
                raise AssertionError(f"{page}:{block.line}: {problem}") from None
            directive, before = None, block

    def _do(self, block: Block, directive: Block | None, before: Block | None) -> None:
        if directive and directive.language == "not run":
            assert len(directive.text.split()) > 2, "say why it is not run"
        elif directive:
            self._compare(block.text, self._say(directive.text))
        elif block.language == "Ctrl-C":
            self.stop()
        elif block.language == "while":
            self._shell(block.text)
        elif block.title:
            self._write(block)
        elif block.language == "sh":
            self._shell(block.text)
        elif block.language == "console":
            self._console(block.text)
        elif block.language == "python":
            self._python(block.text)
        elif block.language in ("text", "json") and before and before.language in ("sh", "console"):
            self._await(in_one_line(block.text))
        elif block.language != "project":
            raise AssertionError(
                f"how is this {block.language or 'unmarked'} block tested? CONTRIBUTING.md says how to mark it"
            )

    def _write(self, block: Block) -> None:
        file = self.folder / block.title
        file.parent.mkdir(parents=True, exist_ok=True)
        text = file.read_text() + "\n\n" if file.exists() else ""
        file.write_text(text + block.text)

    def _known(self, command: str) -> str:
        """Return ``command`` with what stands for something in the page replaced by it."""
        for name, usual in PORTS.items():
            command = command.replace(f"127.0.0.1:{usual}", f"127.0.0.1:{self.ports[name]}")
        command = command.replace("ADDRESS/", f"http://127.0.0.1:{self.ports['FASTAPI_PORT']}/")
        if ids := re.findall(r'"task_id": ?"([^"]+)"', self.printed):
            command = command.replace("TASK_ID", ids[-1])
        return command

    def _say(self, command: str, must_succeed: bool = False) -> str:
        """Run a command, and return what it printed."""
        where = self.scratch / "folder"
        script = f"{self._known(command)}\npwd >{shlex.quote(str(where))}"
        try:
            ended = subprocess.run(
                ["bash", "-ec", script],
                cwd=self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=PATIENCE,
            )
        except subprocess.TimeoutExpired as problem:
            raise AssertionError(f"{command!r} takes longer than {PATIENCE:.0f} s:\n{problem.output}") from None
        assert not must_succeed or ended.returncode == 0, f"{command!r} ended with {ended.returncode}:\n{ended.stdout}"
        if ended.returncode == 0:
            self.folder = Path(where.read_text().strip())
        return ended.stdout

    def _shell(self, text: str) -> None:
        """Run the commands of a block, line by line."""
        self.printed = self.again = ""
        for line in text.replace("\\\n", " ").splitlines():
            command = re.sub(r"\s+# .*", "", line).strip()
            if STAYS.match(command):
                self._start(command)
            elif command and not command.startswith("#"):
                self.before_again = self.printed
                # What was asked for may take a moment.
                self.again = self._known(command) if re.match(r"curl (http|ADDRESS)", command) else ""
                # Not every answer ends in a line break.
                self.printed += self._say(command, must_succeed=True).rstrip("\n") + "\n"

    def _console(self, text: str) -> None:
        """Run the lines that begin with ``$ ``, and compare what they print with the lines below each."""
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, quoted = part.partition("\n")
            self.printed = self._say(command)
            self._compare(quoted, self.printed)

    def _start(self, command: str) -> None:
        log = self.scratch / f"{len(self.staying)}.log"
        terminal, stdin = os.openpty()
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {self._known(command)}"],
                cwd=self.folder,
                env=self.environment(),
                stdin=stdin,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        os.close(stdin)
        self.staying.append(Staying(process, log, terminal))
        if ready := next((said for start, said in READY.items() if command.startswith(start)), ""):
            self._until(lambda: ready in self.staying[-1].printed(), f"{command!r} to say {ready!r}", PATIENCE)

    def _until(self, holds: Callable[[], bool], what: str, patience: float) -> None:
        deadline = time.monotonic() + patience
        while not holds():
            last = self.staying[-1] if self.staying else None
            assert time.monotonic() < deadline, f"waited {patience:.0f} s for {what}:\n{last.printed() if last else ''}"
            assert not last or last.process.poll() is None, f"ended before {what}:\n{last.printed()}"
            time.sleep(0.1)

    def _await(self, quoted: str) -> None:
        """Compare a quotation with what was printed; what runs, and what can be asked again, may take a moment."""
        deadline = time.monotonic() + SOON
        while True:
            printed = "\n".join([self.printed, *(each.printed() for each in self.staying)])
            if missing(quoted, printed) is None:
                return
            if time.monotonic() > deadline or not (self.again or self.staying):
                self._compare(quoted, printed)
            time.sleep(0.3)
            if self.again:
                self.printed = self.before_again + self._say(self.again)

    def _compare(self, quoted: str, printed: str) -> None:
        part = missing(quoted, printed)
        assert part is None, f"the page quotes\n{part}\n\nwhich does not stand in\n{printed}"

    def _python(self, text: str) -> None:
        python = self.folder / ".venv/bin/python"
        if re.search(r"^(async )?def test_", text, re.MULTILINE):
            test = self.folder / "tests/test_of_the_page.py"
            test.write_text(text)
            self.printed = self._say(f".venv/bin/pytest -q {test.relative_to(self.folder)}", must_succeed=True)
            return
        script = self.scratch / "block.py"
        script.write_text((WITH_DJANGO if (self.folder / "config/settings.py").exists() else "") + text)
        variables = "set -a; . ./.env; [ ! -f .run/env ] || . ./.run/env; set +a; "
        self.printed = self._say(f"{variables} PYTHONPATH=. {python} {script}", must_succeed=True)

    def stop(self) -> None:
        """Stop what was started."""
        for each in reversed(self.staying):
            each.stop()
        self.staying.clear()


@contextmanager
def reading(folder: Path, scratch: Path) -> Iterator[Reader]:
    """Have somebody follow pages in ``folder`` while the context is open; then whatever runs is stopped."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # As in the background of a shell; what is started here would ignore Ctrl-C as well.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    reader = Reader(folder, scratch)
    try:
        yield reader
    finally:
        reader.stop()


def main(given: list[str]) -> None:
    """Follow one page in the project that is set up in a folder: ``python -m tests.pages PAGE FOLDER SCRATCH``."""
    page, folder, scratch = map(Path, given)
    with reading(folder.resolve(), scratch.resolve()) as reader:
        reader.follow(page)


if __name__ == "__main__":
    main(sys.argv[1:])
