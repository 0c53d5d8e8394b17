"""``make bench``: what tasks cost here, beside what they cost elsewhere. Nothing outside this package imports it."""
