"""``bonestudio evaluate``: fill a table of a paper for given data and weights."""

from typing import Literal

from bonestudio.commands.evaluate_density import density
from bonestudio.commands.evaluate_fractures import abnormality, augmentation, forearm_ablation
from bonestudio.commands.evaluate_pages import Pages
from bonestudio.commands.evaluate_volumes import volume_editing, volumes


def age(
    *,
    bone: Literal["phalange", "femur"] = "phalange",
    data: str = "phantom",
    extractor: str | None = None,
    count: int = 500,
    patients: int = 100,
    others: int = 300,
    seed: int = 1_000_000,
    tsne: bool = True,
    pages: Pages,
) -> None:
    """How well CAAE, BAPGAN and what lies between age bones (paper 000: table 1, figure 5).

    Three pages: bones redrawn at their own age against real ones; on virtual patients also the aged
    bones against the same patients grown; a t-SNE map of real and drawn bones.

    Parameters
    ----------
    bone
        Middle phalanx, or lower end of the femur.
    data
        'phantom', or a folder of hands of the RSNA Bone Age challenge.
    extractor
        Of the features that are compared; by default the one for these bones.
    count
        Virtual patients that are redrawn; of a folder its test part (20 %) is.
    patients
        Virtual patients who are aged and grown, and among whom each is to be found again.
    others
        Virtual patients from whom it is learned what tells patients apart.
    seed
        Seed of the first virtual patient; models were trained on those below 1 000 000.
    tsne
        Whether to lay out the t-SNE map, too.
    """
    from bonestudio.training.tables.age import reconstruction_table
    from bonestudio.training.tables.age_truth import check_patients, truth_table

    check_patients(patients, others)
    table = reconstruction_table(bone=bone, data=data, extractor=extractor, count=count, seed=seed)
    tables = [table]
    if data == "phantom":
        tables.append(truth_table(bone=bone, count=patients, others=others, seed=seed))
    maps = []
    if tsne:
        from bonestudio.training.tables.age_map import age_map, write_map

        name = f"{table.name}-map"
        maps.append(write_map(age_map(bone=bone, data=data, seed=seed), pages.out, name=name))
    pages.write(*tables, more=maps)


def hands(
    *,
    real: str = "phantom",
    synthetic: str | None = None,
    extractor: str | None = None,
    count: int = 200,
    seed: int = 0,
    pages: Pages,
) -> None:
    """How real synthetic hands are (paper 001): FID, KID, precision, recall, density, coverage.

    Parameters
    ----------
    real
        Folder of real films, or 'phantom'.
    synthetic
        Folder of synthetic images, a generator's checkpoint ('fracture/dcgan-hands-quick'),
        'phantom', or 'phantom-clean' (virtual films without grain, the default).
    extractor
        'bone2d-rsna', 'bone2d-phantom' or 'inception-v3'; by default the one for the real films.
    count
        Images of each side, at most.
    seed
        Which images are drawn, and the seed of generators and phantoms.
    """
    from bonestudio.training.tables.hands import hands_table

    table = hands_table(real=real, synthetic=synthetic, extractor=extractor, count=count, seed=seed)
    pages.write(table)


def extractors(
    *,
    data: str = "phantom",
    count: int = 40,
    seed: int = 1_000_000,
    pages: Pages,
) -> None:
    """How well the shipped extractors read bones that they have not seen.

    Parameters
    ----------
    data
        'phantom', or a folder of hands with ages; of a folder the test part of the split is read.
    count
        Virtual patients of each kind.
    seed
        Seed of the first virtual patient; extractors were trained on those below 100 000.
    """
    from bonestudio.training.tables.extractors import extractors_table

    pages.write(extractors_table(data=data, count=count, seed=seed))


def segmentation(
    *,
    kinds: tuple[str, ...] = ("hand", "wrist", "forearm"),
    count: int = 20,
    seed: int = 3_000_000,
    pages: Pages,
) -> None:
    """How well each way finds bones (paper 002): Dice, IoU, Hausdorff, angles of the fingers.

    Parameters
    ----------
    kinds
        Of 'hand', 'wrist' and 'forearm'.
    count
        Virtual patients of each kind.
    seed
        Seed of the first one; nothing was trained on patients from 3 000 000 on.
    """
    from bonestudio.training.tables.segmentation import segmentation_table

    pages.write(segmentation_table(kinds=kinds, count=count, seed=seed))


COMMAND = {
    "age": age,
    "hands": hands,
    "extractors": extractors,
    "segmentation": segmentation,
    "density": density,
    "abnormality": abnormality,
    "augmentation": augmentation,
    "forearm-ablation": forearm_ablation,
    "volumes": volumes,
    "volume-editing": volume_editing,
}
