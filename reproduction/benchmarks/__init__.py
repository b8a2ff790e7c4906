"""Measured comparisons with other codes; `make bench` runs them all."""
