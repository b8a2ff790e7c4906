"""Crystal graphs: neighbours, and a whole data set packed into a few tensors."""
