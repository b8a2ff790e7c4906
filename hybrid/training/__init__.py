"""Training: the optimisation, its log, and the run folder it leaves."""
