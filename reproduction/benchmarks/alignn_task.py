"""What the measurements of ALIGNN, ours and upstream's, share."""

N_GRAPHS = 300  # crystals whose graphs are built
BATCH = 16  # crystals in a training step
N_STEPS = 3
SMALL = 128  # hidden features of the smaller network


def evenly(n: int, count: int) -> list[int]:
    """`count` of `n` positions, evenly spaced."""
    return list(range(0, n, n // count))[:count]
