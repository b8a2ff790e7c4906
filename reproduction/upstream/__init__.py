"""Upstream's own codes: pinned, fetched and patched."""
