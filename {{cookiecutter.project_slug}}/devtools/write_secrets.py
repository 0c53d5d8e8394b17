"""``make secrets``: write ``.env.prod`` with a strong value for each secret. What stands there already stays.

Needs the standard library only, since no package is installed where it may run.
"""

import os
import re
import secrets
from pathlib import Path

SOURCE = Path("envs/prod.env")
TARGET = Path(".env.prod")
PLACEHOLDER = "CHANGE_ME"
SECRET_NAME = re.compile(r"(PASSWORD|SECRET|AUTH)")
LINE = re.compile(r"([A-Z][A-Z0-9_]*)=(.*)")


def filled(line: str) -> tuple[str, str | None]:
    """Return ``line`` with a new value where a secret's placeholder stood, and the name of the secret if one did."""
    found = LINE.fullmatch(line)
    if not found or PLACEHOLDER not in found[2] or not SECRET_NAME.search(found[1]):
        return line, None
    # Letters, digits, '-' and '_': the value can stand in a URL and in any shell.
    return line.replace(PLACEHOLDER, secrets.token_urlsafe(32)), found[1]


def missing_lines(present: list[str]) -> list[str]:
    """Return the lines of ``envs/prod.env`` whose variables ``.env.prod`` does not have yet."""
    names = {found[1] for line in present if (found := LINE.fullmatch(line))}
    lines = SOURCE.read_text().splitlines()
    return [line for line in lines if (found := LINE.fullmatch(line)) and found[1] not in names]


def write(lines: list[str]) -> None:
    """Write ``.env.prod`` such that only its owner can read it, or leave the old one as it was."""
    temporary = TARGET.with_name(f"{TARGET.name}.new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write("".join(f"{line}\n" for line in lines))
    temporary.replace(TARGET)


def main() -> None:
    """Write the file, and say which values are new and which are missing; never what they are."""
    old = TARGET.read_text().splitlines() if TARGET.exists() else None
    lines = SOURCE.read_text().splitlines() if old is None else [*old, *missing_lines(old)]
    pairs = [filled(line) for line in lines]
    new = [name for _, name in pairs if name]
    if lines != old or new:
        write([line for line, _ in pairs])
    print(f"{TARGET}: " + (f"wrote new values for {', '.join(new)}" if new else "every secret has a value already"))
    left = [found[1] for line, _ in pairs if (found := LINE.fullmatch(line)) and PLACEHOLDER in found[2]]
    if left:
        print(f"Still to fill in there: {', '.join(left)}")


if __name__ == "__main__":
    main()
