"""Remedies for what the paper finds: a file for each, with networks that differ from CGCNN in that alone."""
