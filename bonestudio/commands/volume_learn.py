"""``bonestudio volume learn``: fit what measured attributes do in a generator's latent space."""

from pathlib import Path


def learn(
    *,
    model: str | None = None,
    data: str = "phantom",
    count: int = 400,
    references: int = 400,
    extractor: str = "bone3d-phantom",
    out: Path = Path("checkpoints"),
    json: bool = False,
) -> None:
    """Fit directions of measured attributes, and keep real stacks' features for the realism score.

    Draws ``count`` volumes, measures each, and regresses its attributes on its code (ridge). What is
    learned is a checkpoint of its own, 'NAME-atlas', which the app finds beside the generator.

    Parameters
    ----------
    model
        The generator; the best that is here by default.
    data
        Real stacks for the realism score: 'phantom', or a folder of HR-pQCT scans.
    count
        Volumes to draw and measure (about a second each).
    references
        Real stacks whose features are kept, at most; 0 keeps none.
    extractor
        Network that describes stacks.
    out
        Folder of checkpoints to write to.
    json
        Answer in JSON.
    """
    from rich.console import Console
    from rich.progress import Progress

    from bonestudio.commands.output import print_json, print_table
    from bonestudio.training.volume_atlas import learn_atlas

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("volumes", total=count)
        card = learn_atlas(
            model,
            data=data,
            count=count,
            references=references,
            extractor=extractor,
            out=out,
            told=lambda done: bar.update(task, completed=done),
        )
    rows = [{"name": m.name, "value": m.value, "n": m.n} for m in card.metrics]
    if json:
        print_json({"card": card.id, "metrics": rows})
    else:
        print_table(
            ["metric", "value", "N"], [[r["name"], f"{r['value']:.3f}", r["n"]] for r in rows]
        )
        print(f"Written: {out / card.system / card.name}.json")
