"""Trained models: their content, files, ensembles and how far to trust them."""
