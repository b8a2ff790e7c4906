"""Other sum poolings, for the audit; that of eq. 13 is `sum` of `hybrid.readout`.

Here targets are shifted by the mean of the training set, as in the original codes: the sum has to produce
a constant that does not grow with the cell.
"""

from hybrid.readout import Pooling, crystal_sum, register_pooling

POOLINGS = (
    Pooling("sum-of-shifted", atoms=None, outputs=crystal_sum, extensive=True),  # sum_i FCN(a_i)
    Pooling("atom-sum", atoms=crystal_sum, outputs=None, extensive=True),  # FCN(sum_i a_i)
)
for pooling in POOLINGS:
    register_pooling(pooling)
