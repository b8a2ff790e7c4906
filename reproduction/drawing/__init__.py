"""Figures and tables, drawn from records alone."""
