"""Small good image files of every format, for ``fuzz_readers.py`` to damage."""

import gzip
import tempfile
import zlib
from collections import defaultdict
from io import BytesIO
from pathlib import Path

import numpy as np

# pydicom's own small files: every compression, palettes, several frames, no header.
_PYDICOM = [
    "CT_small.dcm",
    "MR_small_RLE.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "ExplVR_LitEndNoMeta.dcm",
    "JPGExtended.dcm",
    "JPEG-lossy.dcm",
    "JPEG2000.dcm",
    "JPEGLSNearLossless_16.dcm",
    "693_J2KI.dcm",
    "SC_rgb_rle_2frame.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "SC_rgb_small_odd.dcm",
    "SC_rgb_dcmtk_+eb+cy+s2.dcm",
    "examples_palette.dcm",
    "rtdose_rle_1frame.dcm",
    "liver_1frame.dcm",
    "test-SR.dcm",
]


def good_files():
    """Small good files by format, most of them written by the libraries that others use."""
    import nibabel as nib
    import py_aimio
    import pydicom.data
    import tifffile
    from PIL import Image

    from bonestudio.imaging import Radiograph, Volume, write_radiograph, write_volume

    rng = np.random.default_rng(7)
    smooth = np.add.outer(np.linspace(0, 1, 40), np.linspace(0, 1, 36)) / 2
    grey = np.clip(smooth + rng.normal(0, 0.02, smooth.shape), 0, 1).astype(np.float32)
    solid = (np.stack([grey] * 6) * 1000 + rng.normal(0, 5, (6, 40, 36))).astype(np.float32)
    film = Radiograph(pixels=grey, spacing=(0.1, 0.1), view="PA", age=9.0, sex="F")
    files = defaultdict(list)

    def picture(kind, image, **options):
        out = BytesIO()
        image.save(out, kind, **options)
        files[kind].append(out.getvalue())

    bytes_ = (grey * 255).astype(np.uint8)
    words = (grey * 65535).astype(np.uint16)
    colour = np.stack([bytes_, bytes_ // 2, 255 - bytes_], axis=2)
    picture("PNG", Image.fromarray(bytes_))
    picture("PNG", Image.fromarray(words), dpi=(300, 300))
    picture("PNG", Image.fromarray(colour).quantize(16), transparency=3)
    picture("PNG", Image.fromarray(colour).convert("RGBA"))
    picture("JPEG", Image.fromarray(bytes_))
    picture("JPEG", Image.fromarray(colour), progressive=True)
    picture("JPEG", Image.fromarray(colour).convert("CMYK"))
    picture("TIFF", Image.fromarray(colour), compression="tiff_lzw")
    picture("TIFF", Image.fromarray(bytes_), compression="jpeg")
    picture("TIFF", Image.fromarray(bytes_), compression="packbits")
    for values, options in (
        (bytes_, {"compression": "zlib", "predictor": True}),
        (words, {"byteorder": ">"}),
        (grey, {"rowsperstrip": 7}),
        (words, {"tile": (16, 16), "bigtiff": True}),
        (solid, {"metadata": {"axes": "ZYX"}, "photometric": "minisblack"}),
        (solid.astype(np.uint16), {"imagej": True}),
    ):
        out = BytesIO()
        tifffile.imwrite(out, values, **options)
        files["TIFF"].append(out.getvalue())
    files["DICOM"] = [Path(pydicom.data.get_testdata_file(n)).read_bytes() for n in _PYDICOM]
    image = nib.Nifti1Image(solid.T.astype(np.int16), np.diag([-0.1, -0.1, 0.2, 1]))
    files["NIfTI"] += [image.to_bytes(), gzip.compress(image.to_bytes(), mtime=0)]
    files["NIfTI"].append(nib.Nifti2Image(solid.T, np.eye(4)).to_bytes())
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for unit in ("mg HA/cm³", "HU", "unknown"):
            volume = Volume(voxels=solid, spacing=(0.2, 0.1, 0.1), unit=unit, age=60.0)
            for kind, ending in (("NIfTI", "nii.gz"), ("NRRD", "nrrd"), ("MHA", "mha"), ("NPY", "npy"), ("AIM", "aim"), ("ISQ", "isq"), ("DICOM", "dcm"), ("TIFF", "tif")):  # fmt: skip
                if (unit, kind) != ("unknown", "ISQ"):
                    files[kind].append(write_volume(volume, place / f"a.{ending}").read_bytes())
        for kind, ending in (("PNG", "png"), ("JPEG", "jpg"), ("TIFF", "tif"), ("DICOM", "dcm"), ("NPY", "npy")):  # fmt: skip
            files[kind].append(write_radiograph(film, place / f"b.{ending}").read_bytes())
        for stored in ((solid > 500).astype(np.int8), (solid / 400).astype(np.int8), solid):
            log = "Mu_Scaling   8192\nDensity: slope   1603.5\nDensity: intercept   -391.2\n"
            meta = {"element_size": (0.06, 0.06, 0.06), "processing_log": log}
            py_aimio.write_aim(str(place / "c.aim"), np.ascontiguousarray(stored), meta)
            files["AIM"].append((place / "c.aim").read_bytes())
    files["NRRD"] += [_nrrd(solid, "raw"), _nrrd(solid, "gzip"), _nrrd(solid, "ascii")]
    files["MHA"] += [_mha(solid, packed=False), _mha(solid, packed=True)]
    files["NPY"] += [_npy(words), _npy(solid.astype(np.int16)), _npy(colour)]
    return dict(files)


def _nrrd(values, encoding):
    head = (
        f"NRRD0004\n# by hand\ntype: short\ndimension: 3\nsizes: 36 40 6\nendian: little\n"
        f"spacings: 0.1 0.1 0.2\nencoding: {encoding}\n\n"
    ).encode()
    data = values.astype("<i2")
    if encoding == "ascii":
        return head + " ".join(str(v) for v in data.ravel()).encode()
    return head + (gzip.compress(data.tobytes(), mtime=0) if encoding == "gzip" else data.tobytes())


def _mha(values, *, packed):
    data = values.astype("<i2").tobytes()
    data = zlib.compress(data) if packed else data
    head = (
        f"ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
        f"CompressedData = {packed}\nTransformMatrix = 1 0 0 0 0 -1 0 1 0\nOffset = 0 0 0\n"
        f"ElementSpacing = 0.1 0.1 0.2\nDimSize = 36 40 6\nElementType = MET_SHORT\n"
        f"ElementDataFile = LOCAL\n"
    ).encode()
    return head + data


def _npy(values):
    out = BytesIO()
    np.save(out, values)
    return out.getvalue()
