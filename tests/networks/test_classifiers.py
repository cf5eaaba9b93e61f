"""The classifiers of papers 001 and 002: parameters and shapes, layer by layer."""

import pytest
import torch
from torch.nn import functional as F

from bonestudio.networks.classifiers import DenseNet169, ResidualNet
from bonestudio.vision import torchvision


def parameters(network):
    return sum(p.numel() for p in network.parameters())


def shapes(network, layers, films):
    seen = []
    hooks = [
        layer.register_forward_hook(lambda *told: seen.append(tuple(told[2].shape[1:])))
        for layer in layers
    ]
    network(films)
    for hook in hooks:
        hook.remove()
    return seen


def test_densenet_169_is_torchvisions_with_one_output():
    network = DenseNet169()
    theirs = torchvision.models.densenet169()
    # 1664 features: 1000 answers make way for one
    assert parameters(network) == parameters(theirs) - 1665 * 1000 + 1665 == 12_486_145
    features = network.network.features
    assert [len(features.get_submodule(f"denseblock{k}")) for k in (1, 2, 3, 4)] == [6, 12, 32, 32]
    # what ImageNet taught fits, but for the last layer
    inside = {key: value.shape for key, value in network.network.state_dict().items()}
    outside = {key: value.shape for key, value in theirs.state_dict().items()}
    assert {k for k in inside if inside[k] != outside[k]} == {
        "classifier.weight",
        "classifier.bias",
    }


def test_densenet_sees_films_as_imagenet_is_normalised():
    network = DenseNet169(growth=4).eval()
    films = torch.rand(2, 1, 64, 64) * 2 - 1
    colours = ((films + 1) / 2).expand(-1, 3, -1, -1).contiguous()
    for channel, (mean, std) in enumerate([(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)]):
        colours[:, channel] = (colours[:, channel] - mean) / std
    assert network(films).shape == (2,)
    torch.testing.assert_close(network(films), network.network(colours)[:, 0])
    # 8 → 32 → 16 → 64 → 32 → 160 channels: each block adds 4 a layer, each transition halves
    assert shapes(network, [network.seen], films) == [(160, 4, 4)]


def test_the_residual_net_of_figure_32():
    network = ResidualNet().eval()
    films = torch.randn(1, 1, 256, 256)
    conv, _, pool = network.stem
    assert shapes(network, [conv, pool, *network.blocks, network.dense], films) == [
        (10, 256, 256), (10, 128, 128), (10, 64, 64), (20, 32, 32), (40, 16, 16), (80, 8, 8),
        (160, 4, 4), (320, 2, 2), (2,),
    ]  # fmt: skip
    for module in network.blocks:
        convs = [m for m in (*module.first, *module.second) if isinstance(m, torch.nn.Conv2d)]
        assert [(m.kernel_size, m.stride) for m in convs] == [((3, 3), (2, 2))] + [
            ((3, 3), (1, 1))
        ] * 3
    assert shapes(network, [network.seen], films)[0][1] == 256 // 16


@pytest.mark.parametrize(
    ("norm", "per_channel", "count"),
    # biases of five convolutions, or scales and shifts of four batch norms
    [("none", 5, 4_372_552), ("batch", 8, 4_374_442)],
)
def test_parameters_of_the_residual_net(norm, per_channel, count):
    """Per module a → b: 9ab + 27b² of the convolutions, ab of the skip, then biases or norms."""
    pairs = [(10, 10), (10, 20), (20, 40), (40, 80), (80, 160), (160, 320)]
    modules = sum(10 * a * b + 27 * b * b + per_channel * b for a, b in pairs)
    assert parameters(ResidualNet(norm=norm)) == 260 + modules + 642 == count


def test_the_softmax_of_two_nodes_is_the_sigmoid_of_one():
    network = ResidualNet(width=4).eval()
    films, truth = torch.randn(5, 1, 64, 64), torch.tensor([0, 1, 1, 0, 1])
    torch.testing.assert_close(
        F.cross_entropy(network.answers(films), truth),
        F.binary_cross_entropy_with_logits(network(films), truth.float()),
    )


@pytest.mark.parametrize("size", [64, 128, 224, 512])
def test_other_sizes(size):
    assert ResidualNet(width=2).eval()(torch.randn(1, 1, size, size)).shape == (1,)
