"""Where structures and labels come from, one module a source."""

from reproduction.data.sources.entries import Entry, Labels

__all__ = ["Entry", "Labels"]
