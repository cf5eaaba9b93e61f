"""The networks of paper 001, layer by layer (figures 4 and 5)."""

import pytest
import torch

from bonestudio.networks.dcgan import Discriminator, Generator


def counted(network):
    return [
        sum(p.numel() for p in m.parameters()) for m in network.modules() if not list(m.children())
    ]


def test_the_generator_of_figure_5():
    network = Generator()
    assert [n for n in counted(network) if n] == [
        1_638_400, 2_048, 8_388_608, 1_024, 2_097_152, 512, 524_288, 256, 131_072, 128, 1_024,
    ]  # fmt: skip
    assert sum(counted(network)) == 12_784_512


def test_the_discriminator_of_figure_4():
    network = Discriminator()
    assert [n for n in counted(network) if n] == [
        512, 32_768, 131_072, 256, 524_288, 512, 2_097_152, 1_024, 8_192,
    ]  # fmt: skip
    assert sum(counted(network)) == 2_795_776


def test_sizes_on_the_way_are_those_of_the_figures():
    sizes = []
    network = Generator()
    for layer in network.layers:
        layer.register_forward_hook(lambda *args: sizes.append(tuple(args[2].shape[1:])))
    images = network(torch.randn(2, 100))
    assert sizes[0::3] == [
        (1024, 4, 4), (512, 8, 8), (256, 16, 16), (128, 32, 32), (64, 64, 64), (1, 128, 128),
    ]  # fmt: skip
    assert images.shape == (2, 1, 128, 128)
    assert images.abs().max() <= 1
    assert Discriminator()(images).shape == (2,)


def test_initial_weights_are_radfords():
    torch.manual_seed(0)
    weights = Generator().layers[3].weight
    assert weights.mean().item() == pytest.approx(0, abs=1e-4)
    assert weights.std().item() == pytest.approx(0.02, rel=0.01)


@pytest.mark.parametrize("size", [32, 64, 256])
def test_other_sizes(size):
    images = Generator(size=size, width=4)(torch.randn(2, 100))
    assert images.shape == (2, 1, size, size)
    assert Discriminator(size=size, width=4)(images).shape == (2,)


@pytest.mark.parametrize("size", [0, 8, 100, 96])
def test_sizes_that_cannot_be_doubled_to(size):
    with pytest.raises(ValueError, match="power of two"):
        Generator(size=size)


def test_a_class_changes_the_image_and_is_named_by_the_discriminator():
    network = Generator(size=32, width=4, classes=2).eval()
    z = torch.randn(1, 100).expand(2, -1)
    images = network(z, torch.tensor([0, 1]))
    assert not torch.equal(images[0], images[1])
    real, kinds = Discriminator(size=32, width=4, classes=2).judge(images)
    assert (real.shape, kinds.shape) == ((2,), (2, 2))
    with pytest.raises(ValueError, match="name one for each code"):
        network(z)


def test_spectral_normalisation_bounds_every_layer_of_the_discriminator():
    network = Discriminator(size=32, width=8, norm="spectral")
    for _ in range(50):
        network(torch.randn(4, 1, 32, 32))
    network.eval()
    for layer in [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]:
        norm = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2).item()
        assert norm == pytest.approx(1, abs=0.02)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())
