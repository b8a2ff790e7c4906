"""Experiments: specs, the runs they need, the records they leave."""
