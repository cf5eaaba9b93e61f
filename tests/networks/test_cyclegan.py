"""The networks of CycleGAN, counted against the published ones."""

import pytest
import torch
from torch import nn

from bonestudio.networks.cyclegan import Discriminator, Generator, _enlarged, receptive_field


def counted(network):
    return sum(p.numel() for p in network.parameters())


def test_as_many_parameters_as_the_published_networks():
    # The code of Zhu et al. prints 11.378 M and 2.765 M for images of three channels.
    assert counted(Generator(inputs=3, outputs=3)) == 11_378_179
    assert counted(Discriminator(inputs=3)) == 2_764_737
    # One channel instead of three: 7 × 7 × 64 weights fewer for each, and two biases of the last.
    assert counted(Generator()) == 11_378_179 - 2 * 49 * 64 - 2 * 49 * 64 - 2
    assert counted(Discriminator()) == 2_764_737 - 2 * 16 * 64


def test_the_layers_of_the_papers_generator():
    layers = [
        (m.in_channels, m.out_channels, m.kernel_size[0], m.stride[0], type(m).__name__)
        for m in Generator().modules()
        if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)
    ]
    assert layers[:3] == [
        (1, 64, 7, 1, "Conv2d"),
        (64, 128, 3, 2, "Conv2d"),
        (128, 256, 3, 2, "Conv2d"),
    ]
    assert layers[3:21] == [(256, 256, 3, 1, "Conv2d")] * 18
    assert layers[21:] == [
        (256, 128, 3, 2, "ConvTranspose2d"),
        (128, 64, 3, 2, "ConvTranspose2d"),
        (64, 1, 7, 1, "Conv2d"),
    ]  # fmt: skip
    dropouts = [m.p for m in Generator().modules() if isinstance(m, nn.Dropout)]
    assert dropouts == [0.2] * 9


@pytest.mark.parametrize("resized", [True, False])
def test_resized_maps_are_not_chequered(resized):
    torch.manual_seed(0)
    even = nn.Sequential(*_enlarged(4, 3, resized=resized))(torch.ones(1, 4, 6, 6))
    assert even.shape == (1, 3, 12, 12)
    chequers = (even[..., 2:-2:2] - even[..., 3:-1:2]).abs().max()  # odd columns against even ones
    assert (chequers < 1e-6) == resized
    assert counted(Generator(resized=resized)) == counted(Generator())


@pytest.mark.parametrize(("halvings", "side"), [(3, 70), (4, 142)])
def test_a_score_sees_its_patch_and_nothing_else(halvings, side):
    assert receptive_field(halvings) == side
    network = Discriminator(width=2, halvings=halvings).double()
    for i, layer in enumerate(network.layers):
        if isinstance(layer, nn.InstanceNorm2d):  # it mixes the whole image
            network.layers[i] = nn.Identity()
    images = torch.randn(1, 1, 256, 256, dtype=torch.float64, requires_grad=True)
    scores = network(images)
    middle = scores.shape[-1] // 2
    scores[0, 0, middle, middle].backward()
    rows, columns = images.grad[0, 0].nonzero(as_tuple=True)
    assert rows.max() - rows.min() + 1 == side
    assert columns.max() - columns.min() + 1 == side


def test_scores_of_a_film_of_256_pixels():
    assert Discriminator(width=2)(torch.zeros(2, 1, 256, 256)).shape == (2, 1, 30, 30)


def test_a_generator_keeps_the_size_and_stays_within_the_grey_levels():
    network = Generator(width=4, blocks=2)
    images = network(torch.randn(2, 1, 32, 48))
    assert images.shape == (2, 1, 32, 48)
    assert images.abs().max() <= 1
    with pytest.raises(ValueError, match="multiples of four"):
        network(torch.zeros(1, 1, 30, 32))


def test_dropout_is_for_training_only():
    network = Generator(width=4, blocks=2)
    images = torch.randn(1, 1, 32, 32)
    assert not torch.equal(network(images), network(images))
    network.eval()
    assert torch.equal(network(images), network(images))


def test_a_shortcut_starts_from_the_image_itself():
    torch.manual_seed(0)
    network = Generator(width=4, blocks=1, shortcut=True).eval()
    images = torch.rand(1, 1, 32, 32) * 1.9 - 1
    images[..., :4] = -1
    last = network.layers[-1]
    torch.nn.init.zeros_(last.weight)
    torch.testing.assert_close(network(images), 0.9 * images)
    torch.nn.init.constant_(last.bias, 1.0)
    assert (network(images) > images).all()
    assert Generator(width=4, blocks=1).eval()(images).sub(images).abs().mean() > 0.1
    with pytest.raises(ValueError, match="as many output channels"):
        Generator(inputs=1, outputs=3, shortcut=True)


def test_initial_weights():
    torch.manual_seed(0)
    network = Generator(width=32)
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    weights = torch.cat([m.weight.detach().flatten() for m in convolutions])
    assert weights.mean().item() == pytest.approx(0, abs=1e-4)
    assert weights.std().item() == pytest.approx(0.02, rel=0.01)
    assert all(not m.bias.any() for m in convolutions)


def test_hes_weights_begin_with_answers_near_nothing():
    torch.manual_seed(0)
    network = Discriminator(width=16, he=True)
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    for layer in convolutions[1:-1]:
        fan_in = layer.in_channels * 16
        expected = (2 / (1 + 0.2**2) / fan_in) ** 0.5
        assert layer.weight.std().item() == pytest.approx(expected, rel=0.05)
    assert network(torch.randn(1, 1, 64, 64)).abs().mean() < 0.3
