"""Bring the rendered folder into its final shape and say what to do next. No network, no installs."""

import json
import shutil
from pathlib import Path

PLAN = json.loads(r"""{{ plan(cookiecutter).hook_data }}""")

NEXT = """
Now run:
  cd {{ cookiecutter.project_slug }}
  make demo    one task through every queue, from every service; installs what it needs
  make dev     everything stays up, with reload; says where to look
"""


def remove(path: Path) -> None:
    """Delete a file, or a folder with everything in it."""
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()


def copy_library(template: Path, folder: Path) -> None:
    """Put the library's source into ``folder``, with the part of the template's pyproject.toml that builds it."""
    caches = shutil.ignore_patterns("__pycache__", "*.py[cod]")
    shutil.copytree(template / "src" / "trinity_celery", folder / "src" / "trinity_celery", ignore=caches)
    shutil.copy(template / "LICENSE", folder)
    shutil.copy(template / "src" / "README.md", folder)
    text, _, _ = (template / "pyproject.toml").read_text(encoding="utf-8").partition("\n# Below: ")
    text = text.replace('"src/README.md"', '"README.md"')
    (folder / "pyproject.toml").write_text(text, encoding="utf-8", newline="\n")


for name in PLAN["remove"]:
    remove(Path(name))
for old, new in PLAN["rename"]:
    Path(old).rename(new)
copy_library(Path(PLAN["template"]), Path("packages", "trinity-celery"))

print(PLAN["summary"])
print(NEXT, end="")
