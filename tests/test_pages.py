"""The pages of the site and the guides of rendered projects, followed word for word."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands import PYTHON, run
from tests.conftest import Bake
from tests.matrix import NAMED, ROOT, TEMPLATE, Answers
from tests.pages import answers_of, blocks, missing, reading

# These are written by `make reference`; the guides among them are followed where they come from.
GENERATED = ("reference", "guides")
PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "docs").rglob("*.md")
    if path.relative_to(ROOT / "docs").parts[0] not in GENERATED
)

# A guide is followed in the project that has the most of it.
OWN_PROJECT = {"run-with-rabbitmq.md": "fastapi-rabbitmq-file", "beat-state.md": "django-database"}
GUIDES = sorted(
    {
        path.name.replace("__database", "")
        for path in (TEMPLATE / "docs").glob("*.md")
        if "__" not in path.name or "__database" in path.name
    }
)

Prepare = Callable[[Answers, Path], Path]


def copy_packages(source: Path, target: Path) -> None:
    """Make ``target`` a virtual environment like ``source``, for the project in its own folder."""
    subprocess.run(["cp", "-al", source, target], check=True)
    # Programs name their environment, and a .pth file the library's source beside it.
    for path in [*(target / "bin").iterdir(), *target.glob("lib/python*/site-packages/*.pth")]:
        if not path.is_symlink() and (text := path.read_bytes()) and bytes(source.parent) in text:
            mode = path.stat().st_mode
            # Not in place: both folders have the same files.
            path.unlink()
            path.write_bytes(text.replace(bytes(source.parent), bytes(target.parent)))
            path.chmod(mode)


@pytest.fixture(scope="session")
def prepare(bake: Bake, tmp_path_factory: pytest.TempPathFactory) -> Prepare:
    """Return a function that gives a project of its own, with its packages, in a folder."""
    made: dict[str, Path] = {}

    def project(answers: Answers, folder: Path) -> Path:
        key = json.dumps(answers, sort_keys=True)
        rendered = bake(**answers)
        if key not in made:
            made[key] = shutil.copytree(rendered, tmp_path_factory.mktemp("prepared") / rendered.name)
            ended = run(["make", f"PYTHON={PYTHON}", "setup"], made[key])
            assert ended.returncode == 0, ended.stdout
        copy = shutil.copytree(made[key], folder / rendered.name, ignore=shutil.ignore_patterns(".venv"))
        copy_packages(made[key] / ".venv", copy / ".venv")
        return copy

    return project


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_page_of_the_site_is_true(page: str, prepare: Prepare, tmp_path: Path) -> None:
    file = ROOT / page
    kinds = {block.language for block in blocks(file)}
    folder = prepare(answers_of(file), tmp_path) if kinds - {"console", "not run"} else tmp_path
    with reading(folder, tmp_path / "scratch") as reader:
        reader.follow(file)


@pytest.mark.slow
@pytest.mark.parametrize("guide", ["../README.md", *GUIDES])
def test_guide_of_a_project_is_true(guide: str, prepare: Prepare, tmp_path: Path) -> None:
    project = prepare(NAMED[OWN_PROJECT.get(guide, "default")], tmp_path)
    with reading(project, tmp_path / "scratch") as reader:
        reader.follow(project / "docs" / guide)


QUOTED = "one 12 ms\n...\nthree -----\n"


@pytest.mark.parametrize("printed", ["zero\none 9  ms\ntwo\nthree ---\nfour", "one 12 ms\nthree ------"])
def test_quotation_may_differ_in_numbers_and_leave_lines_out(printed: str) -> None:
    assert missing(QUOTED, printed) is None


@pytest.mark.parametrize(
    ("printed", "part"),
    [("one ms\nthree ---", "one N ms"), ("three ---\none 1 ms", "three ---"), ("one 1 ms\nthree", "three ---")],
)
def test_quotation_that_was_not_printed_is_found(printed: str, part: str) -> None:
    assert missing(QUOTED, printed) == part


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        ("```sh\nfalse\n```\n", "page.md:1: 'false' ended with 1"),
        ("```sh\necho one\n```\n\n```text\ntwo\n```\n", "page.md:5: the page quotes\ntwo\n"),
        ("<!-- said by: echo no -->\n\n```text\nyes\n```\n", "page.md:3: the page quotes\nyes\n"),
        ("```text\nyes\n```\n", "page.md:1: how is this text block tested?"),
        ("<!-- not run: no -->\n\n```sh\nfalse\n```\n", "page.md:3: say why it is not run"),
        ("```console\n$ echo one\ntwo\n```\n", "page.md:1: the page quotes\ntwo\n"),
    ],
)
def test_page_that_is_not_true_is_found(page: str, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text(page)
    with reading(tmp_path, tmp_path / "scratch") as reader, pytest.raises(AssertionError) as found:
        reader.follow(file)
    assert problem in str(found.value)


def test_page_that_is_true_is_followed(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text(
        '1.  First:\n\n    ```ini title="made/here.ini"\n    [one]\n    ```\n\n'
        "```sh\ncd made\ncat here.ini  # shows it\n```\n\n```text\n[one]\n```\n\n"
        "<!-- said by: echo no >&2; exit 1 -->\n\n```text\nno\n```\n\n"
        "```console\n$ pwd\n...\n$ echo 1\n2\n```\n"
    )
    with reading(tmp_path, tmp_path / "scratch") as reader:
        reader.follow(file)
        assert reader.folder == tmp_path / "made"
