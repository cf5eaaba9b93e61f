import numpy as np
import pytest
from PIL import Image

from bonestudio.cohorts import HrPqct, ImageFolder, Mura, RsnaBoneAge, XrayBmdPairs, stack
from bonestudio.errors import ImageError, RequestError


@pytest.fixture
def rsna(tmp_path, film):
    rows = ["id,boneage,male"]
    for i in range(20):
        film(tmp_path / "images" / f"{1000 + i}.png", seed=i)
        rows.append(f"{1000 + i},{12 * i},{i % 2 == 0}")
    rows.append("9999,100,True")  # a row without an image is left out
    film(tmp_path / "images" / "stray.png")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    return tmp_path


def test_rsna_rows_and_images_are_joined(rsna):
    hands = RsnaBoneAge(rsna)
    assert len(hands) == 20
    sample = hands[3]
    assert (sample.name, sample.patient, sample.source) == ("1003", "1003", "rsna")
    assert (sample.age, sample.sex) == (3.0, "F")
    stored = np.asarray(Image.open(rsna / "images" / "1003.png"))
    np.testing.assert_allclose(sample.image, stored / 255, atol=1e-6)
    assert [len(hands.split(p)) for p in ("train", "validation", "test")] == [14, 2, 4]


def test_rsna_split_stays_when_the_table_is_shuffled(rsna):
    before = {e.name for e in RsnaBoneAge(rsna).split("test").entries}
    header, *rows = (rsna / "labels.csv").read_text().splitlines()
    (rsna / "labels.csv").write_text("\n".join([header, *reversed(rows)]))
    assert {e.name for e in RsnaBoneAge(rsna).split("test").entries} == before


def test_rsna_full_download_has_other_columns(tmp_path, film):
    film(tmp_path / "boneage-training-dataset" / "1377.png")
    film(tmp_path / "boneage-validation-dataset-1" / "1386.png")
    film(tmp_path / "test" / "4360.png")
    (tmp_path / "boneage-training-dataset.csv").write_text("id,boneage,male\n1377,180,False\n")
    (tmp_path / "Validation Dataset.csv").write_text(
        "Image ID,male,Bone Age (months)\n1386,TRUE,30.0\n"
    )
    (tmp_path / "test.csv").write_text("Case ID,Sex,Ground truth bone age (months)\n4360,M,168.9\n")
    (tmp_path / "notes.csv").write_text("who,when\nme,now\n")
    entries = RsnaBoneAge(tmp_path).entries
    assert [(e.name, e.sex) for e in entries] == [("1377", "F"), ("1386", "M"), ("4360", "M")]
    assert [e.age for e in entries] == pytest.approx([15, 2.5, 14.075])


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("id,boneage\n1,2\n", "no CSV with the columns id, boneage and male"),
        (
            "id,boneage,male\n1000,old,True\n",
            "Row 2 of 'labels.csv' has no number under boneage but 'old'",
        ),
        ("id,boneage,male\n1000,900,True\n", "bone age of 900"),
        ("id,boneage,male\n1000,100,maybe\n", "male is 'maybe'"),
        ("id,boneage,male\n1000,100\n", "Row 2 of 'labels.csv' has 2 cells; it needs 3"),
        ("id,boneage,male\n77,100,True\n", "no image named by an id"),
    ],
)
def test_rsna_says_what_is_wrong(rsna, table, sentence):
    (rsna / "labels.csv").write_text(table)
    with pytest.raises(ImageError, match=sentence.replace("(", r"\(")):
        RsnaBoneAge(rsna)


@pytest.mark.parametrize("cohort", [RsnaBoneAge, Mura, HrPqct, XrayBmdPairs, ImageFolder])
def test_a_missing_and_an_empty_folder_get_one_sentence(cohort, tmp_path):
    with pytest.raises(ImageError, match="The folder 'nowhere' is not there"):
        cohort(tmp_path / "nowhere")
    with pytest.raises(ImageError, match=r"^[^\n]+\.$"):
        cohort(tmp_path)


@pytest.fixture
def mura(tmp_path, film):
    root = tmp_path / "MURA-v1.1"
    for i in range(40):
        study = "study1_positive" if i % 4 == 0 else "study1_negative"
        for view in range(1 + i % 3):
            film(root / f"train/XR_HAND/patient{i:05d}/{study}/image{view + 1}.png")
    film(root / "valid/XR_HAND/patient11185/study1_negative/image1.png")
    film(root / "valid/XR_HAND/patient11185/study2_positive/image1.png")
    (root / "train/XR_HAND/patient00000/study1_positive/._image1.png").write_bytes(b"shadow")
    return tmp_path


def test_mura_is_split_by_patient_and_class(mura):
    hands = Mura(mura)
    parts = hands.parts()
    assert len(parts["test"]) == 2
    assert all(hands.entries[i].name.startswith("valid/") for i in parts["test"])
    for abnormal in (0.0, 1.0):
        train, held = (
            sum(hands.entries[i].labels["abnormal"] == abnormal for i in parts[p])
            for p in ("train", "validation")
        )
        assert held == train + held - int(0.9 * (train + held) + 0.5)
        assert held > 0
    people = [{hands.entries[i].patient for i in part} for part in parts.values()]
    assert not people[0] & people[1]
    assert hands[parts["test"][1]].labels == {"abnormal": 1.0}
    assert hands.studies["valid/XR_HAND/patient11185/study2_positive"] == [parts["test"][1]]
    assert Mura(mura / "MURA-v1.1").entries == hands.entries


def test_mura_says_what_is_wrong(mura):
    with pytest.raises(RequestError, match="XR_WRIST, not 'XR_KNEE'"):
        Mura(mura, region="XR_KNEE")
    with pytest.raises(ImageError, match="no MURA images of XR_WRIST"):
        Mura(mura, region="XR_WRIST")


def test_scans_of_grades_4_and_5_are_left_out(tmp_path):
    rows = ["file,patient,age,sex,grade"]
    for i in range(12):
        voxels = np.random.default_rng(i).random((4, 5, 6)).astype(np.float32)
        np.save(tmp_path / f"scan{i}.npy", voxels)
        rows.append(f"scan{i}.npy,{i // 2},{60 + i},F,{1 + i % 5}")
    (tmp_path / "scans.csv").write_text("\n".join(rows))
    scans = HrPqct(tmp_path)
    assert {entry.labels["grade"] for entry in scans.entries} == {1, 2, 3}
    sample = scans[0]
    assert sample.image.shape == (4, 5, 6)
    assert (sample.patient, sample.age, sample.sex) == ("0", 60.0, "F")
    parts = scans.parts()
    assert len(parts["validation"]) == 1
    assert parts["test"] == []
    (tmp_path / "scans.csv").unlink()
    assert len(HrPqct(tmp_path)) == 12
    assert HrPqct(tmp_path)[2].patient == "scan10"  # in the order of names
    (tmp_path / "scans.csv").write_text("file\nlost.npy\n")
    with pytest.raises(ImageError, match=r"'lost\.npy' of scans.csv is not in the folder"):
        HrPqct(tmp_path)


@pytest.fixture
def pairs(tmp_path, film):
    rows = ["file,patient,age,sex,height_cm,weight_kg,pose,side"]
    for i in range(12):
        film(tmp_path / "xray" / f"{i}.png")
        for place in ("bmd", "bmd_whole"):
            (tmp_path / place).mkdir(exist_ok=True)
            np.save(tmp_path / place / f"{i}.npy", np.full((20, 16), 0.1 * i, np.float32))
        pose = ("standing", "supine", "resting")[i % 3]
        rows.append(f"{i}.png,{i // 3},70,{'FM'[i % 2]},{160 + i},,{pose},L")
    (tmp_path / "pairs.csv").write_text("\n".join(rows))
    return tmp_path


def test_pairs_have_maps_people_and_folds(pairs):
    hips = XrayBmdPairs(pairs, maps="both")
    sample = hips[4]
    assert sample.labels == {"height_cm": 164.0, "pose": 2.0}  # an empty weight is unknown
    assert hips.poses == ("resting", "standing", "supine")
    assert set(sample.maps) == {"proximal_femur_bmd_g_cm2", "bone_bmd_g_cm2"}
    np.testing.assert_allclose(sample.maps["proximal_femur_bmd_g_cm2"], 0.4)
    train, held_out = hips.fold(1)
    assert len(train) == 9
    assert len({entry.patient for entry in held_out.entries}) == 1
    whole = XrayBmdPairs(pairs, maps="whole").fold(1)[1]
    assert [e.name for e in whole.entries] == [e.name for e in held_out.entries]
    with pytest.raises(RequestError, match="numbered 0 to 3, not 4"):
        hips.fold(4)


def test_pairs_say_what_is_wrong(pairs):
    np.save(pairs / "bmd" / "0.npy", np.zeros((3, 3), np.float32))
    np.save(pairs / "bmd" / "1.npy", np.full((20, 16), -1, np.float32))
    (pairs / "bmd" / "2.npy").write_bytes(b"\x93NUMPY broken")
    hips = XrayBmdPairs(pairs)
    for i, sentence in enumerate(("radiograph's size, 16 × 20", "no density", "not a NumPy array")):
        with pytest.raises(ImageError, match=sentence):
            hips[i]
    (pairs / "bmd" / "5.npy").unlink()
    with pytest.raises(
        ImageError, match=r"'bmd/5\.npy' is not there, though pairs\.csv names '5\.png'"
    ):
        XrayBmdPairs(pairs)


def test_image_folder_takes_classes_from_folders_and_masks_beside(tmp_path, film):
    film(tmp_path / "femur" / "a.png")
    film(tmp_path / "hand" / "b.png")
    mask = np.zeros((20, 16), np.uint8)
    mask[:5], mask[8:] = 1, 4
    (tmp_path / "masks" / "hand").mkdir(parents=True)
    Image.fromarray(mask).save(tmp_path / "masks" / "hand" / "b.png")
    folder = ImageFolder(tmp_path, mask_names={1: "radius"})
    assert folder.classes == ("femur", "hand")
    assert not folder.patients_known
    assert [sample.labels for sample in folder] == [{"class": 0.0}, {"class": 1.0}]
    assert folder[0].masks == {}
    masks = folder[1].masks
    assert set(masks) == {"radius", "bone 4"}
    assert masks["radius"].sum() == 5 * 16
    assert masks["bone 4"].dtype == bool
    Image.fromarray(mask[:4]).save(tmp_path / "masks" / "hand" / "b.png")
    with pytest.raises(ImageError, match="16 × 4 pixels, its image 16 × 20"):
        folder[1]


def test_image_folder_with_a_table(tmp_path, film):
    film(tmp_path / "a.png")
    film(tmp_path / "b.png")
    (tmp_path / "labels.csv").write_text("file,patient,age,sex,angle\nb.png,p1,7.5,male,12\n")
    folder = ImageFolder(tmp_path)
    assert folder.patients_known
    assert len(folder) == 1
    sample = folder[0]
    assert (sample.name, sample.patient, sample.age, sample.sex) == ("b", "p1", 7.5, "M")
    assert sample.labels == {"angle": 12.0}
    for table, sentence in (
        ("name\na.png\n", "no column 'file'"),
        ("file\na.png\na.png\n", "Row 3 of 'labels.csv' names a file twice"),
        ("file,sex\na.png,x\n", "has the sex 'x'"),
        ("file\nc.png\n", "'c.png' of labels.csv is not in the folder"),
        ("file\n", "has no rows"),
    ):
        (tmp_path / "labels.csv").write_text(table)
        with pytest.raises(ImageError, match=sentence):
            ImageFolder(tmp_path)


def test_samples_stack_to_arrays(rsna):
    hands = RsnaBoneAge(rsna)
    arrays = stack([hands[i] for i in range(4)])
    assert arrays["images"].shape == (4, 20, 16)
    assert arrays["ages"].tolist() == [0, 1, 2, 3]
    assert arrays["male"].tolist() == [1, 0, 1, 0]
    with pytest.raises(IndexError):
        hands[20]
    with pytest.raises(RequestError, match="'train', 'validation' or 'test', not 'dev'"):
        hands.split("dev")


def test_the_real_hands_are_read(real_hands):
    hands = RsnaBoneAge(real_hands)
    assert len(hands) == 1050
    assert [len(hands.split(p)) for p in ("train", "validation", "test")] == [735, 105, 210]
    assert 0 < min(e.age for e in hands.entries) < max(e.age for e in hands.entries) <= 19
    height, width = hands[0].image.shape
    assert height > 300
    assert width > 200
