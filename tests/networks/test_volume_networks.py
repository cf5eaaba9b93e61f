"""The 3D networks of paper 003: tables A.2 and A.3, equalised rates, demodulation, growth."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bonestudio.networks import progan3d, stylegan3d
from bonestudio.networks.equalised import (
    EqualConv3d,
    EqualLinear,
    FeatureNorm,
    convolved,
    convolved_doubled,
    doubled,
    halved,
)

SMALL = {"width": 2, "stages": 3, "base": (1, 3, 2)}
FULL = (32, 288, 224)


def shapes(network: nn.Module, call) -> list[tuple[str, tuple[int, ...]]]:
    """Names of the leaves that ran, in order, and the shapes of what they gave."""
    seen: list[tuple[str, tuple[int, ...]]] = []
    for name, module in network.named_modules():
        if not list(module.children()):
            module.register_forward_hook(
                lambda _, __, out, name=name: seen.append((name, tuple(out.shape[1:])))
            )
    call(network)
    return seen


def numbers(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def conv(before: int, after: int, kernel: int = 3) -> int:
    return before * after * kernel**3 + after


def dense(before: int, after: int) -> int:
    return before * after + after


# Table A.2 at c = 16, the rows that have weights: (layer, channels in, channels out, side).
A2 = [
    ("c11", 128, 128, (2, 18, 14)),
    ("c12", 128, 128, (2, 18, 14)),
    ("c21", 128, 128, (4, 36, 28)),
    ("c22", 128, 128, (4, 36, 28)),
    ("c31", 128, 64, (8, 72, 56)),
    ("c32", 64, 64, (8, 72, 56)),
    ("c41", 64, 32, (16, 144, 112)),
    ("c42", 32, 32, (16, 144, 112)),
    ("c51", 32, 16, FULL),
    ("c52", 16, 16, FULL),
    ("out", 16, 1, FULL),
]


def test_the_progan_is_table_a2():
    with torch.device("meta"):
        network = progan3d.Generator(width=16)
        seen = shapes(network, lambda g: g(torch.randn(1, 512)))
    convs = [shape for name, shape in seen if "first" in name or "second" in name]
    drawn = [shape for name, shape in seen if "to_volume" in name]
    assert seen[0] == ("dense", (8064,))
    assert [*convs, *drawn] == [(after, *side) for _, _, after, side in A2]
    assert sum("norm" in name for name, _ in seen) == 10  # each convolution but the last
    growing = [conv(before, 1) for before in (128, 128, 64, 32)]  # of the stages before
    table = dense(512, 8064) + sum(conv(before, after) for _, before, after, _ in A2)
    assert numbers(network) == table + sum(growing)


def test_the_stylegan_is_table_a3():
    with torch.device("meta"):
        network = stylegan3d.Generator(width=16, codes=128)
        w = network.mapping(torch.randn(1, 512))
        given = torch.randn(1, 15, 128)
        out = network(given, noise=lambda *shape: torch.randn(shape))
    assert w.shape == (1, 128)
    assert out.shape == (1, 1, *FULL)
    assert [numbers(m) for m in network.mapping.layers] == [dense(512, 512)] * 5 + [dense(512, 128)]
    convs = [c for block in network.blocks for c in block.convs]
    ins = [128] * 7 + [64] * 3 + [32] * 3 + [16] * 2
    outs = [128] * 6 + [64] * 3 + [32] * 3 + [16] * 3
    assert [(c.conv.in_channels, c.conv.out_channels) for c in convs] == list(
        zip(ins, outs, strict=True)
    )
    assert [layer.out_features for layer in network.styles()] == ins
    assert network.constant.shape == (1, 128, 1, 9, 7)
    assert all(c.strength.numel() == 1 for c in convs)  # one scale for each noise map
    expected = 5 * dense(512, 512) + dense(512, 128) + 8064
    expected += sum(dense(128, a) + conv(a, b) + 1 for a, b in zip(ins, outs, strict=True)) + sum(
        conv(n, 1) for n in (128, 128, 64, 32, 16)
    )
    assert numbers(network) == expected
    # Section 3.2 has W in 512 dimensions; that is what is trained.
    with torch.device("meta"):
        assert stylegan3d.Generator().styles()[0].in_features == 512


@pytest.mark.parametrize("width", [12, 16, 20])
def test_the_critic_strides_five_times_and_judges_patches(width):
    with torch.device("meta"):
        critic = progan3d.Critic(width=width)
        seen = dict(shapes(critic, lambda f: f(torch.randn(1, 1, *FULL))))
    sides = [shape for name, shape in seen.items() if name.startswith("layers")]
    assert sides == [
        (2 * width, 16, 144, 112),
        (4 * width, 8, 72, 56),
        (8 * width, 4, 36, 28),
        (8 * width, 2, 18, 14),
        (8 * width, 1, 9, 7),
    ]
    assert seen["from_volume.4"] == (width, *FULL)
    assert seen["out"] == (1, 1, 9, 7)


def test_encoders_mirror_the_generator():
    with torch.device("meta"):
        network = progan3d.Encoder(width=16)
        seen = shapes(network, lambda e: e(torch.randn(1, 1, *FULL)))
        kinds = {type(module) for module in network.modules()}
        style = stylegan3d.Encoder(width=16)
    assert FeatureNorm not in kinds
    convs = [m for m in network.modules() if isinstance(m, nn.Conv3d)]
    mirrored = [(before, after) for _, before, after, _ in reversed(A2)]
    assert [(m.out_channels, m.in_channels) for m in convs] == mirrored
    assert (network.dense.in_features, seen[-1]) == (8064, ("dense", (512,)))
    extra = numbers(style) - numbers(network)
    assert extra == 2 * dense(512, 512)


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_every_stage_draws_and_is_judged(stage):
    z = torch.randn(2, 512)
    sides = tuple(n * 2 ** (stage + 1) for n in SMALL["base"])
    pro, style = progan3d.Generator(**SMALL), stylegan3d.Generator(**SMALL)
    for volumes in (pro(z, stage), style(style.mapping(z), stage)):
        assert volumes.shape == (2, 1, *sides)
        assert 0 < volumes.min() < volumes.max() < 1
        assert progan3d.Critic(width=2, stages=3)(volumes, stage).shape == (2,)
    with pytest.raises(ValueError, match="0 to 2"):
        pro(z, 3)


@pytest.mark.parametrize("style", [False, True])
def test_a_stage_fades_in_from_the_one_before(style):
    torch.manual_seed(0)
    if style:
        network = stylegan3d.Generator(**SMALL)
        codes = network.mapping(torch.randn(2, 512))
    else:
        network, codes = progan3d.Generator(**SMALL), torch.randn(2, 512)
    for stage in (1, 2):
        before, whole = network(codes, stage - 1), network(codes, stage)
        torch.testing.assert_close(network(codes, stage, 0.0), doubled(before))
        torch.testing.assert_close(network(codes, stage, 1.0), whole)
        nearly = network(codes, stage, 1 - 1e-6)
        torch.testing.assert_close(nearly, whole, atol=2e-6, rtol=0)
        half = network(codes, stage, 0.5)
        torch.testing.assert_close(half, (doubled(before) + whole) / 2)


def test_the_critic_fades_in_too():
    torch.manual_seed(0)
    critic, x = progan3d.Critic(width=2, stages=3), torch.rand(2, 1, 8, 24, 16)
    torch.testing.assert_close(critic(x, 2, 0.0), critic(halved(x), 1))
    torch.testing.assert_close(critic(x, 2, 1 - 1e-6), critic(x, 2), atol=1e-5, rtol=1e-4)
    assert not torch.allclose(critic(x, 2, 0.0), critic(x, 2))


def test_equalised_layers_keep_variance_and_move_alike():
    torch.manual_seed(0)
    layer = EqualConv3d(32, 64, gain=1.0)
    assert layer.weight.std().item() == pytest.approx(1.0, rel=0.01)
    x = torch.randn(4, 32, 10, 10, 10)
    assert layer(x)[..., 2:-2, 2:-2, 2:-2].std().item() == pytest.approx(1.0, rel=0.05)
    plain = nn.Linear(300, 200)
    equal = EqualLinear(300, 200, bias=1.0)
    with torch.no_grad():
        plain.weight.copy_(equal.weight / math.sqrt(300))
        plain.bias.copy_(equal.bias)
    y = torch.randn(7, 300)
    torch.testing.assert_close(equal(y), plain(y))
    assert (equal.bias == 1).all()
    # A rectified deep stack neither dies nor explodes: He's gain.
    h = torch.randn(2000, 100)
    for _ in range(8):
        h = F.relu(EqualLinear(100, 100, gain=math.sqrt(2.0))(h))
    assert h.square().mean().item() == pytest.approx(1.0, abs=0.35)


def test_features_are_normalised_at_each_voxel():
    normed = FeatureNorm()(5 * torch.randn(2, 6, 3, 4, 5))
    torch.testing.assert_close(normed.square().mean(1), torch.ones(2, 3, 4, 5))


def test_demodulation_gives_unit_variance_whatever_the_style():
    torch.manual_seed(0)
    layer = stylegan3d.StyledConv(24, 16, codes=8)
    x, style = torch.randn(3, 24, 14, 14, 14), torch.randn(3, 24).exp()
    out = layer.modulated(x, style)[..., 1:-1, 1:-1, 1:-1]
    for one in out:
        assert one.std().item() == pytest.approx(1.0, rel=0.05)
    # The same as convolving each volume with its own weights (Karras et al. 2020, equations 1, 3).
    for i in range(3):
        weight = layer.conv.weight * style[i].view(1, -1, 1, 1, 1)
        weight = weight / weight.flatten(1).norm(dim=1).view(-1, 1, 1, 1, 1)
        expected = F.conv3d(x[i : i + 1], weight, padding=1)
        torch.testing.assert_close(
            layer.modulated(x, style)[i : i + 1], expected, atol=1e-4, rtol=1e-4
        )


def test_styles_are_mixed_layer_by_layer_and_noise_is_scaled():
    torch.manual_seed(0)
    network = stylegan3d.Generator(**SMALL)
    a, b = network.mapping(torch.randn(2, 512)).unsqueeze(1)
    every = torch.cat([a[:, None].expand(-1, 9, -1)], 1)
    torch.testing.assert_close(network(every), network(a))
    apart = [
        (network(torch.cat([every[:, :k], b[:, None].expand(-1, 9 - k, -1)], 1)) - network(b))
        .abs()
        .mean()
        for k in (0, 3, 9)
    ]
    assert apart[0] == 0 < apart[1] < apart[2]
    noise = torch.randn
    assert torch.equal(network(a, noise=noise), network(a))  # its scales begin at nothing
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("strength"):
                parameter.fill_(0.5)
    assert not torch.allclose(network(a, noise=noise), network(a))
    torch.testing.assert_close(network.mean_code(), network.mean_code())


def test_the_latent_discriminator_gives_a_logit_for_each_code():
    judge = stylegan3d.LatentDiscriminator(codes=128)
    assert judge(torch.randn(5, 128)).shape == (5,)


@pytest.mark.parametrize("shape", [(2, 5, 2, 9, 8), (1, 4, 8, 72, 9), (1, 24, 9, 100, 8)])
def test_a_convolution_of_doubled_voxels_has_a_shorter_way_to_the_same_numbers(shape):
    x, bias = torch.randn(shape), torch.randn(6)
    weight = torch.randn(6, shape[1], 3, 3, 3)
    expected = F.conv3d(doubled(x), weight, bias, padding=1)
    torch.testing.assert_close(convolved_doubled(x, weight, bias), expected, atol=1e-4, rtol=1e-4)
    with torch.no_grad():
        short = convolved_doubled(x, weight, bias)
    torch.testing.assert_close(short, expected, atol=1e-4, rtol=1e-4)


def test_one_volume_of_few_channels_is_convolved_as_two_are():
    x, weight = torch.randn(1, 3, 4, 10, 9, requires_grad=True), torch.randn(5, 3, 3, 3, 3) / 9
    alone = convolved(x, weight, None)
    expected = F.conv3d(x.expand(2, -1, -1, -1, -1), weight, padding=1)[:1]
    torch.testing.assert_close(alone, expected, atol=1e-5, rtol=1e-5)
    (mine,) = torch.autograd.grad(alone.square().sum(), x, create_graph=True)
    (its,) = torch.autograd.grad(expected.square().sum(), x, create_graph=True)
    torch.testing.assert_close(mine, its, atol=1e-4, rtol=1e-4)
    (second,) = torch.autograd.grad(mine.square().sum(), x)
    (expected,) = torch.autograd.grad(its.square().sum(), x)
    torch.testing.assert_close(second, expected, atol=1e-3, rtol=1e-3)
