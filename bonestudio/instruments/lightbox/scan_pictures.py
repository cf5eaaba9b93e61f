"""Pictures of a scan drawn on this machine: stills, three slices and a surface, turntables, STL.

PyVista (VTK) draws without a screen through EGL (Mesa). A missing OpenGL can end the process, so a
subprocess tries once; where it fails, a brightest-point projection takes the surface's place.
"""

import functools
import os
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import closing
from errno import ENOSPC
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import RequestError
from bonestudio.imaging.files import write_whole
from bonestudio.imaging.types import Volume
from bonestudio.instruments.lightbox import scan_boards
from bonestudio.instruments.lightbox.glb import glb_of
from bonestudio.instruments.lightbox.scan_views import Window, shrink, surface_level, windows
from bonestudio.instruments.moving import write_mp4

Picture = NDArray[np.uint8]
Tint = Literal["density", "bone"]  # coloured by mg HA/cm³, or plain ivory
_IVORY = "#e8dcc4"
_PROBE = (
    "import pyvista\n"
    "plotter = pyvista.Plotter(off_screen=True, window_size=(32, 32))\n"
    "plotter.add_mesh(pyvista.Sphere())\n"
    "assert plotter.screenshot(None, return_img=True).std() > 0\n"
    "print('drawn')\n"
)
_one_at_a_time = threading.Lock()  # VTK's windows are not made for several threads


@functools.cache
def why_not_rendered() -> str | None:
    """Return None where OpenGL works, else one sentence that names what is missing."""
    _choose_window()
    try:
        # Our own interpreter and our own script: nothing a user wrote is run.
        tried = subprocess.run(  # noqa: S603
            [sys.executable, "-c", _PROBE], capture_output=True, text=True, timeout=120, check=False
        )
        drawn = tried.returncode == 0 and "drawn" in tried.stdout
    except (OSError, subprocess.TimeoutExpired):
        drawn = False
    if drawn:
        return None
    return (
        "surfaces cannot be drawn because OpenGL is missing: install libegl1, libgl1 and "
        "libgl1-mesa-dri (Debian and Ubuntu); projections are shown instead"
    )


def _choose_window() -> None:
    """Without an X server VTK would first try one, and complain."""
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")


def _mesh(volume: Volume, *, level: float | None, max_voxels: int, smooth: float) -> Any:
    """Return the closed surface at ``level`` in mm (x left, y back, z head) with ``density``."""
    import pyvista as pv
    from scipy.ndimage import gaussian_filter, map_coordinates

    level = surface_level(volume) if level is None else level
    small, _ = shrink(volume, max_voxels=max_voxels)
    low, high = float(small.voxels.min()), float(small.voxels.max())
    if not low < level < high:
        raise RequestError(f"no surface at {level:.4g}: the scan goes from {low:.4g} to {high:.4g}")
    # A border below the level closes the surface where the bone leaves the field of view.
    voxels = np.pad(small.voxels, 1, constant_values=low)
    dz, dy, dx = small.spacing or (1.0, 1.0, 1.0)
    # Voxels of a millimetre or more hold a thin cortex in one layer, which a blur would open.
    blur = smooth if max(dz, dy, dx) < 0.5 or not small.spacing else 0.3 * smooth
    shaped = gaussian_filter(voxels, blur) if blur else voxels
    if shaped.max() <= level:  # fine bone vanishes under smoothing
        shaped = voxels
    grid = pv.ImageData(dimensions=shaped.shape[::-1], spacing=(dx, dy, dz), origin=(-dx, -dy, -dz))
    grid["value"] = shaped.ravel()
    mesh = grid.contour([level], scalars="value", method="flying_edges")
    mesh.compute_normals(inplace=True, split_vertices=False, consistent_normals=False)
    # Every point of the surface has the value ``level``; what tells compact from spongy bone
    # lies a voxel and a half below it.
    inside = mesh.points - mesh.point_data["Normals"] * (1.5 * min(dx, dy, dz))
    at = (inside[:, ::-1] / np.array([dz, dy, dx]) + 1).T
    mesh.point_data["density"] = map_coordinates(voxels, at, order=1, mode="nearest")
    return mesh


def _plotter(mesh: Any, *, size: tuple[int, int], tint: Tint) -> Any:
    import pyvista as pv

    _choose_window()
    plotter = pv.Plotter(off_screen=True, window_size=(size[1], size[0]), lighting="none")
    plotter.set_background("black")
    look = {"smooth_shading": True, "specular": 0.25, "specular_power": 18, "ambient": 0.12}
    if tint == "density":
        plotter.add_mesh(
            mesh, scalars="density", cmap=scan_boards.density_colours(), clim=scan_boards.DENSITIES,
            show_scalar_bar=False, **look,
        )  # fmt: skip
    else:
        plotter.add_mesh(mesh, color=_IVORY, **look)
    # Key from upper left, a weak fill from the right, a rim from behind: all turn with the camera.
    for position, strength in (((-1, 1.2, 1.4), 1.0), ((1.5, -0.2, 1), 0.35), ((0, 1, -1.5), 0.4)):
        light = pv.Light(position=position, light_type="camera light", intensity=strength)
        plotter.add_light(light)
    return plotter


def _tint(volume: Volume) -> Tint:
    return "density" if volume.unit == "mg HA/cm³" else "bone"


def _photographed(plotter: Any, tint: Tint) -> Picture:
    drawn = np.asarray(plotter.screenshot(None, return_img=True), np.uint8)[..., :3]
    return scan_boards.with_density_bar(drawn) if tint == "density" else drawn


def _aim(plotter: Any, mesh: Any, *, azimuth: float, elevation: float) -> None:
    """Look at the middle from the front (azimuth 0), turning to the patient's left."""
    centre = np.array(mesh.center)
    reach = float(np.linalg.norm(np.ptp(mesh.points, axis=0))) / 2
    turn, rise = np.deg2rad(azimuth), np.deg2rad(np.clip(elevation, -89, 89))
    away = np.array([np.sin(turn) * np.cos(rise), -np.cos(turn) * np.cos(rise), np.sin(rise)])
    plotter.camera.view_angle = 25
    plotter.camera.position = centre + away * reach / np.sin(np.deg2rad(12.5)) * 0.92
    plotter.camera.focal_point = centre
    plotter.camera.up = (0.0, 0.0, 1.0)
    plotter.reset_camera_clipping_range()


def still(
    volume: Volume,
    *,
    azimuth: float = 30.0,
    elevation: float = 15.0,
    size: tuple[int, int] = (720, 720),
    level: float | None = None,
    max_voxels: int = 4_000_000,
    smooth: float = 0.7,
    tint: Tint | None = None,
) -> Picture:
    """Draw the bone's surface on black, [height, width, 3].

    ``azimuth`` and ``elevation`` in degrees: 0, 0 looks from the front; ``level`` in the volume's
    unit; ``smooth`` is the width (σ, voxels) of the blur before the surface is cut. Where OpenGL is
    missing, the brightest points along each ray are drawn instead. ``tint`` is 'density' for scans in
    mg HA/cm³ and 'bone' for all others, unless it is given.
    """
    if why_not_rendered():
        return _projection(volume, azimuth=azimuth, size=size)
    mesh = _mesh(volume, level=level, max_voxels=max_voxels, smooth=smooth)
    with _one_at_a_time:
        plotter = _plotter(mesh, size=size, tint=tint or _tint(volume))
        try:
            _aim(plotter, mesh, azimuth=azimuth, elevation=elevation)
            return _photographed(plotter, tint or _tint(volume))
        finally:
            plotter.close()


def turntable(
    volume: Volume,
    path: str | Path,
    *,
    frames: int = 72,
    elevation: float = 15.0,
    size: tuple[int, int] = (480, 480),
    level: float | None = None,
    max_voxels: int = 1_500_000,
) -> Path:
    """Write an MP4 (H.264, 24 pictures a second) of one turn around the bone."""
    if frames < 2:
        raise RequestError("a turntable needs at least two pictures")
    path = Path(path)
    mesh = None
    if why_not_rendered() is None:
        mesh = _mesh(volume, level=level, max_voxels=max_voxels, smooth=0.7)
    angles = np.arange(frames) * 360.0 / frames

    def drawn() -> Generator[Picture, None, None]:
        if mesh is None:
            yield from (_projection(volume, azimuth=float(angle), size=size) for angle in angles)
            return
        with _one_at_a_time:
            plotter = _plotter(mesh, size=size, tint=_tint(volume))
            try:
                for angle in angles:
                    _aim(plotter, mesh, azimuth=float(angle), elevation=elevation)
                    yield _photographed(plotter, _tint(volume))
            finally:
                plotter.close()

    with closing(drawn()) as pictures:  # whatever happens, the next film may draw
        write_whole(path, lambda place: write_mp4(place, pictures, fps=24))
    return path


def write_surface(
    volume: Volume,
    path: str | Path,
    *,
    level: float | None = None,
    max_voxels: int = 4_000_000,
    smooth: float = 0.5,
) -> Path:
    """Write the bone's closed surface as STL or PLY (binary, mm), or as GLB (metres)."""
    path = Path(path)
    if path.suffix.lower() not in {".stl", ".ply", ".glb"}:
        raise RequestError(f"a surface is written as .stl or .ply or .glb, not '{path.suffix}'")
    mesh = _mesh(volume, level=level, max_voxels=max_voxels, smooth=smooth)
    normals = np.asarray(mesh.point_data["Normals"])
    mesh.clear_data()

    def fill(place: Path) -> None:
        if path.suffix.lower() == ".glb":
            triangles = mesh.faces.reshape(-1, 4)[:, 1:]
            place.write_bytes(glb_of(np.asarray(mesh.points), normals, triangles))
            return
        mesh.save(place)
        # VTK's PLY writer does not notice a disk that is full.
        if place.stat().st_size < 12 * mesh.n_points + 13 * mesh.n_cells:
            raise OSError(ENOSPC, "No space left on device")

    write_whole(path, fill)
    return path


def panes(
    volume: Volume,
    *,
    window: Window | None = None,
    at: tuple[float, float, float] = (0.5, 0.5, 0.5),
    azimuth: float = 30.0,
    elevation: float = 15.0,
    side: int = 420,
    level: float | None = None,
    tint: Tint | None = None,
    oriented: bool = False,
) -> Picture:
    """Draw coronal and sagittal over axial and surface, [2 side, 2 side, 3].

    ``at`` is where the slices cross, as fractions of (slices, rows, columns); ``oriented`` writes
    right, left, front and back beside them.
    """
    size = (side, side)
    drawn = still(volume, azimuth=azimuth, elevation=elevation, size=size, level=level, tint=tint)
    return scan_boards.four_panes(
        volume,
        drawn,
        window=window or next(iter(windows(volume).values())),
        at=at,
        oriented=oriented,
        title="Surface" if why_not_rendered() is None else "Projection",
    )


def _projection(volume: Volume, *, azimuth: float, size: tuple[int, int]) -> Picture:
    """Draw the brightest point along each ray, seen from ``azimuth``, [height, width, 3]."""
    from PIL import Image
    from scipy.ndimage import rotate

    small, _ = shrink(volume, max_voxels=400_000)
    dz, dy, dx = small.spacing or (1.0, 1.0, 1.0)
    low, high = next(iter(windows(small).values()))
    # Square pixels in the plane that is turned, so that a turn does not shear the bone.
    if dx != dy:
        from scipy.ndimage import zoom

        plane = zoom(small.voxels, (1, dy / min(dx, dy), dx / min(dx, dy)), order=1)
    else:
        plane = small.voxels
    floor = float(plane.min())
    turned = rotate(plane, azimuth, axes=(1, 2), order=1, reshape=True, cval=floor)
    brightest = turned.max(axis=1)[::-1]
    grey = np.clip((brightest - low) / max(high - low, 1e-9) * 255, 0, 255).astype(np.uint8)
    height, width = brightest.shape[0] * dz, brightest.shape[1] * min(dx, dy)
    # One scale for every angle: the diagonal of the plane is its widest view.
    widest = float(np.hypot(plane.shape[1], plane.shape[2])) * min(dx, dy)
    scale = min(size[0] / height, size[1] / widest)
    shape = max(1, round(width * scale)), max(1, round(height * scale))
    board = Image.new("L", (size[1], size[0]))
    corner = (size[1] - shape[0]) // 2, (size[0] - shape[1]) // 2
    board.paste(Image.fromarray(grey).resize(shape, Image.Resampling.BILINEAR), corner)
    return np.repeat(np.asarray(board, np.uint8)[..., None], 3, axis=2)
