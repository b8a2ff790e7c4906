"""`hybrid models`: lists the models that come with the package, or shows the card of one."""

import argparse

from hybrid.errors import InputError


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("name", nargs="?", help="show the card of this model")


def run(options: argparse.Namespace) -> None:
    """Prints a line for each model, or a card."""
    from hybrid.trained.released import card_text, read_card, released_names

    if options.name:
        print(card_text(options.name))
        return
    if not released_names():
        raise InputError("this installation has no released models")
    rows = [("name", "predicts", "network", "MAE/MAD", "trained on")]
    for name in released_names():
        card = read_card(name)
        target = " in ".join(filter(None, (card["target"], card["unit"])))
        error, n = f"{card['test']['mae_over_mad']:.3f}", f"{card['training']['n_training']:,} crystals"
        rows.append((name, target, card["network"], error, n))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
