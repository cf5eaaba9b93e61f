"""Batch norm's statistics are those of the films a network will see, not of those it was trained on."""

import torch
from torch import nn

from bonestudio.training.settling import settled


def test_a_settled_network_has_the_statistics_of_its_films():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 3, 1), nn.BatchNorm2d(3), nn.Dropout(0.5))
    for _ in range(20):  # films that are changed at random
        network(5 + 3 * torch.randn(4, 1, 8, 8))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    films = [torch.randn(4, 1, 8, 8) for _ in range(6)]
    calm = settled(network, films)
    with torch.no_grad():
        inside = torch.stack([network[0](film) for film in films])
        mean = inside.mean((0, 1, 3, 4))
        variance = torch.stack([one.var((0, 2, 3)) for one in inside]).mean(0)
        out = torch.cat([calm(film) for film in films])
    assert torch.allclose(calm[1].running_mean, mean, atol=1e-5)
    assert torch.allclose(calm[1].running_var, variance, rtol=1e-4)
    assert out.mean().abs() < 0.05
    assert (out.std() - 1).abs() < 0.05
    assert calm[1].momentum == 0.1
    assert not calm.training
    assert network.training  # the one that learns is as it was
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name
