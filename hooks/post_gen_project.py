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


for name in PLAN["remove"]:
    remove(Path(name))
for old, new in PLAN["rename"]:
    Path(old).rename(new)

print(PLAN["summary"])
print(NEXT, end="")
