"""CLAHE against the implementation that follows OpenCV, and what must hold for any."""

import numpy as np
import pytest
from samples_of_bone import bone_film

from bonestudio.errors import RequestError
from bonestudio.imaging import Radiograph, clahe, to_bytes, windowed


def noisy(shape, seed=0):
    rng = np.random.default_rng(seed)
    ramp = np.add.outer(np.linspace(0.2, 0.5, shape[0]), np.linspace(0, 0.3, shape[1]))
    pixels = np.clip(ramp + rng.normal(0, 0.03, shape), 0, 1).astype(np.float32)
    return Radiograph(pixels=pixels)


@pytest.mark.parametrize("clip", [1.0, 3.0, 40.0])
def test_as_opencv_has_it(clip):
    """kornia's equalize_clahe is written after OpenCV's, but gives what is left of the excess
    (up to 255 counts a tile) to the darkest levels; large tiles make that small."""
    import torch
    from kornia import enhance

    film = noisy((768, 640))
    eight = np.rint(film.pixels * 255).astype(np.float32) / 255
    wanted = enhance.equalize_clahe(torch.from_numpy(eight)[None, None], clip, (8, 8))[0, 0].numpy()
    ours = clahe(film.with_pixels(eight), clip=clip, tiles=8).pixels
    assert np.abs(ours - wanted).mean() < 0.01
    assert np.corrcoef(ours.ravel(), wanted.ravel())[0, 1] > 0.998


def test_contrast_grows_and_more_with_a_higher_clip():
    film = noisy((200, 200))
    steps = [np.diff(clahe(film, clip=c).pixels).std() for c in (1.0, 2.0, 3.0, 8.0)]
    assert np.diff(film.pixels).std() * 0.9 < steps[0] < steps[1] < steps[2] < steps[3]


def test_sixteen_bits_keep_their_depth():
    assert np.unique(clahe(noisy((128, 128))).pixels).size > 5000


def test_one_tile_is_plain_equalisation():
    film = noisy((100, 100))
    ours = clahe(film, clip=256, tiles=1).pixels
    ranks = film.pixels.ravel().argsort().argsort() / film.pixels.size
    assert np.abs(ours.ravel() - ranks).max() < 0.05


@pytest.mark.parametrize("shape", [(101, 67), (64, 64), (9, 300)])
def test_any_shape_and_the_facts_stay(shape):
    film = bone_film(shape)
    done = clahe(film)
    assert done.shape == shape
    assert done.pixels.dtype == np.float32
    assert done.pixels.min() >= 0
    assert done.pixels.max() <= 1
    assert (done.spacing, done.view, done.age) == (film.spacing, "PA", 9.5)


def test_a_mirrored_film_gives_a_mirrored_result():
    film = noisy((96, 96))
    turned = clahe(film.with_pixels(film.pixels[:, ::-1].copy())).pixels[:, ::-1]
    assert np.allclose(clahe(film).pixels, turned, atol=1e-5)


@pytest.mark.parametrize("options", [{"clip": 0.5}, {"tiles": 0}, {"tiles": 65}, {"tiles": 61}])
def test_options_out_of_range(options):
    with pytest.raises(RequestError, match="CLAHE"):
        clahe(bone_film((60, 80)), **options)


def test_the_window_is_what_a_screen_shows():
    film = bone_film()
    shown = windowed(film)
    low, high = film.window
    assert np.allclose(shown.pixels, np.clip((film.pixels - low) / (high - low), 0, 1), atol=1e-6)
    assert (to_bytes(film).min(), to_bytes(film).max()) == (0, 255)
