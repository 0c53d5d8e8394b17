"""Time a rendering of this template against one of a template of a single file."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 15
GOAL = 1.5


def one_file_template(folder: Path) -> Path:
    """Make the template to compare with, in ``folder``."""
    template = folder / "one-file"
    project = template / "{{cookiecutter.project_slug}}"
    project.mkdir(parents=True)
    (template / "cookiecutter.json").write_text(json.dumps({"project_slug": "one-file"}))
    (project / "README.md").write_text("{{ cookiecutter.project_slug }}\n")
    return template


def seconds(template: Path) -> float:
    """Render ``template`` in a process of its own and return how long it took."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "cookiecutter", "--no-input", "--default-config", "-o", out, str(template)]
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - started


def main() -> None:
    """Print both medians and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        templates = {"one file": one_file_template(Path(folder)), "this template": ROOT}
        times: dict[str, list[float]] = {name: [] for name in templates}
        for _ in range(ROUNDS):
            for name, template in templates.items():
                times[name].append(seconds(template))
    for name, measured in times.items():
        print(f"{name:<14} {median(measured):.2f} s (median of {ROUNDS}, {min(measured):.2f} to {max(measured):.2f})")
    ratio = median(times["this template"]) / median(times["one file"])
    print(f"ratio          {ratio:.2f} (goal: at most {GOAL})")


if __name__ == "__main__":
    main()
