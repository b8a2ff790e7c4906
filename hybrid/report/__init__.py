"""Records of results, and the tables and figures that are drawn from them."""
