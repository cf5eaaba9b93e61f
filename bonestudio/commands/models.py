"""``bonestudio models``: which weights are there, and what their cards say."""

from typing import Annotated

import tyro


def models(
    name: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="[NAME]")] = None,
    /,
    *,
    json: bool = False,
) -> None:
    """List the checkpoints, or show one card whole.

    Parameters
    ----------
    name
        A checkpoint such as 'age/bapgan-phalange-rsna'; all of them when it is left out.
    json
        Answer in JSON.
    """
    from bonestudio.checkpoints import cards, find_card
    from bonestudio.commands.output import print_fields, print_json, print_table

    if name is not None:
        card = find_card(name)[0].model_dump(mode="json")
        print_json(card) if json else print_fields(card)
        return
    found = cards()
    if json:
        print_json([card.model_dump(mode="json") for card in found])
    elif not found:
        print("There are no checkpoints yet; 'bonestudio train RECIPE' makes them.")
    else:
        print_table(
            ("checkpoint", "trained on", "steps", "licence", "summary"),
            [(c.id, c.family, c.steps, c.licence, c.summary) for c in found],
        )


COMMAND = models
