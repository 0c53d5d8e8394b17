"""The page of figures says what the runs of ``make bench`` that are kept have measured."""

import json
from pathlib import Path

import pytest

from scripts import performance_figures as figures

RUN = {
    "about": {"python": "3.11"},
    "parts": {
        "eat": {
            "title": "Eating",
            "notes": {"gives up": {"own": "nothing"}},
            "rounds": [
                {"variant": "stock", "round": 1, "CPU": 200.0},
                {"variant": "own", "round": 1, "CPU": 50.0},
                {"variant": "own", "round": 2, "CPU": 4.0},
            ],
            "ratios": {
                "stock": {"CPU": {"median": 1.0, "min": 1.0, "max": 1.0}},
                "own": {"CPU": {"median": 0.25, "min": 0.2, "max": 0.5}},
            },
        }
    },
}


def test_page_is_what_was_measured() -> None:
    figures.main(["--check"])


def test_three_runs_with_each_broker_are_kept() -> None:
    for broker in figures.BROKERS:
        assert len(figures.whole_runs(broker)) == 3


def test_table_has_the_median_of_all_runs_and_the_ratio_of_each() -> None:
    assert list(figures.table([RUN, RUN], "eat")) == [
        "Eating:",
        "",
        "| eat | CPU | CPU, ratios | gives up |",
        "| --- | --: | --: | --- |",
        "| stock | 200 | - | - |",
        "| own | 27 | 0.25, 0.25 (0.20-0.50) | nothing |",
        "",
    ]


def test_page_that_is_out_of_date_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "RUNS", tmp_path)
    for broker in figures.BROKERS:
        (tmp_path / f"{broker}-1.json").write_text(json.dumps(RUN))
    with pytest.raises(SystemExit, match="run `make figures`"):
        figures.main(["--check"])
