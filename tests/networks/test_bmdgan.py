"""BMD-GAN (paper 004): its encoder is timm's NFNet-F0, narrowed or not; shapes, parameters, heads."""

import pytest
import torch
from torch.nn import functional as F

from bonestudio.networks.bmdgan import Discriminator, Encoder, Generator, PyramidDecoder
from bonestudio.networks.bmdgan_heads import (
    PATCHES,
    Answering,
    Placing,
    Projecting,
    Queue,
    Redrawing,
    contrast,
)
from bonestudio.vision import timm

NARROW = 0.0625


def parameters(network):
    return sum(p.numel() for p in network.parameters())


@pytest.fixture(scope="module")
def narrow():
    return Encoder(width=NARROW)


def test_the_encoder_is_nfnet_f0():
    with torch.device("meta"):
        theirs = timm.create_model("dm_nfnet_f0", pretrained=False, in_chans=1, num_classes=0)
        encoder = Encoder()
    assert encoder.channels == (64, 256, 512, 1536, 3072)
    shapes = {key: value.shape for key, value in encoder.body.state_dict().items()}
    assert shapes == {key: value.shape for key, value in theirs.state_dict().items()}
    assert encoder.described_by == 64 + 256 + 512 + 1536


def test_a_narrow_encoder_has_the_same_layers(narrow):
    with torch.device("meta"):
        wide = Encoder()
    assert narrow.body.state_dict().keys() == wide.body.state_dict().keys()
    groups = [[m.groups for m in e.modules() if hasattr(m, "groups")] for e in (narrow, wide)]
    assert groups[0] == groups[1]


def test_the_pyramid_halves(narrow):
    features = narrow(torch.zeros(2, 1, 128, 64))
    assert [tuple(f.shape) for f in features] == [
        (2, c, 128 // r, 64 // r) for c, r in zip(narrow.channels, (2, 4, 8, 16, 32), strict=True)
    ]
    assert narrow.described(torch.zeros(2, 1, 64, 32)).shape == (2, narrow.described_by)


@pytest.mark.parametrize("width", [0, -0.25, 0.3, 2])
def test_a_width_is_a_multiple_of_a_sixteenth(width):
    with pytest.raises(ValueError, match="width"):
        Encoder(width=width)


def test_sides_are_multiples_of_32(narrow):
    with pytest.raises(ValueError, match="32"):
        narrow(torch.zeros(1, 1, 64, 40))


def test_the_generator_maps_film_to_map_and_every_part_learns():
    network = Generator(width=NARROW, channels=8)
    maps = network(torch.randn(2, 1, 64, 32))
    assert maps.shape == (2, 1, 64, 32)
    maps.square().mean().backward()
    # residual branches begin at 0 (skipinit), so their own weights wait for their gain
    waiting = [k for k, p in network.named_parameters() if p.grad is None]
    assert waiting == []


def test_the_decoder_is_of_its_levels_and_channels():
    inputs, channels = (4, 8, 16), 16
    decoder = PyramidDecoder(inputs, channels=channels, outputs=3)
    across = sum(c * channels + channels for c in inputs)
    smooth = len(inputs) * (9 * channels * channels + channels)
    last = 9 * channels * 8 + 8 + 9 * 8 * 3 + 3
    assert parameters(decoder) == across + smooth + last
    features = [torch.randn(1, c, 32 // 2**i, 16 // 2**i) for i, c in enumerate(inputs)]
    assert decoder(features).shape == (1, 3, 64, 32)


def test_the_discriminator_is_pix2pixs():
    with torch.device("meta"):
        network = Discriminator()
    # 64, 128, 256, 512 and 1 channels, 4 × 4, norms without weights
    counts = [(2, 64), (64, 128), (128, 256), (256, 512), (512, 1)]
    assert parameters(network) == sum(16 * a * b + b for a, b in counts)
    small = Discriminator(width=4)
    assert small(torch.zeros(1, 1, 128, 64), torch.zeros(1, 1, 128, 64)).shape == (1, 1, 14, 6)


def test_a_score_sees_70_pixels():
    network = Discriminator(width=2).double()
    maps = torch.randn(1, 1, 128, 128, dtype=torch.double, requires_grad=True)
    for layer in network.layers:  # norms look at the whole map; without them a patch is left
        if isinstance(layer, torch.nn.InstanceNorm2d):
            layer.forward = lambda x: x
    network(torch.zeros_like(maps), maps)[0, 0, 6, 6].backward()
    rows = maps.grad.abs().sum((0, 1, 3)).nonzero()
    assert int(rows.max() - rows.min()) + 1 == 70


def test_heads_have_their_shapes(narrow):
    features = narrow(torch.randn(2, 1, 256, 128))
    inputs = narrow.channels
    assert Redrawing(inputs)(features).shape == (2, 1, 256, 128)
    places = PATCHES[0] * PATCHES[1]
    assert Placing(inputs)(features).shape == (2, places, places)
    assert Answering(inputs, answers=5)(features).shape == (2, 5)
    projected = Projecting(inputs, length=12)(features)
    assert projected.shape == (2, 12)
    assert projected.norm(dim=1).tolist() == pytest.approx([1, 1])


def test_with_one_positive_contrast_is_infonce():
    torch.manual_seed(0)
    q, k = F.normalize(torch.randn(4, 8), dim=1), F.normalize(torch.randn(9, 8), dim=1)
    positive = F.one_hot(torch.arange(4), 9)
    found = contrast(q, k, positive, known=torch.ones(9, dtype=torch.bool), temperature=0.1)
    usual = F.cross_entropy(q @ k.T / 0.1, torch.arange(4), reduction="none")
    assert torch.allclose(found, usual)


def test_many_positives_are_averaged_and_unknown_keys_left_out():
    torch.manual_seed(0)
    q, k = F.normalize(torch.randn(1, 8), dim=1), F.normalize(torch.randn(5, 8), dim=1)
    positive = torch.tensor([[1, 0, 1, 0, 1]])
    known = torch.tensor([True, True, True, True, False])
    logs = F.log_softmax((q @ k[:4].T) / 0.2, 1)[0]
    found = contrast(q, k, positive, known=known, temperature=0.2)
    assert float(found) == pytest.approx(float(-(logs[0] + logs[2]) / 2))
    nobody = contrast(q, k, torch.zeros(1, 5), known=known, temperature=0.2)
    assert float(nobody) == 0


def test_the_queue_goes_round():
    queue = Queue(length=5, features=2)
    assert queue.keys.norm(dim=1).tolist() == pytest.approx([1] * 5)
    queue.add(torch.ones(3, 2), torch.tensor([0.0, 1, 2]))
    assert queue.labels.tolist() == [0, 1, 2, -1, -1]
    queue.add(2 * torch.ones(3, 2), torch.tensor([3.0, 4, 5]))
    assert queue.labels.tolist() == [5, 1, 2, 3, 4]
    assert queue.keys[0].tolist() == [2, 2]
