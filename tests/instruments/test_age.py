"""A bone at every age: what goes in, what comes out, what is refused, and the files to take along."""

import json
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from PIL import Image

from bonestudio.errors import BoneStudioError, CheckpointError, RequestError, StorageError
from bonestudio.imaging import Radiograph, read_radiograph
from bonestudio.instruments.age.export import export, read_manifest
from bonestudio.instruments.age.film import prepare
from bonestudio.instruments.age.frames import with_detail
from bonestudio.instruments.age.pictures import difference, film_frames, picture
from bonestudio.instruments.age.progression import AGES, SIMULATED, AgeProgression, Progression

HANDS = Path(__file__).resolve().parents[2] / "../shared/data/rsna-hands"


@pytest.fixture
def ages(age_weights: Path, monkeypatch: pytest.MonkeyPatch) -> AgeProgression:
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(age_weights))
    return AgeProgression()


@pytest.fixture
def phalanx(ages: AgeProgression) -> Radiograph:
    return ages.samples.open_sample("1-phalanx-6").film


def age_it(studio: AgeProgression, film: Radiograph, **options) -> Progression:
    """Age by the weights of the tests, whatever ships."""
    told = {"model": "age/bapgan-phalange-phantom", "detail": False, **options}
    return studio.progress(film, **told)


def test_all_ages_in_one_go(ages: AgeProgression, phalanx: Radiograph) -> None:
    made = age_it(ages, phalanx)
    assert tuple(made.ages) == AGES
    assert (AGES[0], AGES[-1]) == (0, 19)
    assert made.frames.shape == (len(AGES), 128, 128)
    assert made.frames.min() >= 0
    assert made.frames.max() <= 1
    assert np.abs(made.frames[-1] - made.frames[0]).mean() > 0.01
    assert (made.age, made.age_known, made.sex) == (6, True, "F")  # as the sample's card says
    np.testing.assert_allclose(made.reconstruction, made.frames[AGES.index(6)], atol=1e-5)
    np.testing.assert_allclose(made.at(6.0).pixels, made.reconstruction, atol=1e-5)


def test_between_two_frames_lies_their_mixture(ages: AgeProgression, phalanx: Radiograph) -> None:
    made = age_it(ages, phalanx, ages=(0, 10, 19))
    np.testing.assert_allclose(
        made.at(2.5).pixels, 0.75 * made.frames[0] + 0.25 * made.frames[1], atol=1e-6
    )
    np.testing.assert_allclose(made.at(19).pixels, made.frames[2], atol=1e-6)
    np.testing.assert_allclose(made.change(19), made.frames[2] - made.reconstruction, atol=1e-6)


def test_the_batch_is_each_age_by_itself(ages: AgeProgression, phalanx: Radiograph) -> None:
    every = age_it(ages, phalanx)
    few = age_it(ages, phalanx, ages=(4, 12))
    np.testing.assert_allclose(few.frames[1], every.frames[AGES.index(12)], atol=1e-5)


def test_detail_stays_where_age_changes_nothing(ages: AgeProgression, phalanx: Radiograph) -> None:
    made = age_it(ages, phalanx, detail=True)
    np.testing.assert_allclose(made.at(6).pixels, phalanx.pixels, atol=2e-2)  # now: the film
    np.testing.assert_allclose(made.change(6), 0, atol=2e-2)
    film = np.random.default_rng(0).uniform(0.4, 0.6, (64, 64)).astype(np.float32)
    flat = np.full_like(film, 0.5)
    aged = flat.copy()
    aged[40:] += 0.2  # the lower part changes with age, the upper one does not
    (kept,) = with_detail(aged[None], flat, film)
    np.testing.assert_allclose(kept[:24], film[:24], atol=1e-3)
    np.testing.assert_allclose(kept[48:], aged[48:], atol=1e-5)


def test_the_code_goes_along_where_the_card_tells_how(
    ages: AgeProgression,
    phalanx: Radiograph,
    age_weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    still = age_it(ages, phalanx, ages=(2, 6, 18))
    copytree(age_weights, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "age/bapgan-phalange-phantom.json"
    card = json.loads(path.read_text(encoding="utf-8"))
    drift = np.random.default_rng(0).normal(0, 1, (6, 50))
    card["settings"]["drift"] = drift.tolist()
    path.write_text(json.dumps(card), encoding="utf-8")
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(tmp_path))
    along = age_it(ages, phalanx, ages=(2, 6, 18))
    np.testing.assert_allclose(along.frames[1], still.frames[1], atol=1e-5)  # its age now
    apart = np.abs(along.frames - still.frames).mean((1, 2))
    assert min(apart[0], apart[2]) > 1e-4


def test_sex_changes_the_bone(ages: AgeProgression, phalanx: Radiograph) -> None:
    girl, boy = (age_it(ages, phalanx, sex=sex).frames for sex in ("F", "M"))
    assert np.abs(girl - boy).mean() > 1e-3


def test_an_unknown_age_is_read_by_the_model(ages: AgeProgression, phalanx: Radiograph) -> None:
    """The whole year at which the model draws what is nearest to the film."""
    drawn = age_it(ages, phalanx).frames[AGES.index(15)]
    film = Radiograph(pixels=drawn)
    made = age_it(ages, film)
    errors = np.square(made.frames[::2] - film.pixels).mean((1, 2))
    assert not made.age_known
    assert made.age == int(errors.argmin())
    assert age_it(ages, replace(phalanx, age=57)).age_known is False  # no age of a growing bone


def test_identity_is_the_correlation_of_what_the_encoder_reads() -> None:
    import torch

    from bonestudio.instruments.age.frames import _identity

    film = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0))
    drawn = torch.cat([film, 1 - film, 0.5 * film + 3])
    identity = _identity(lambda images: images.flatten(1), film.flatten(1), drawn)
    np.testing.assert_allclose(identity, [1, -1, 1], atol=1e-5)


def test_identity_runs_straight_between_frames(ages: AgeProgression, phalanx: Radiograph) -> None:
    made = age_it(ages, phalanx)
    assert made.identity.shape == made.ages.shape
    assert made.same_bone(3.25) == pytest.approx((made.identity[6] + made.identity[7]) / 2)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"age": 45}, "45 is outside"),
        ({"ages": (0, 25)}, "25 is outside"),
        ({"ages": (5, 4)}, "each above the one before"),
        ({"ages": (float("nan"), 4)}, "each above the one before"),
        ({"sex": "X"}, "Sex is 'F', 'M' or unknown"),
        ({"bone": "femur"}, "choose weights for a femur"),
    ],
)
def test_refused_with_a_sentence(
    ages: AgeProgression, phalanx: Radiograph, options: dict, says: str
) -> None:
    with pytest.raises(RequestError, match=says):
        age_it(ages, phalanx, **options)


def test_weights_that_are_not_there(ages: AgeProgression, phalanx: Radiograph) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint"):
        ages.progress(phalanx, model="age/unknown")
    with pytest.raises(CheckpointError, match="does not age bones"):
        ages.progress(phalanx, model="cohorts/hand-landmarks-rsna")


def test_weights_of_real_films_come_first(ages: AgeProgression) -> None:
    families = [card.family for card in ages.models("phalange")]
    assert families == sorted(families, key=["own", "rsna", "phantom"].index)
    assert set(ages.bones()) == {"phalange", "femur"}


def test_a_whole_hand_is_cropped_to_its_index_finger(ages: AgeProgression) -> None:
    hand, bone = ages.open_sample("3-hand-9")
    prepared = prepare(hand.film, bone)
    assert prepared.how == "index finger found on the whole hand"
    assert prepared.film.shape == (128, 128)
    assert prepared.film.pixels.max() == pytest.approx(1)
    # A finger stands upright in the middle: brighter there than beside it.
    assert prepared.film.pixels[:, 56:72].mean() > 2 * prepared.film.pixels[:, :8].mean()


def test_a_crop_is_taken_as_it_is(phalanx: Radiograph) -> None:
    kept = prepare(phalanx, "phalange", settings={"contrast": "film"})
    np.testing.assert_allclose(kept.film.pixels, phalanx.pixels, atol=1e-3)
    stretched = prepare(phalanx, "phalange").film.pixels
    assert (stretched.min(), stretched.max()) == (0, 1)


def test_a_leaning_bone_is_turned_upright() -> None:
    rows, columns = np.mgrid[:300, :200].astype(np.float32)
    for lean in (25, -30):
        slope = np.tan(np.radians(lean))
        along = columns - 100 + (rows - 150) * slope
        film = Radiograph(pixels=(np.abs(along) < 14).astype(np.float32))
        upright = prepare(film, "femur").film.pixels
        top, bottom = (part.sum(0).argmax() for part in (upright[20:50], upright[80:110]))
        assert abs(int(top) - int(bottom)) <= 4, lean


def test_too_small_or_flat(phalanx: Radiograph) -> None:
    with pytest.raises(BoneStudioError, match="at least 32"):
        prepare(Radiograph(pixels=phalanx.pixels[:20]), "phalange")
    flat = Radiograph(pixels=np.full((128, 128), 0.5, np.float32))
    with pytest.raises(BoneStudioError, match="one grey level"):
        prepare(flat, "femur")


def test_noise_is_flagged_and_a_bone_is_not(ages: AgeProgression, phalanx: Radiograph) -> None:
    noise = np.random.default_rng(0).integers(0, 2, (128, 128)).astype(np.float32)
    assert age_it(ages, phalanx).domain.verdict == "in-domain"
    assert age_it(ages, Radiograph(pixels=noise)).domain.verdict != "in-domain"


def test_difference_is_red_where_brighter_and_blue_where_darker() -> None:
    red, none, blue = difference(np.array([[0.2, 0.0, -0.9]], np.float32))[0].astype(int)
    assert red[0] > red[2] > 0
    assert none.sum() == 0
    assert blue[2] > blue[0]
    assert blue.sum() > red.sum()


def test_the_notice_is_in_the_picture_itself(ages: AgeProgression, phalanx: Radiograph) -> None:
    made = age_it(ages, phalanx)
    amber = [240, 180, 41]
    for shown in (
        np.asarray(picture(made, age=14)),
        np.asarray(picture(made)),
        next(iter(film_frames(made, start=6, end=14))),
    ):
        assert (np.abs(shown.astype(int) - amber).max(-1) < 24).sum() > 100


@pytest.mark.parametrize("kind", ["png", "gif", "mp4"])
def test_exports_hold_the_manifest(
    ages: AgeProgression, phalanx: Radiograph, tmp_path: Path, kind: str
) -> None:
    made = age_it(ages, phalanx)
    told = export(made, tmp_path / f"bone.{kind}", age=9)
    kept = read_manifest(tmp_path / f"bone.{kind}")
    assert kept == told
    assert SIMULATED in kept["notice"]
    assert kept["weights"] == made.model.files
    assert (kept["age_shown"], kept["age_now"], kept["sex"]) == (9, 6, "F")
    assert [path.name for path in tmp_path.iterdir()] == [f"bone.{kind}"]


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # imageio leaves its reader's pipes open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_film_grows_from_now_to_the_age_asked_for(
    ages: AgeProgression, phalanx: Radiograph, tmp_path: Path
) -> None:
    import imageio.v3 as iio

    made = age_it(ages, phalanx)
    export(made, tmp_path / "bone.gif", age=9)
    export(made, tmp_path / "bone.mp4", age=9)
    gif, film = (iio.imread(tmp_path / name) for name in ("bone.gif", "bone.mp4"))
    assert len(gif) >= 12  # equal neighbours are joined in a GIF
    assert len(film) == 24 + 12  # held at both ends, 3 years at 4 a second
    aged = film[:, 12:268, 280:536].astype(float).mean(-1)
    assert np.abs(aged[-1] - aged[0]).mean() > 0.5


def test_where_a_file_cannot_go(ages: AgeProgression, phalanx: Radiograph, tmp_path: Path) -> None:
    made = age_it(ages, phalanx)
    with pytest.raises(RequestError, match=r"\.png, \.gif or \.mp4"):
        export(made, tmp_path / "bone.jpg")
    with pytest.raises(StorageError, match="no folder"):
        export(made, tmp_path / "nowhere" / "bone.png")
    Image.new("L", (4, 4)).save(tmp_path / "other.png")
    with pytest.raises(BoneStudioError, match="no manifest"):
        read_manifest(tmp_path / "other.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.png"]


@pytest.mark.skipif(not HANDS.is_dir(), reason="the real hands are not here")
def test_what_ships_ages_a_real_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BONESTUDIO_CHECKPOINTS", raising=False)
    hands = [read_radiograph(path) for path in sorted(HANDS.rglob("*.png"))[:3]]
    made = [AgeProgression().progress(film, detail=False) for film in hands]
    assert {one.model.id for one in made} == {"age/bapgan-phalange-rsna"}
    assert {one.prepared.how for one in made} == {"index finger found on the whole hand"}
    verdicts = [one.domain.verdict for one in made]
    assert "out" not in verdicts
    assert verdicts.count("in-domain") >= 2
    for one in made:
        if one.domain.verdict == "in-domain":
            film = one.prepared.film.pixels
            assert np.corrcoef(one.reconstruction.ravel(), film.ravel())[0, 1] > 0.9
            assert np.abs(one.at(18).pixels - one.at(2).pixels).mean() > 0.02
