"""Crystal graphs: neighbours, bonds and angles; the graphs of a data set packed into a few tensors."""
