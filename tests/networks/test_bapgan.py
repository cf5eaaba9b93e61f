"""The networks of paper 000: CAAE's sizes, what is conditioned on what, attention, labels."""

import pytest
import torch

from bonestudio.networks.attention import SelfAttention
from bonestudio.networks.bapgan import (
    Encoder,
    Generator,
    IdentityDiscriminator,
    ImageAgeDiscriminator,
)
from bonestudio.networks.bapgan_labels import (
    age_label,
    class_label,
    class_of,
    condition,
    sex_label,
)

SMALL = {"size": 32, "width": 4}


def convolutions(network):
    kinds = (torch.nn.Conv2d, torch.nn.ConvTranspose2d)
    return [(m.in_channels, m.out_channels) for m in network.modules() if isinstance(m, kinds)]


def test_the_papers_sizes():
    assert convolutions(Encoder()) == [(1, 64), (64, 128), (128, 256), (256, 512)]
    generator = Generator()
    assert generator.grow.in_features == 50 + 10 * 5  # the label is repeated until as long as z
    assert generator.grow.out_features == 1024 * 8 * 8
    assert convolutions(generator) == [
        (1024, 512), (512, 256), (256, 128), (128, 64), (64, 1),
    ]  # fmt: skip
    assert convolutions(ImageAgeDiscriminator()) == [(1, 16), (16, 32), (32, 64), (64, 128)]
    caae = ImageAgeDiscriminator(ages=False)
    assert convolutions(caae)[1] == (16 + 50, 32)  # the label joins after the first, as in CAAE
    codes = IdentityDiscriminator()
    assert [m.out_features for m in codes.modules() if isinstance(m, torch.nn.Linear)] == [
        64, 32, 16, 1,
    ]  # fmt: skip


def test_an_image_goes_through_all_of_them():
    x = torch.rand(2, 1, 128, 128) * 2 - 1
    label = condition([3.0, 11.0], ["F", None])
    z = Encoder(width=4)(x)
    assert z.shape == (2, 50)
    assert z.abs().max() <= 1
    images = Generator(width=4, sexes=True, attention=[32])(z, label)
    assert images.shape == x.shape
    assert images.abs().max() <= 1
    real, age = ImageAgeDiscriminator(width=4, sexes=True, attention=[32])(images, label)
    assert (real.shape, age.shape) == ((2,), (2, 5))
    assert ImageAgeDiscriminator(width=4, ages=False)(images, label[:, :5])[1] is None
    assert IdentityDiscriminator()(z).shape == (2,)


def test_only_d_img_is_told_the_label():
    network = ImageAgeDiscriminator(**SMALL, norm="spectral").eval()
    x = torch.rand(3, 1, 32, 32)
    young, old = (condition([years] * 3, told_sex=False) for years in (2.0, 18.0))
    (real_young, age_young), (real_old, age_old) = network(x, young), network(x, old)
    assert torch.equal(age_young, age_old)
    assert (real_young - real_old).abs().min() > 1e-4


@pytest.mark.parametrize("sexes", [True, False])
def test_age_and_sex_reach_the_image(sexes):
    network = Generator(**SMALL, sexes=sexes)
    z = torch.rand(1, 50)

    def drawn(age: float, sex: str) -> torch.Tensor:
        return network(z, condition([age], [sex], told_sex=sexes))

    assert (drawn(3.0, "F") - drawn(15.0, "F")).abs().max() > 1e-5
    assert ((drawn(9.0, "F") - drawn(9.0, "M")).abs().max() > 1e-5) == sexes


@pytest.mark.parametrize("sexes", [True, False])
def test_a_folded_generator_draws_the_same_with_fewer_weights(sexes):
    options = {**SMALL, "sexes": sexes, "attention": [8]}
    network = Generator(**options)
    twin = Generator(**options, tiled=False)
    twin.load_state_dict(network.folded().state_dict())
    z, label = torch.rand(3, 50), condition([1.0, 8.0, 19.0], ["F", "M", None], told_sex=sexes)
    assert torch.allclose(network(z, label), twin(z, label), atol=1e-6)
    assert twin.grow.in_features == 50 + 5 + 2 * sexes


def test_attention_starts_as_nothing_and_then_reaches_everywhere():
    layer = SelfAttention(16)
    x = torch.randn(1, 16, 8, 8)
    assert torch.equal(layer(x), x)
    with torch.no_grad():
        layer.gamma.fill_(1.0)
    other = x.clone()
    other[..., 0, 0] += 10.0  # one corner changes what the opposite one becomes
    assert (layer(other) - layer(x))[..., -1, -1].abs().max() > 1e-3


def test_attention_is_the_papers():
    """β = softmax over places of f(x)ᵀ g(x); o = v(Σ β h(x)); y = γ o + x."""
    layer = SelfAttention(16).double()
    with torch.no_grad():
        layer.gamma.fill_(0.7)
    x = torch.randn(2, 16, 4, 4, dtype=torch.float64)
    pooled = torch.nn.functional.max_pool2d
    f, h = pooled(layer.key(x), 2).flatten(2), pooled(layer.value(x), 2).flatten(2)
    beta = torch.softmax(torch.einsum("ncp,ncq->npq", layer.query(x).flatten(2), f), dim=2)
    seen = torch.einsum("npq,ncq->ncp", beta, h).unflatten(2, (4, 4))
    assert torch.allclose(layer(x), 0.7 * layer.back(seen) + x)


def test_spectral_norm_is_on_every_layer_of_the_discriminators():
    for network in (
        ImageAgeDiscriminator(**SMALL, attention=[8], norm="spectral"),
        IdentityDiscriminator(norm="spectral"),
    ):
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.mul_(7.0)
        network.train()
        layers = [m for m in network.modules() if isinstance(m, torch.nn.Linear | torch.nn.Conv2d)]
        for _ in range(40):  # each look is a power iteration
            [m.weight for m in layers]
        largest = [torch.linalg.matrix_norm(m.weight.detach().flatten(1), 2) for m in layers]
        assert torch.stack(largest).max() == pytest.approx(1.0, abs=0.1)
        assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())


def test_labels_are_the_papers():
    smooth = class_label(torch.arange(5))
    assert smooth.tolist() == [
        pytest.approx(row)
        for row in (
            [0.8, 0.2, 0, 0, 0],
            [0.2, 0.6, 0.2, 0, 0],
            [0, 0.2, 0.6, 0.2, 0],
            [0, 0, 0.2, 0.6, 0.2],
            [0, 0, 0, 0.2, 0.8],
        )
    ]
    assert torch.equal(class_label(torch.arange(5), smoothing=0.0), torch.eye(5))
    ages = torch.tensor([0.0, 3.99, 4.0, 8.0, 11.5, 15.9, 16.0, 19.0, 25.0])
    assert class_of(ages).tolist() == [0, 0, 1, 2, 2, 3, 4, 4, 4]


def test_any_age_lies_between_its_neighbours():
    middles = torch.tensor([2.0, 6.0, 10.0, 14.0, 18.0])
    assert torch.allclose(age_label(middles), class_label(torch.arange(5)))
    assert age_label(torch.tensor([7.0]))[0].tolist() == pytest.approx([0.15, 0.5, 0.3, 0.05, 0])
    ages = torch.linspace(0, 20, 201)
    labels = age_label(ages)
    assert torch.allclose(labels.sum(1), torch.ones(201))
    assert labels.min() >= 0
    mean = labels @ middles
    assert (mean.diff() > 0).all()  # no two ages share a label
    for classes in (4, 6):
        assert age_label(ages, classes=classes).shape == (201, classes)


def test_an_unknown_sex_is_half_of_each():
    told = sex_label(torch.tensor([0.0, 1.0, float("nan")]))
    assert told.tolist() == [[1, 0], [0, 1], [0.5, 0.5]]
    label = condition([5.0, 5.0, 5.0], ["F", "M", None])
    assert torch.equal(label[:, 5:], told)
    assert torch.equal(condition([5.0]), label[2:])
    assert torch.equal(condition([5.0], told_sex=False), label[2:, :5])


def test_sizes_that_cannot_be_halved_are_refused():
    with pytest.raises(ValueError, match="multiple of 16"):
        Encoder(size=100)
