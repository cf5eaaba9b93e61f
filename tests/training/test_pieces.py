"""The small parts of training, each against its closed form."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bonestudio.training.augment import augmented
from bonestudio.training.averages import Average
from bonestudio.training.losses import gradient_penalty, judged_false, judged_real, r1_penalty
from bonestudio.training.moment import Moment
from bonestudio.training.recipes import Stage, Training
from bonestudio.training.schedules import Plan, hold_then_linear, plan_of, warm_restarts
from bonestudio.training.sheets import write_sheet
from bonestudio.training.terminal import LiveView, PlainView, readable


def moment(step: int = 0, *, rank: int = 0, processes: int = 1, purpose: str = "step") -> Moment:
    plan = Plan([Stage(samples=800, batch=8)])
    fabric = SimpleNamespace(
        device=torch.device("cpu"), world_size=processes, global_rank=rank, strategy=None
    )
    return Moment(plan.at(step), seed=1, purpose=purpose, fabric=fabric, optimisers={}, averages={})


def test_stages_fade_in_and_change_batch_and_rate():
    plan = Plan([Stage(samples=96, batch=24), Stage(samples=48, fade=24, batch=12, rate=0.85)])
    assert plan.steps == 8
    seen = [plan.at(step) for step in range(8)]
    assert [p.stage for p in seen] == [0] * 4 + [1] * 4
    assert [p.fade for p in seen] == [1, 1, 1, 1, 0, 0.5, 1, 1]
    assert [p.batch for p in seen] == [24] * 4 + [12] * 4
    assert [p.samples for p in seen] == [0, 24, 48, 72, 96, 108, 120, 132]
    assert [p.rate for p in seen] == [1.0] * 4 + [0.85] * 4


def test_epochs_become_steps():
    plan = plan_of(Training(epochs=100, batch=100), images=12_611, processes=1)
    assert plan.steps == 12_611
    assert plan_of(Training(steps=7, batch=8), images=3, processes=2).steps == 7


def test_rates_have_their_closed_forms():
    assert [hold_then_linear(p, hold=1 / 3) for p in (0, 1 / 3, 2 / 3, 1)] == pytest.approx(
        [1, 1, 0.5, 0]
    )
    # T0 = 10, growth 2: restarts at 10 and 30, half-way down at 5 and 20.
    found = [warm_restarts(epoch, first=10) for epoch in (0, 5, 10, 20, 30)]
    assert found == pytest.approx([1, 0.5, 1, 0.5, 1])


def test_an_average_follows_weights_and_buffers():
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    average = Average(network, 0.5)
    start = average.network[0].weight.clone()
    with torch.no_grad():
        network[0].weight.add_(1.0)
        network[1].running_mean.fill_(4.0)
        network[1].num_batches_tracked.fill_(9)
    average.update(network)  # warming up: decay (1 + 0) / (10 + 0) = 0.1
    torch.testing.assert_close(average.network[0].weight, start + 0.9)
    torch.testing.assert_close(average.network[1].running_mean, torch.full((2,), 3.6))
    assert average.network[1].num_batches_tracked == 9
    for _ in range(20):
        average.update(network)
    assert average.updates == 21
    torch.testing.assert_close(average.network[0].weight, start + 1, atol=1e-5, rtol=0)
    assert not average.network.training


def test_adversarial_losses_are_binary_cross_entropy():
    logits = torch.randn(9) * 5
    bce = F.binary_cross_entropy_with_logits
    torch.testing.assert_close(judged_real(logits), bce(logits, torch.ones(9)))
    torch.testing.assert_close(judged_false(logits), bce(logits, torch.zeros(9)))


def test_penalties_of_a_linear_critic():
    weight = torch.randn(12, requires_grad=True)
    real, fake = torch.randn(5, 3, 4), torch.randn(5, 3, 4)

    def critic(x):
        return x.flatten(1) @ weight

    length = weight.norm()
    penalty = gradient_penalty(critic, real, fake, torch.rand(5, 1, 1))
    torch.testing.assert_close(penalty, (length - 1) ** 2)
    (slope,) = torch.autograd.grad(penalty, weight)
    torch.testing.assert_close(slope, 2 * (length - 1) * weight.detach() / length.detach())
    real.requires_grad_()
    torch.testing.assert_close(r1_penalty(critic(real), real), length**2 / 2)


def test_random_numbers_are_rows_of_the_joint_batch():
    alone = moment().randn(8, 3)
    pair = torch.cat([moment(rank=r, processes=2).randn(4, 3) for r in (0, 1)])
    assert torch.equal(pair, alone)
    assert not torch.equal(moment(1).randn(8, 3), alone)
    drawn = [moment(step, purpose="draw").randn(2, 3) for step in (0, 50)]
    assert torch.equal(*drawn)


def test_the_mean_of_what_is_known():
    values = torch.tensor([1.0, 2.0, float("nan"), 3.0], requires_grad=True)
    mean = moment().mean(values, torch.tensor([True, True, False, False]))
    assert mean.item() == 1.5
    mean.backward()
    assert values.grad.tolist() == [0.5, 0.5, 0.0, 0.0]
    assert moment().mean(values, torch.zeros(4, dtype=torch.bool)).item() == 0


@pytest.mark.parametrize("clip", [None, 0.1])
def test_scaled_half_precision_moves_weights_as_full_precision_does(clip):
    """Two optimisers share one backward pass and one loss scale, which changes on the way."""

    def moved(scaler: torch.amp.GradScaler | None) -> torch.Tensor:
        weights = [nn.Parameter(torch.tensor([1.0, 2.0])) for _ in range(2)]
        optimisers = {str(i): torch.optim.SGD([w], lr=0.1) for i, w in enumerate(weights)}
        precision = SimpleNamespace(
            scaler=scaler, unscale_gradients=scaler.unscale_ if scaler else lambda _: None
        )
        fabric = SimpleNamespace(
            device=torch.device("cpu"),
            world_size=1,
            global_rank=0,
            backward=lambda loss, inputs: (scaler.scale(loss) if scaler else loss).backward(
                inputs=inputs
            ),
            strategy=SimpleNamespace(precision=precision, optimizer_step=lambda o: o.step()),
        )
        place = Plan([Stage(samples=8, batch=8)]).at(0)
        for _ in range(4):
            now = Moment(
                place, seed=0, purpose="step", fabric=fabric, optimisers=optimisers, averages={}
            )
            loss = (weights[0] ** 2).sum() + (weights[1] ** 3).sum()
            now.minimise(loss, "0", "1", clip=clip)
        return torch.cat([w.detach() for w in weights])

    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=1)
    torch.testing.assert_close(moved(scaler), moved(None))
    assert scaler.get_scale() == 1024.0 * 2**4


def test_augmentation_changes_each_image_and_passes_gradients():
    images = torch.zeros(16, 1, 32, 32)
    images[:, :, 8:24, 8:24] = 1.0
    images.requires_grad_()
    changed = augmented(images, moment())
    assert changed.shape == images.shape
    assert torch.equal(changed, augmented(images, moment()))
    assert len(torch.unique(changed.detach().flatten(1).mean(1))) == 16
    changed.sum().backward()
    assert (images.grad.flatten(1).abs().sum(1) > 0).all()


def test_augmentation_of_half_precision_images_stays_inside():
    images = torch.zeros(4000, 1, 16, 16, dtype=torch.bfloat16)
    changed = augmented(images, moment())
    assert changed.shape == images.shape
    assert changed.isfinite().all()


def test_a_sheet_is_a_grid_with_gaps(tmp_path):
    from PIL import Image

    images = torch.full((2, 3, 1, 4, 5), -1.0)
    images[1, 2] = 1.0
    write_sheet(images, tmp_path / "samples" / "sheet.png")
    sheet = Image.open(tmp_path / "samples" / "sheet.png")
    assert sheet.size == (3 * 7 - 2, 2 * 6 - 2)
    assert (sheet.getpixel((0, 0)), sheet.getpixel((18, 9))) == (0, 255)


@pytest.mark.parametrize("view", [PlainView(), LiveView()])
def test_a_view_tells_losses_speed_and_what_happened(view, capsys):
    view.start("fracture/dcgan", step=10, steps=100)
    view.advance(20)
    view.tell(20, {"generator": 0.5, "seconds": 2.0, "images_per_second": 41.0})
    view.say("Stopped as asked.")
    view.stop()
    shown = capsys.readouterr().out
    assert "Stopped as asked." in shown
    if isinstance(view, PlainView):
        assert "fracture/dcgan: 100 steps, from step 10" in shown
        assert "step 20/100 · generator 0.5 · 41 images/s · 0:02:40 left" in shown


def test_values_are_readable():
    assert readable({"d": 0.69314, "data_wait": 0.0123, "seconds": 3.0}) == (
        "d 0.6931 · 1.2% waiting for data"
    )
