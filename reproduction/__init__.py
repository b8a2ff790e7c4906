"""The paper: its figures and tables from raw data, with its numbers beside ours."""
