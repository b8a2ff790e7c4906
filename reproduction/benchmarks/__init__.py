"""Measured comparisons with unpatched upstream; `make bench` runs them all."""
