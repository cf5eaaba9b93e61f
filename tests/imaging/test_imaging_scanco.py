"""AIM and ISQ: the scanner's own equations, files of aimio, names dropped, headers not trusted."""

import struct

import numpy as np
import py_aimio
import pytest
from samples_of_bone import bone_volume

from bonestudio.errors import ImageError
from bonestudio.imaging import describe, read_volume, write_volume

LOG = """!
! Processing Log
!
Original file                 dk0:[microct.data]SECRET.isq;1
Patient Name                  M\xfcller, SECRET
Index Patient                                    2195
Mu_Scaling                                       8192
HU: mu water                                  0.24090
Density: slope                         1.60351904e+03
Density: intercept                    -3.91209015e+02
"""


def stored_voxels():
    return np.arange(8 * 10 * 12, dtype=np.int16).reshape(8, 10, 12) * 9


ASCII_LOG = LOG.replace("\xfc", "ue")


def aim(path, voxels, log=ASCII_LOG):
    meta = {"element_size": (0.083, 0.082, 0.0607), "processing_log": log}
    py_aimio.write_aim(str(path), np.ascontiguousarray(voxels), meta)
    return path


def test_aim_of_aimio_in_density(tmp_path):
    path = aim(tmp_path / "a.aim", stored_voxels())
    volume = read_volume(path)
    wanted = stored_voxels() / 8192 * 1603.51904 - 391.209015
    assert np.allclose(volume.voxels, wanted, atol=1e-3)
    assert np.allclose(volume.voxels, py_aimio.read_aim(str(path), density=True)[0], atol=1e-3)
    assert volume.unit == "mg HA/cm³"
    assert volume.spacing == pytest.approx((0.0607, 0.082, 0.083), rel=1e-5)
    told = describe(path)
    assert told.dropped == ("file names", "patient name", "patient number")
    assert "SECRET" not in repr(volume) + str(told)


def test_a_name_in_latin_1_is_no_obstacle(tmp_path):
    path = aim(tmp_path / "a.aim", stored_voxels())
    content = path.read_bytes().replace(b"Mueller", b"M\xfcller ")
    path.write_bytes(content)
    with pytest.raises(UnicodeDecodeError):
        py_aimio.read_aim(str(path))
    assert read_volume(path).unit == "mg HA/cm³"


def test_masks_and_floats_keep_their_numbers(tmp_path):
    mask = (stored_voxels() > 3000).astype(np.int8) * 127
    labels = (stored_voxels() // 2000).astype(np.int8)
    floats = stored_voxels().astype(np.float32) / 7
    for voxels in (mask, labels, floats):
        volume = read_volume(aim(tmp_path / "a.aim", voxels))
        assert np.array_equal(volume.voxels, voxels)
        assert volume.unit == "unknown"


def test_without_a_density_equation_hu_and_without_any_as_stored(tmp_path):
    hu = "\n".join(
        line for line in LOG.splitlines() if "Density" not in line and "Name" not in line
    )
    volume = read_volume(aim(tmp_path / "a.aim", stored_voxels(), hu))
    assert volume.unit == "HU"
    assert np.allclose(volume.voxels, stored_voxels() * 1000.0 / 8192 / 0.2409 - 1000, atol=1e-2)
    volume = read_volume(aim(tmp_path / "b.aim", stored_voxels(), "!\n"))
    assert volume.unit == "unknown"
    assert np.array_equal(volume.voxels, stored_voxels())


def test_aimio_reads_what_we_write(tmp_path):
    volume = bone_volume()
    path = write_volume(volume, tmp_path / "a.aim")
    read, meta = py_aimio.read_aim(str(path), density=True)
    assert np.allclose(read, volume.voxels, atol=0.02)
    assert meta["spacing"] == pytest.approx((0.083, 0.082, 0.0607), rel=1e-5)
    hu = write_volume(bone_volume("HU"), tmp_path / "b.aim")
    assert np.allclose(py_aimio.read_aim(str(hu), hu=True)[0], volume.voxels, atol=0.05)


def isq(path, voxels, *, calibrated, multi=False, name=b"SECRET"):
    """An ISQ as scanners write it, laid out by hand from ITK's reader."""
    blocks = (4 if not multi else 5) if calibrated else 0
    head = bytearray(512 * (1 + blocks))
    head[:16] = b"CTDATA-HEADER_V1"
    nz, ny, nx = voxels.shape
    values = {16: 3, 20: len(head) + voxels.nbytes, 28: 77, 88: 4096, 508: blocks}
    values |= {44: nx, 48: ny, 52: nz, 56: nx * 100, 60: ny * 200, 64: nz * 500}
    for at, value in values.items():
        struct.pack_into("<i", head, at, value)
    head[128 : 128 + len(name)] = name
    if calibrated:
        at = 512
        if multi:
            head[520:536] = b"MultiHeader     "
            at = 1024
        # Another entry of one block stands before the calibration.
        head[at + 8 : at + 24] = b"Something       "
        struct.pack_into("<i", head, at + 24, 1)
        head[at + 136 : at + 152] = b"Calibration     "
        struct.pack_into("<i", head, at + 152, 2)
        block = at + 1024
        head = head + bytes(max(0, block + 1024 - len(head)))
        struct.pack_into("<i", head, 508, len(head) // 512 - 1)
        head[block + 648 : block + 664] = b"mg HA/ccm".ljust(16, b"\0")
        for offset, number in ((664, 1603.5), (672, -391.2), (688, 0.2409)):
            bits = struct.pack(">d", number * 4)
            words = b"".join(bits[n : n + 2][::-1] for n in range(0, 8, 2))
            assert py_aimio.decode_scanco_double(words) == number
            head[block + offset : block + offset + 8] = words
    path.write_bytes(bytes(head) + voxels.astype("<i2").tobytes())
    return path


@pytest.mark.parametrize("multi", [False, True])
def test_isq_in_density(tmp_path, multi):
    path = isq(tmp_path / "a.isq", stored_voxels(), calibrated=True, multi=multi)
    volume = read_volume(path)
    assert np.allclose(volume.voxels, stored_voxels() / 4096 * 1603.5 - 391.2, atol=1e-2)
    assert volume.unit == "mg HA/cm³"
    assert volume.spacing == (0.5, 0.2, 0.1)
    assert "patient name" in describe(path).dropped
    assert "SECRET" not in str(describe(path))


def test_isq_without_calibration_is_as_stored_and_as_aimio_has_it(tmp_path):
    path = isq(tmp_path / "a.isq", stored_voxels(), calibrated=False)
    volume = read_volume(path)
    assert np.array_equal(volume.voxels, py_aimio.read_isq(str(path))[0])
    assert volume.unit == "unknown"


def test_aimio_reads_our_isq(tmp_path):
    path = write_volume(bone_volume(), tmp_path / "a.isq")
    stored, meta = py_aimio.read_isq(str(path))
    density = stored / meta["mu_scaling"] * meta["rescale_slope"] + meta["rescale_intercept"]
    assert np.allclose(density, bone_volume().voxels, atol=0.02)


@pytest.mark.parametrize("cut", [20, 100, 400, 900])
def test_truncated_files_say_so(tmp_path, cut):
    for path in (
        aim(tmp_path / "a.aim", stored_voxels()),
        isq(tmp_path / "a.isq", stored_voxels(), calibrated=False),
    ):
        path.write_bytes(path.read_bytes()[:cut])
        with pytest.raises(ImageError):
            read_volume(path)


def test_an_aim_that_promises_more_than_it_holds(tmp_path):
    path = aim(tmp_path / "a.aim", stored_voxels())
    content = bytearray(path.read_bytes())
    at = content.find(struct.pack("<3q", 12, 10, 8))
    struct.pack_into("<3q", content, at, 12, 10, 8000)
    path.write_bytes(content)
    with pytest.raises(ImageError, match="promises"):
        read_volume(path)


def test_a_scout_view_is_named(tmp_path):
    path = isq(tmp_path / "a.isq", stored_voxels(), calibrated=False)
    content = bytearray(path.read_bytes())
    struct.pack_into("<i", content, 16, 9)
    path.write_bytes(content)
    with pytest.raises(ImageError, match="scout"):
        read_volume(path)
