"""What the paper compares networks with: frozen heads, force fields, Debye's model, formulas."""
