"""``bonestudio age``: a bone of a film, younger or older."""

from pathlib import Path
from typing import Annotated, Literal

import tyro


def age(
    image: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="IMAGE")],
    /,
    *,
    out: Path,
    age: float | None = None,
    sex: Literal["F", "M"] | None = None,
    now: float | None = None,
    bone: Literal["phalange", "femur"] = "phalange",
    model: str | None = None,
    plain: bool = False,
    json: bool = False,
) -> None:
    """Show the bone of a film at another age. The picture is SIMULATED, not a forecast.

    Parameters
    ----------
    image
        A film: a whole hand, or a crop of the phalanx or of the femur's lower end.
    out
        File to write: .png (side by side), .gif or .mp4 (the bone growing).
    age
        Years to show, 0 to 19; all ages when it is left out.
    sex
        Sex of the patient; by default what the file says.
    now
        Age of the patient on the film in years; by default what the file says.
    bone
        Which bone it is.
    model
        Weights such as 'age/bapgan-phalange-rsna'; by default the best that are there.
    plain
        Show what the networks draw, without the film's own detail where age changes nothing.
    json
        Answer in JSON.
    """
    from bonestudio.commands.output import print_fields, print_json
    from bonestudio.imaging import read_radiograph
    from bonestudio.instruments.age.export import check_place, export
    from bonestudio.instruments.age.progression import AGES, SIMULATED, AgeProgression

    check_place(out)
    ages = AGES if age is None else sorted({*AGES, age})
    made = AgeProgression().progress(
        read_radiograph(image), bone, sex=sex, age=now, ages=ages, model=model, detail=not plain
    )
    told = export(made, out, age=age)
    domain = made.domain
    answer = {
        "file": str(out),
        "notice": SIMULATED,
        "domain": domain.verdict,
        "domain_reason": domain.reason,
        "identity": None if age is None else round(made.same_bone(age), 3),
        **{key: told[key] for key in ("film", "age_now", "age_now_is", "sex", "model")},
        "seconds": round(made.seconds, 2),
    }
    if json:
        print_json(answer | {"manifest": told})
    else:
        print_fields(answer)


COMMAND = age
