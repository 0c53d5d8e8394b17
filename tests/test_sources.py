"""The template's own files, before any rendering: they can be read and linted as they stand."""

import re
import subprocess
from fnmatch import fnmatch
from itertools import chain
from pathlib import Path

from local_extensions.files import REMOVE_UNLESS, VARIANTS, split_variant
from tests.commands import run, tool
from tests.files import files_below, parse
from tests.matrix import LEVELS, QUESTIONS, ROOT, TEMPLATE

SOURCES = list(files_below(TEMPLATE))
COPIED = QUESTIONS["_copy_without_render"]
CONDITIONAL = re.compile(r"^\s*# jinja: (if|elif|else|for)\b", re.MULTILINE)
BUDGET_OF_A_FILE = 6
BUDGET = 60
HOOK_LINES = 80


def conditionals(path: Path) -> int:
    return len(CONDITIONAL.findall((TEMPLATE / path).read_text()))


def ruff(*arguments: str, cache: Path) -> subprocess.CompletedProcess[str]:
    return run([tool("ruff"), *arguments], ROOT, RUFF_CACHE_DIR=str(cache))


def test_sources_parse_before_rendering() -> None:
    for path in SOURCES:
        parse(TEMPLATE / path)


def test_sources_pass_the_linter_before_rendering(tmp_path: Path) -> None:
    # A placeholder is no valid name of a package: RUF200.
    ended = ruff("check", "--ignore", "RUF200", cache=tmp_path)
    assert ended.returncode == 0, ended.stdout


def test_sources_are_formatted_before_rendering(tmp_path: Path) -> None:
    ended = ruff("format", "--check", cache=tmp_path)
    assert ended.returncode == 0, ended.stdout


def test_dockerfiles_pass_the_linter_before_rendering() -> None:
    for path in SOURCES:
        if path.name.startswith("Dockerfile") or path.suffix == ".Dockerfile":
            ended = run([tool("hadolint"), path], TEMPLATE)
            assert ended.returncode == 0, ended.stdout


def test_scripts_pass_the_linter() -> None:
    ended = run([tool("shellcheck"), ROOT / ".ci" / "run", *sorted((ROOT / "scripts").glob("*.sh"))], ROOT)
    assert ended.returncode == 0, ended.stdout


def test_conditionals_stay_within_their_budget() -> None:
    counts = {str(path): conditionals(path) for path in SOURCES}
    assert {path: count for path, count in counts.items() if count > BUDGET_OF_A_FILE} == {}
    assert sum(counts.values()) <= BUDGET


def test_statements_stand_on_lines_of_their_own() -> None:
    other = re.compile(r"\{[%#]|^.*\S.*# jinja:", re.MULTILINE)
    assert [str(path) for path in SOURCES if other.search((TEMPLATE / path).read_text())] == []


def test_what_is_copied_needs_no_rendering() -> None:
    """Folders without a placeholder are copied, which takes a fraction of the time."""
    jinja = re.compile(r"\{\{|\{%|\{#|# (jinja|template):")
    used = set()
    for path in SOURCES:
        matching = [each for each in COPIED for part in [path, *path.parents] if fnmatch(part.as_posix(), each)]
        used.update(matching)
        assert not (matching and jinja.search((TEMPLATE / path).read_text())), f"{path}: is copied by {matching}"
    assert used == set(COPIED)


def test_no_name_depends_on_an_answer() -> None:
    assert [str(path) for path in SOURCES if "{" in str(path)] == []


def test_what_gets_removed_or_renamed_is_there() -> None:
    paths = chain(*REMOVE_UNLESS.values(), *VARIANTS.values())
    assert [path for path in paths if not (TEMPLATE / path).exists()] == []


def test_variants_are_exactly_the_files_with_an_answer_in_their_name() -> None:
    marked = {path.as_posix() for path in SOURCES if re.search(r"[a-z]__[a-z]", path.stem, re.IGNORECASE)}
    assert marked == set(chain(*VARIANTS.values()))


def test_variants_are_named_after_answers() -> None:
    for question, paths in VARIANTS.items():
        answers = {split_variant(path)[1] for path in paths}
        assert answers <= set(QUESTIONS[question])


def test_every_question_is_in_the_matrix() -> None:
    texts = {"project_name", "project_slug", "description", "author_name"}
    assert set(LEVELS) | texts == {key for key in QUESTIONS if not key.startswith("_")}


def test_hook_is_short_and_needs_no_network() -> None:
    text = (ROOT / "hooks" / "post_gen_project.py").read_text()
    assert len(text.splitlines()) <= HOOK_LINES
    assert set(re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE)) <= {"json", "pathlib", "shutil"}
