"""Lua scripts that run in a Redis or Valkey server; each is a file whose head names its keys and arguments."""

from functools import cache
from importlib.resources import files


@cache
def read_script(package: str, *names: str) -> str:
    """Return the scripts of these names, without their suffix, that lie in ``lua/`` of ``package``, as one script."""
    folder = files(package) / "lua"
    return "\n".join((folder / f"{name}.lua").read_text(encoding="utf-8") for name in names)
