"""From specs to records: which runs an experiment needs, and what they leave."""
