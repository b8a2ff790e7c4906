"""Networks of networks.yaml with some groups of descriptors left out, or with these alone."""

from reproduction.models.descriptor_groups import GROUPS, members, without
from reproduction.workflow.spec import Ablation, Network, Part


def ablated(name: str, network: Network, part: Part) -> list[tuple[str, Network]]:
    """A network of a part, or in its place those that the part's `leave_out` and `only` make of it, by name.

    Args:
        name: of the network.
        network: takes descriptors, if the part restricts them.
        part: of a spec.

    Raises:
        InputError: a group of descriptors is unknown.
    """
    if not (part.leave_out or part.only):
        return [(name, network)]
    kinds = (("without", part.leave_out, without), ("only", part.only, members))
    return [
        (f"{name}-{word}-{_slug(groups)}", _restricted(network, f"{word} {_words(groups)}", choose(groups)))
        for word, ablation, choose in kinds
        for groups in _each(ablation)
    ]


def _each(ablation: Ablation) -> tuple[tuple[str, ...], ...]:
    return tuple((group,) for group in GROUPS) if ablation == "groups" else ablation


def _restricted(network: Network, label: str, descriptors: tuple[str, ...]) -> Network:
    model = network.model.model_copy(update={"descriptors": descriptors})
    return network.model_copy(update={"label": f"{network.label}, {label}", "model": model})


def _slug(groups: tuple[str, ...]) -> str:
    return "-".join(groups).replace(" ", "-")


def _words(groups: tuple[str, ...]) -> str:
    return ", ".join(groups)
