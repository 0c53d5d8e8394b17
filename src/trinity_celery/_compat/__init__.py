"""Every private name of the libraries below this one, in a module for each of them.

No other module looks up a name with a leading underscore on an object that belongs to one of those libraries. Each
module here has two tables, whose keys name a module, or a module and a class, and whose values name what is in there.
A function stands with its parameters. ``tests/library/test_compat.py`` holds them against the installed versions.

- ``CALLED``: what the library calls or reads. Other parameters may be added, if they are optional.
- ``OVERRIDDEN``: what a subclass of ours overrides, replaces on an instance or inherits, and so has to stay as it is.

The tables also name what has no underscore and no documentation.
"""

from collections.abc import Mapping

Names = Mapping[str, tuple[str, ...]]
