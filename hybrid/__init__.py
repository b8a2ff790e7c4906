"""Probe what crystal graph neural networks know, and train descriptor-hybridised ones."""

__version__ = "0.1.0"
