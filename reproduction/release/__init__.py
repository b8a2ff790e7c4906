"""The models that the package comes with: their training, their cards, and their files."""
