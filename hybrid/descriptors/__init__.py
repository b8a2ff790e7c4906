"""Structural descriptors: what describes a crystal's geometry and symmetry, and tables of them."""
