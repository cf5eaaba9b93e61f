"""X-ray physics against closed forms."""

import numpy as np
import pytest
import torch

from bonestudio.phantoms.film import Bench, develop, looks, own_level
from bonestudio.phantoms.materials import HAND_BEAM, LEG_BEAM, MATERIALS, Beam
from bonestudio.phantoms.physics import areal_bmd, blur, count_quanta, transmission, veil


def test_one_energy_is_beer_and_lambert():
    beam = Beam((40.0,), (1.0,))
    paths = {"bone": torch.tensor([[[3.0]]]), "soft": torch.tensor([[[12.0]]])}
    passed = transmission(paths, beam)
    # NIST: μ/ρ at 40 keV is 0.6655 (cortical bone, 1.92 g/cm³) and 0.2688 cm²/g (soft, 1.06 g/cm³).
    expected = np.exp(-(0.6655 * 1.92 * 0.3 + 0.2688 * 1.06 * 1.2))
    assert float(passed) == pytest.approx(expected, rel=1e-6)


def test_several_energies_add_up_and_harden_the_beam():
    thickness = torch.linspace(0, 20, 21).reshape(1, 1, -1)
    attenuation = -transmission({"bone": thickness}, HAND_BEAM).log()[0, 0]
    per_mm = attenuation.diff()
    assert torch.all(per_mm > 0)
    assert torch.all(per_mm.diff() < 0)
    assert float(attenuation[0]) == pytest.approx(0.0, abs=1e-6)
    by_hand = sum(
        w * np.exp(-5.0 * float(MATERIALS["bone"].attenuation(np.array([e]))[0]))
        for e, w in zip(HAND_BEAM.energies, HAND_BEAM.weights, strict=True)
    )
    assert float(torch.exp(-attenuation[5])) == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize("beam", [HAND_BEAM, LEG_BEAM])
def test_a_beam_shares_out_all_its_energy(beam):
    assert sum(beam.weights) == pytest.approx(1.0)


def test_projected_mineral_of_a_known_block():
    # 25 mm of compact bone: 2.5 cm × 1.11 g/cm³.
    assert float(areal_bmd(torch.tensor([25.0]))) == pytest.approx(2.775, rel=0.01)


def test_two_energies_tell_bone_from_soft_tissue_of_a_known_block():
    """Dual energy on the simulated signal gives the block's mineral back within 1 %."""
    paths = {"bone": torch.tensor([[[8.0]]]), "soft": torch.tensor([[[40.0]]])}
    energies = np.array([40.0, 80.0])
    signal = [-float(transmission(paths, Beam((e,), (1.0,))).log()) for e in energies]
    matrix = np.stack([MATERIALS[m].attenuation(energies) for m in ("bone", "soft")], axis=1)
    bone_mm, soft_mm = np.linalg.solve(matrix, signal)
    assert bone_mm * 1.11 / 10 == pytest.approx(0.888, rel=0.01)
    assert soft_mm == pytest.approx(40.0, rel=0.01)


def test_blur_keeps_the_sum_and_has_the_asked_width():
    point = torch.zeros(2, 41, 41)
    point[:, 20, 20] = 1.0
    blurred = blur(point, torch.tensor([1.0, 2.5]))
    place = torch.arange(41.0) - 20
    for image, sigma in zip(blurred, (1.0, 2.5), strict=True):
        assert float(image.sum()) == pytest.approx(1.0, abs=1e-5)
        variance = (image.sum(0) * place**2).sum()
        assert float(variance.sqrt()) == pytest.approx(sigma, rel=0.02)


def test_scatter_lowers_contrast_by_one_plus_its_share():
    primary = torch.full((1, 96, 96), 0.8)
    primary[:, :, 48] = 0.4  # a thin strip: its own scatter is thin too
    veiled = veil(primary, share=0.5, reach_px=24.0)
    contrast = veiled[0, 48, 30] - veiled[0, 48, 48]
    assert float(contrast) == pytest.approx(0.4 / 1.5, rel=0.02)
    flat = veil(torch.full((1, 64, 64), 0.3), share=0.7, reach_px=24.0)
    assert torch.allclose(flat, torch.full_like(flat, 0.3), atol=1e-5)


@pytest.mark.parametrize("quanta", [400.0, 10000.0])
def test_quantum_noise_has_poissons_spread(quanta):
    noise = torch.randn(1, 256, 256, generator=torch.Generator().manual_seed(1))
    counted = count_quanta(torch.full((1, 256, 256), 0.5), noise, quanta=quanta)
    assert float(counted.std()) == pytest.approx((0.5 / quanta) ** 0.5, rel=0.02)


def test_more_bone_is_brighter_on_both_styles():
    bone = torch.linspace(0, 6, 64).expand(1, 64, 64).contiguous()
    primary = transmission({"bone": bone}, HAND_BEAM)
    for style in ("synthetic", "natural"):
        look = looks([3], "test", bench=Bench(black=(0, 0.1), white=(1.0, 1.2)), style=style)
        pixels = develop(primary, torch.zeros(1, 64, 64), look, level=own_level(primary))
        assert float(pixels.min()) >= 0
        assert float(pixels.max()) <= 1
        assert pixels[0, 32, 55] > pixels[0, 32, 30] > pixels[0, 32, 8]


def test_natural_films_differ_and_synthetic_films_do_not():
    bench = Bench(black=(0, 0.1), white=(1.0, 1.2))
    natural, clean = (looks([1, 2], "test", bench=bench, style=s) for s in ("natural", "synthetic"))
    assert natural.blur_px[0] != natural.blur_px[1]
    assert clean.blur_px[0] == clean.blur_px[1]
    assert clean.quanta[0] > 30000
