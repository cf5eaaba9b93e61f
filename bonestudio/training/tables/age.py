"""Paper 000, table 1: bones that the four models redraw at their own age, against real ones.

The paper's "age-invariant reconstruction" is G(E(x), l) with l the age that x has: what a model
loses before it ages anything. Its own scores are of Inception-v3 and stand in a column of their own.
"""

import numpy as np
from scipy.ndimage import gaussian_filter

from bonestudio.errors import RequestError
from bonestudio.metrics.extractors import extractor_names, find_extractor
from bonestudio.training.growing import GrowingBone, GrowingFilms, growing_films, open_bones
from bonestudio.training.tables.agers import MANY, Ager, Films, as_unit, trained
from bonestudio.training.tables.likeness import INTERVALS, halves, likeness, likeness_columns
from bonestudio.training.tables.table import Cell, Table
from bonestudio.training.virtual import OrderedPhantoms

BLUR = 1.0  # pixels, of the row that shows what a score is worth
# Of the shipped extractors the one that a blur moves most: 1 px moves its FID of 209 real phalanges by
# 2.3 (two halves: 1.7), that of a reader of bone age, which learned from blurred films, by 0.8.
COMPARED_BY = "bone2d-rsna"


def reconstruction_table(
    *, bone: str, data: str, extractor: str | None, count: int, seed: int
) -> Table:
    """Compare held-out bones with what each model makes of them."""
    source = "phantom" if data == "phantom" else "rsna"
    films = held_out(bone, data, count=count, seed=seed)
    if len(films) < 8:
        raise RequestError(f"There are {len(films)} held-out films; 8 are needed.")
    here = extractor_names()
    chosen = find_extractor(extractor or (COMPARED_BY if COMPARED_BY in here else here[0]))
    if chosen.dims != 2:
        raise RequestError(f"{chosen.name} describes scans; bones need one for films.")
    names = likeness_columns(chosen)
    levels = films.pixels.numpy()
    real = chosen.features(list(as_unit(levels)))
    rows: list[list[Cell]] = []
    for model, checkpoint in trained(bone, source):
        scores: list[Cell] = [None] * (len(names) + 1)
        if checkpoint is not None:
            made = Ager(checkpoint).draw(levels, films.ages.numpy(), films.male.numpy())
            features = chosen.features(list(as_unit(made)))
            scores = [*likeness(real, features, seed), apart(levels, made)]
        rows.append([model.name, len(real), *scores, model.paper.get(bone)])
    smooth = chosen.features([gaussian_filter(film, BLUR) for film in as_unit(levels)])
    first, second = halves(real, seed)
    rows += [
        ["real, two halves", len(first), *likeness(first, second, seed), None, None],
        [f"real, blurred by {BLUR:g} px", len(real), *likeness(real, smooth, seed), None, None],
    ]
    what = "virtual patients" if source == "phantom" else "real films"
    return Table(
        name=f"age-{bone}-{source}",
        title=f"Bones redrawn at their own age: {bone}, {what} (paper 000, table 1)",
        columns=[
            "model",
            "N",
            *names,
            "error, share of the grey range",
            "FID Inception-v3, as printed",
        ],
        rows=rows,
        plotted=[*names[:2], *names[4:], "error, share of the grey range"],
        notes=[
            f"Real: {len(real)} {MANY[bone]} of {what} that no model was trained on; seed {seed}.",
            "Made: G(E(x), l) with l the age (class) of x, the paper's age-invariant reconstruction.",
            f"Extractor {chosen}: scores of another extractor or other weights are not comparable.",
            INTERVALS,
            "Two halves: the floor, at half N. Blurred: what a loss of sharpness alone costs.",
            "Error: root mean square over pixels in [0, 1] (0.06 are 15 of 255 levels), mean of films, with its 95 % interval.",
            "As printed: Inception-v3, the paper's own 317 femora and 7 165 phalanges. – : no weights.",
        ],
    )


def held_out(bone: str, data: str, *, count: int, seed: int) -> GrowingFilms:
    """Films that no model has seen: a folder's test part, or virtual patients from ``seed`` on."""
    if data == "phantom":
        return growing_films(OrderedPhantoms(bone, count, seed=seed, ages=(0.0, 19.0)))
    return growing_films(open_bones(GrowingBone(source=data, bone=bone)).split("test"))  # type: ignore[arg-type]


def apart(films: Films, made: Films) -> Cell:
    """Root mean square difference of each pair, as a share of the grey range: mean and its interval."""
    each = np.sqrt(np.square(as_unit(films) - as_unit(made)).mean((1, 2)))
    mean, reach = float(each.mean()), float(1.96 * each.std(ddof=1) / np.sqrt(len(each)))
    return mean, mean - reach, mean + reach
