"""What a recipe of paper 000 says of its networks, losses and augmentation."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from bonestudio.training.recipes import Frozen

Share = Annotated[float, Field(ge=0.0, lt=1.0)]
Part = Annotated[float, Field(ge=0.0, le=1.0)]


class Options(Frozen):
    """Hyperparameters; the defaults are BAPGAN's in the paper.

    Attributes
    ----------
    reconstruction, age
        λ1 and λ2. The ℓ2 term is the mean square over pixels in [-1, 1]: CAAE's published code
        weighs the same mean 10 000 times as much as its adversarial term.
    warm, decay
        Shares of the training in which rates rise from 0 and fall back to it.
    code_rate
        Factor on the rate of the encoder's dense layer, which z depends on most.
    continuous
        Labels of the age in years instead of its class.
    drawn_ages
        Share of the batch that is also drawn at the age of another film and judged there. The
        paper judges reconstructions alone, so its generator may read the age from z and ignore
        the label.
    same_bone
        Weight of ‖E(G(z, l')) − z‖²: an aged bone is still this person's.
    features
        Weight of the ℓ1 distance between D_img's maps of the image and of its reconstruction
        (Larsen et al. 2016): likeness of texture, where pixels alone reward blur.
    """

    size: PositiveInt = 128
    latent: PositiveInt = 50
    encoder_width: PositiveInt = 64
    generator_width: PositiveInt = 64
    identity_width: PositiveInt = 64
    discriminator_width: PositiveInt = 16
    discriminator_dense: PositiveInt = 1024
    classes: PositiveInt = 5
    age_discriminator: bool = True
    smoothing: Share = 0.2
    attention: tuple[int, ...] = (32,)
    norm: Literal["batch", "spectral"] = "spectral"
    rate: PositiveFloat = 1e-4
    discriminator_rate: PositiveFloat = 4e-4
    betas: tuple[float, float] = (0.5, 0.999)
    reconstruction: PositiveFloat = 10_000.0
    age: NonNegativeFloat = 100.0
    rotation: NonNegativeFloat = 5.0
    operations: NonNegativeInt = 2
    strength: Part = 0.5
    sexes: bool = False
    average: Share = 0.0
    warm: Share = 0.0
    decay: Share = 0.0
    code_rate: PositiveFloat = 1.0
    wobble: Share = 0.0
    continuous: bool = False
    drawn_ages: Part = 0.0
    same_bone: NonNegativeFloat = 0.0
    features: NonNegativeFloat = 0.0
