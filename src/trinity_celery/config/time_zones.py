"""Time zones by their names in the IANA database."""

from difflib import get_close_matches
from zoneinfo import ZoneInfo, available_timezones


def find_zone(name: str) -> ZoneInfo:
    """Return the time zone that the IANA database calls ``name``.

    Raises:
        ValueError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, no name at all, a folder of names
        nearest = get_close_matches(name, available_timezones(), n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise ValueError(f"{name!r} is no time zone: write its IANA name, such as 'Europe/Berlin'{hint}") from None
