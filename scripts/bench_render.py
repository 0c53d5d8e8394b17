"""Time a rendering of this template against one of a template of a single file.

Twice: as every rendering but the first finds its tools, with compiled byte code, and as the first one may find them.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 15
GOAL = 1.3


def one_file_template(folder: Path) -> Path:
    """Make the template to compare with, in ``folder``."""
    template = folder / "one-file"
    project = template / "{{cookiecutter.project_slug}}"
    project.mkdir(parents=True)
    (template / "cookiecutter.json").write_text(json.dumps({"project_slug": "one-file"}))
    (project / "README.md").write_text("{{ cookiecutter.project_slug }}\n")
    return template


def seconds(template: Path, variables: dict[str, str]) -> float:
    """Render ``template`` in a process of its own and return how long it took."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "cookiecutter", "--no-input", "--default-config", "-o", out, str(template)]
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env=os.environ | variables)
        return time.perf_counter() - started


def with_byte_code(folder: Path, templates: dict[str, Path]) -> dict[str, str]:
    """Return the variables with which Python finds everything compiled in ``folder``."""
    # An empty variable counts as unset.
    variables = {"PYTHONPYCACHEPREFIX": str(folder), "PYTHONDONTWRITEBYTECODE": ""}
    for template in templates.values():
        seconds(template, variables)
    return variables


def without_byte_code(folder: Path) -> dict[str, str]:
    """Return the variables with which it finds only its own library compiled there, as in a new environment."""
    for path in (Path(sysconfig.get_path("purelib")), ROOT):
        shutil.rmtree(folder.joinpath(*path.parts[1:]), ignore_errors=True)
    return {"PYTHONPYCACHEPREFIX": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}


def compare(templates: dict[str, Path], variables: dict[str, str]) -> None:
    """Print both medians and their ratio."""
    times: dict[str, list[float]] = {name: [] for name in templates}
    for _ in range(ROUNDS):
        for name, template in templates.items():
            times[name].append(seconds(template, variables))
    for name, measured in times.items():
        print(f"  {name:<14} {median(measured):.2f} s (median of {ROUNDS}, {min(measured):.2f} to {max(measured):.2f})")
    ratio = median(times["this template"]) / median(times["one file"])
    print(f"  ratio          {ratio:.2f} (goal: at most {GOAL})")


def main() -> None:
    """Compare with byte code and without."""
    with tempfile.TemporaryDirectory() as folder:
        templates = {"one file": one_file_template(Path(folder)), "this template": ROOT}
        cache = Path(folder) / "byte-code"
        print("with byte code:")
        compare(templates, with_byte_code(cache, templates))
        print("without byte code:")
        compare(templates, without_byte_code(cache))


if __name__ == "__main__":
    main()
