"""The data sets of the paper: where they come from and how they are built."""
