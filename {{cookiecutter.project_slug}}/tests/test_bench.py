"""`make bench`: that its figures are worked out and shown as they should be, and that it leaves nothing behind."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import psutil
import pytest

from devtools.bench.figures import Column, Part, Ratio, rounds
from devtools.bench.picture import picture
from devtools.bench.report import as_data, markdown, table
from devtools.stack import ROOT


@pytest.fixture
def part() -> Part:
    """Three rounds of two variants."""
    part = Part("eat", "Eating <quickly>", (Column("CPU", "us"), Column("p99", "ms", 1)), ("CPU",))
    for number, (stock, own) in enumerate([(100.0, 50.0), (200.0, 80.0), (400.0, 240.0)], 1):
        part.add("stock", number, CPU=stock, p99=1.25)
        part.add("this project", number, CPU=own)
    return part


def test_ratios_are_taken_round_by_round(part: Part) -> None:
    assert part.ratio("this project", "CPU") == Ratio(0.5, 0.4, 0.6)
    assert part.ratio("stock", "CPU") == Ratio(1, 1, 1)


def test_round_without_its_baseline_counts_for_nothing(part: Part) -> None:
    part.add("this project", 4, CPU=1000)
    assert part.ratio("this project", "CPU") == Ratio(0.5, 0.4, 0.6)


def test_variant_may_have_a_baseline_of_its_own(part: Part) -> None:
    part.baselines["stock"] = "this project"
    assert part.ratio("stock", "CPU") == Ratio(2, 400 / 240, 2.5)


def test_table_shows_medians_and_ratios_with_their_spread(part: Part) -> None:
    assert table(part) == "\n".join(
        [
            "Eating <quickly>",
            "eat           CPU, us  p99, ms        CPU, ratio",
            "stock             200      1.2                 -",
            "this project       80        -  0.50 (0.40-0.60)",
        ]
    )


def test_table_may_end_in_notes_also_as_markdown(part: Part) -> None:
    part.notes, part.notes_title = {"this project": "nothing"}, "gives up"
    assert [line.rpartition("  ")[2] for line in table(part).splitlines()[1:]] == ["gives up", "-", "nothing"]
    assert markdown(part) == "\n".join(
        [
            "Eating <quickly>:",
            "",
            "| eat | CPU, us | p99, ms | CPU, ratio | gives up |",
            "| --- | --: | --: | --: | --- |",
            "| stock | 200 | 1.2 | - | - |",
            "| this project | 80 | - | 0.50 (0.40-0.60) | nothing |",
            "",
        ]
    )


def test_data_hold_every_round(part: Part) -> None:
    part.notes, part.notes_title = {"this project": "nothing"}, "gives up"
    data = json.loads(json.dumps(as_data([part], {"cpus": 2})))
    assert data["parts"]["eat"]["notes"] == {"gives up": {"this project": "nothing"}}
    assert data["about"] == {"cpus": 2}
    assert len(data["parts"]["eat"]["rounds"]) == 6
    assert data["parts"]["eat"]["rounds"][1] == {"variant": "this project", "round": 1, "CPU": 50.0}
    assert data["parts"]["eat"]["ratios"]["this project"]["CPU"] == {"median": 0.5, "min": 0.4, "max": 0.6}


def test_picture_is_well_formed_and_has_a_bar_for_each_ratio(part: Part) -> None:
    root = ElementTree.fromstring(picture([part, part]))
    name = "{http://www.w3.org/2000/svg}"
    assert root.tag == f"{name}svg"
    assert len(root.findall(f"{name}rect")) == 4
    texts = [text.text for text in root.iter(f"{name}text")]
    assert texts[:5] == ["Eating <quickly>: CPU", "stock", "1.00", "this project", "0.50"]


def test_rounds_are_as_many_as_were_asked_for_when_time_is_no_object() -> None:
    assert list(rounds(3600, 1, 4)) == [1, 2, 3, 4]


def test_rounds_are_not_fewer_than_the_least_when_time_is_over() -> None:
    assert list(rounds(0, 2, 4)) == [1, 2]


def bench(*options: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the command."""
    command = [sys.executable, "-m", "devtools.bench.run", *options]
    variables = {**os.environ, **environment}
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "lunch"], "error: argument --only: invalid choice: 'lunch' (choose from "),
        (["--json", "no/such/folder.json"], "error: argument --json: 'no/such/folder.json' cannot be written"),
        (["--svg", "."], "error: argument --svg: '.' cannot be written"),
        (["--pool", "eventlet"], "error: argument --pool: invalid choice: 'eventlet' (choose from "),
        (["--tasks", "many"], "error: argument --tasks: 'many' is not a number from 50 to 100000"),
        (["--fast"], "error: unrecognized arguments: --fast"),
    ],
    ids=["part", "folder", "file", "pool", "tasks", "option"],
)
def test_bad_option_is_said_in_one_line(options: list[str], message: str) -> None:
    done = bench(*options)
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def started_with(variable: str, value: str) -> Iterator[psutil.Process]:
    """Yield the processes that have a variable in their environment."""
    for process in psutil.process_iter():
        try:
            if process.environ().get(variable) == value:
                yield process
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue


def test_workers_are_measured_and_nothing_is_left(tmp_path: Path) -> None:
    file, folder = tmp_path / "figures.json", tmp_path / "all"
    folder.mkdir()
    # Somebody's own broker must not be used.
    exported = {"REDIS_URL": "redis://127.0.0.1:1/0", "CELERY_TASK_TIME_LIMIT": "nonsense"}
    environment = {**exported, "TMPDIR": str(folder), "STARTED_BY": str(folder)}
    parts = ("--only", "consume", "--only", "pools", "--pool", "solo")
    done = bench("--quick", *parts, "--tasks", "200", "--json", str(file), **environment)
    assert done.returncode == 0, done.stderr
    figures = json.loads(file.read_text())["parts"]
    measured = figures["consume"]["rounds"]
    variants = ["stock", "this project", "popular template", "raw Redis (floor)"]
    assert [sample["variant"] for sample in measured[:4]] == variants
    for sample in measured:
        assert sample["tasks/s"] > 0
        if not sample["variant"].startswith("raw"):  # which takes less than the clock can tell
            assert sample["main process"] > 0
            assert sample["children"] > 0
    assert all(variant in done.stdout for variant in variants)
    kinds = ("no-op", "computes 5 ms", "waits 0.1 s")
    rows = [f"solo, {kind}: {worker}" for kind in kinds for worker in ("stock", "this project")]
    assert [sample["variant"] for sample in figures["pools"]["rounds"][:6]] == rows
    assert set(figures["pools"]["ratios"]) == set(rows)
    assert list(started_with("STARTED_BY", str(folder))) == []
    assert [path.name for path in folder.iterdir() if not path.name.startswith("ports-")] == []
