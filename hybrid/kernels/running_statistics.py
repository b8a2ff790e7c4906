"""Updates the running statistics of a batch normalisation that torch did not compute itself."""

from torch import Tensor
from torch.nn import BatchNorm1d


def update_running_statistics(norm: BatchNorm1d, mean: Tensor, unbiased_variance: Tensor) -> None:
    """Updates them as torch does in training, from the batch's statistics (n_features,)."""
    assert norm.num_batches_tracked is not None
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.momentum is not None
    norm.num_batches_tracked.add_(1)
    norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), norm.momentum)
    norm.running_var.lerp_(unbiased_variance.to(norm.running_var.dtype), norm.momentum)
