"""What the paper's networks are compared with: frozen heads, force fields, Debye's model, formulas, E3NN."""
