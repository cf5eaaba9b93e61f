"""What pretraining and target of paper 004 share: whom they learn from, their rate, where an encoder starts."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import nn

from bonestudio.checkpoints.store import load
from bonestudio.errors import TrainingError
from bonestudio.training.experiment import Experiment
from bonestudio.training.feeding import Images
from bonestudio.training.hips import Hips, open_hips
from bonestudio.training.moment import Moment
from bonestudio.training.recipes import Frozen
from bonestudio.training.schedules import warm_restarts


class HipOptions(Frozen):
    """Hyperparameters of both.

    Films are ``size`` pixels high; ``width`` multiplies the encoder's channels. ``pretrained`` names a
    checkpoint whose encoder training starts from ('density/pretrain-bd-256'). AdamW has ``rate`` and
    ``decay``; the rate falls and starts again after ``cycle`` epochs. ``clip`` bounds the gradient.
    """

    size: PositiveInt = 256
    width: PositiveFloat = 1.0
    channels: PositiveInt = 256
    pretrained: str = ""
    rate: PositiveFloat = 1e-4
    decay: NonNegativeFloat = 1e-4
    cycle: PositiveFloat = 10.0
    clip: PositiveFloat | None = None


OptionsT = TypeVar("OptionsT", bound=HipOptions)


class HipTraining(Experiment[OptionsT, Hips]):
    """An experiment on hips: one fold of the patients is held out, the same for pretraining and target."""

    Data = Hips

    def datasets(self) -> Mapping[str, Images]:
        """Open the patients who are not held out; a fifth of them sets the target's interval."""
        d = self.data
        films = open_hips(d, size=self.options.size)
        self.hips, self.calibration, self.held_out = films.fold(d.fold, of=d.folds)
        return {"hips": self.hips}

    def rate(self, optimiser: str, now: Moment) -> float:  # noqa: ARG002 – one for all
        """SGDR: cosines of T₀, 2 T₀, 4 T₀ … epochs."""
        return warm_restarts(now.samples / len(self.hips), first=self.options.cycle)


def take_encoder(encoder: nn.Module, checkpoint: str, *, fold: int) -> None:
    """Start from the encoder of a checkpoint, if it fits and held out the same patients."""
    weights = load(checkpoint)
    if "encoder" not in weights.networks:
        raise TrainingError(f"{checkpoint} has no encoder to start from.")
    told = weights.card.settings.get("fold", [fold])
    if told[0] != fold:
        raise TrainingError(
            f"{checkpoint} held out fold {told[0]}, this run holds out {fold}: it has seen who is to judge."
        )
    try:
        encoder.load_state_dict(weights["encoder"].state_dict())
    except RuntimeError as error:
        raise TrainingError(
            f"The encoder of {checkpoint} has another width; give the same options.width."
        ) from error
