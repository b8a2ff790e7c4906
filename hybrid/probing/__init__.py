"""What other models know of a crystal: their vectors or networks, put to the question of Figure 2."""
