"""How static files are stored: WhiteNoise serves what ``collectstatic`` has put into ``STATIC_ROOT``."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFiles(CompressedManifestStaticFilesStorage):
    """Compressed files whose names hold a hash, so that browsers may keep them for ever.

    Where ``collectstatic`` never ran, as in tests, names stay as they are: a page without styles instead of a 500.
    """

    def stored_name(self, name: str) -> str:
        """Return the name with the hash, from the manifest that ``collectstatic`` has written."""
        return super().stored_name(name) if self.hashed_files else name
