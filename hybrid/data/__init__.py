"""Dataset folders: structures, targets, splits."""
