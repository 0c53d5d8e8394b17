"""Write down which files each layout with a name consists of; the tests hold renderings against these lists."""

import tempfile
from pathlib import Path

from cookiecutter.main import cookiecutter

from tests.files import listing
from tests.matrix import NAMED, ROOT

EXPECTED = ROOT / "tests" / "expected_files"


def main() -> None:
    """Render each layout and replace its list."""
    EXPECTED.mkdir(exist_ok=True)
    for name, answers in NAMED.items():
        with tempfile.TemporaryDirectory() as folder:
            project = cookiecutter(
                str(ROOT), no_input=True, extra_context=answers, output_dir=folder, default_config=True
            )
            (EXPECTED / f"{name}.txt").write_text("".join(f"{path}\n" for path in listing(Path(project))))


if __name__ == "__main__":
    main()
