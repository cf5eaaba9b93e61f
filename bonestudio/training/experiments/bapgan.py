"""Paper 000: BAPGAN, which makes a bone younger or older, and its three ablations.

Four models are four sets of options: ``age_discriminator`` and ``smoothing`` (the paper's D_age,
LS), ``attention`` and ``norm = "spectral"`` with unequal rates (its SA). The options from
``average`` on are ours, off in the paper's recipes: they let a narrow network learn from a
thousand hands in minutes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Adam

from bonestudio.networks.bapgan import (
    Encoder,
    Generator,
    IdentityDiscriminator,
    ImageAgeDiscriminator,
)
from bonestudio.networks.bapgan_labels import (
    SPAN,
    age_label,
    class_label,
    class_of,
    sex_label,
)
from bonestudio.training.bapgan_options import Options
from bonestudio.training.enhance import enhanced, turned
from bonestudio.training.experiment import Experiment, Parts, Release, Released
from bonestudio.training.feeding import Images
from bonestudio.training.growing import GrowingBone, OtherAges, growing_films, open_bones
from bonestudio.training.losses import judged_false, judged_real
from bonestudio.training.moment import Moment
from bonestudio.training.releases import family_of
from bonestudio.training.schedules import hold_then_linear
from bonestudio.training.strips import aged_strips, held_out_errors, usual_codes

BONES = {"femur": "lower end of the femur", "phalange": "middle phalanx"}
SOURCES = {
    "phantom": "virtual patients",
    "rsna": "cut out of hands of the RSNA Bone Age challenge",
    "own": "own films",
}
TOLD = {
    "error": "error of a bone redrawn at its own age, root mean square, share of the grey range",
    "ageing": "change from 2 to 18 years, root mean square, share of the grey range",
}
LIMITS = (
    "A simulation, not a forecast: it draws how bones of that age look in what it was trained on. "
    "Fine texture is invented, fractures and disease are not kept. Films of another bone, view or "
    "framing lie outside what it has seen. Not for diagnosis."
)


class BAPGAN(Experiment[Options, GrowingBone]):
    """E and G against D_id, and D_img with D_age, on bones x with labels l."""

    Options = Options
    Data = GrowingBone

    def datasets(self) -> Mapping[str, Images]:
        """Open the bones; a fifth of the patients is held out for sheets and errors."""
        cohort, size = open_bones(self.data), self.options.size
        self.held_out = growing_films(cohort.split("test"), size=size)
        learned = cohort.without("test") if self.data.validation else cohort.split("train")
        films = growing_films(learned, size=size, balance=self.data.balance)
        self.learned = films
        return {"bones": films, "ages": OtherAges(films)}

    def build(self) -> Parts:
        """Figure 2's networks, an Adam for E and G, one for each discriminator."""
        o = self.options
        shared: dict[str, Any] = {"size": o.size}
        told: dict[str, Any] = {
            "classes": o.classes,
            "sexes": o.sexes,
            "attention": list(o.attention),
        }
        self.encoder = {"width": o.encoder_width, "latent": o.latent, **shared}
        self.generator = {"width": o.generator_width, "latent": o.latent, **told, **shared}
        self.E, self.G = Encoder(**self.encoder), Generator(**self.generator)
        self.D_id = IdentityDiscriminator(width=o.identity_width, latent=o.latent, norm=o.norm)
        self.D_img = ImageAgeDiscriminator(
            width=o.discriminator_width,
            dense=o.discriminator_dense,
            ages=o.age_discriminator,
            norm=o.norm,
            **told,
            **shared,
        )
        bone: list[dict[str, Any]] = [
            {"params": [*self.E.layers.parameters(), *self.G.parameters()]},
            {"params": [*self.E.code.parameters()], "lr": o.rate * o.code_rate},
        ]
        return Parts(
            networks={
                "encoder": self.E,
                "generator": self.G,
                "identity": self.D_id,
                "image": self.D_img,
            },
            optimisers={
                "bone": Adam(bone, o.rate, o.betas),
                "identity": Adam(self.D_id.parameters(), o.rate, o.betas),
                "image": Adam(self.D_img.parameters(), o.discriminator_rate, o.betas),
            },
            averages={"encoder": o.average, "generator": o.average} if o.average else {},
        )

    def rate(self, optimiser: str, now: Moment) -> float:  # noqa: ARG002 – all decay alike
        """Constant, as in the paper, or rising over the first and falling over the last part."""
        o = self.options
        rising = min(1.0, (now.progress + 1e-4) / o.warm) if o.warm else 1.0
        return rising * hold_then_linear(now.progress, hold=1.0 - o.decay)

    def step(self, batch: Mapping[str, Any], now: Moment) -> None:
        """One update of D_id, of D_img with D_age, and of E with G: equation (3)."""
        o, bones = self.options, batch["bones"]
        with now.full_precision():
            x = turned(bones["image"], now, degrees=o.rotation, wobble=o.wobble)
            x = enhanced(x, now, operations=o.operations, strength=o.strength)
            years, told = self._labels(bones, batch["ages"])
        n, own = len(x), told[: len(x)]
        z = self.E(x)
        others = z[self._drawn(n)]
        images = self.G(torch.cat([z, others]), told)  # G(E(x), l), then at other ages

        # D_id of equation (1): maximise log D_id(z*) + log(1 − D_id(E(x))), z* uniform
        prior = 2.0 * now.rand(n, o.latent) - 1.0
        loss_id = judged_real(self.D_id(prior)) + judged_false(self.D_id(z.detach()))
        now.minimise(loss_id, "identity")

        # D_img of equation (1): maximise log D_img(x, l) + log(1 − D_img(G(E(x), l)));
        # D_age of equation (2): minimise −log D_age(l|x), weighed by λ2 as in equation (3)
        real, age, maps = self.D_img.judge(x, own)
        false, _, _ = self.D_img.judge(images.detach(), told)
        loss_img = judged_real(real) + judged_false(false)
        loss_age = self._age_loss(age, years[:n])
        now.minimise(loss_img + o.age * loss_age, "image")

        # E and G: λ1 L(x, G(E(x), l)) + deceive D_id and D_img (−log D instead of log(1 − D),
        # whose gradient does not vanish) + λ2 (−log D_age(l|G(E(x), l)))
        false, age, drawn_maps = self.D_img.judge(images, told)
        likeness = (images[:n] - x).square().mean()
        deceive_id, deceive_img = judged_real(self.D_id(z)), judged_real(false)
        aged = self._age_loss(age, years)
        loss = o.reconstruction * likeness + deceive_id + deceive_img + o.age * aged
        if o.features:
            texture = _unlike(drawn_maps, maps)
            loss = loss + o.features * texture
            now.log(texture=texture)
        if o.same_bone and len(others):
            kept = (self.E(images[n:]) - others.detach()).square().mean()
            loss = loss + o.same_bone * kept
            now.log(kept=kept)
        now.minimise(loss, "bone")
        now.log(identity=loss_id, image=loss_img, age=loss_age, likeness=likeness, aged=aged)
        now.log(deceive_id=deceive_id, deceive_img=deceive_img)

    def draw(self, now: Moment) -> Tensor:
        """Draw held-out bones: input, reconstruction, then 2 to 18 years."""
        return aged_strips(*self._best(now), self.held_out, self.label, device=now.device)

    def evaluate(self, now: Moment) -> Mapping[str, float]:
        """Root mean square error of held-out reconstructions, and how far apart ages are."""
        return held_out_errors(*self._best(now), self.held_out, self.label, device=now.device)[0]

    def release(self, now: Moment) -> Release:
        """Hand on E and G, averaged if the recipe averages."""
        E, G = self._best(now)
        o, family = self.options, family_of(self.data.source)
        scores, quantiles = held_out_errors(E, G, self.held_out, self.label, now.device)
        part = {
            "encoder": ("Encoder", E, self.encoder),
            "generator": ("Generator", G.folded(), {**self.generator, "tiled": False}),
        }
        return Release(
            system="age",
            parts={
                name: Released(network=network, architecture=f"bapgan:{kind}", config=config)
                for name, (kind, network, config) in part.items()
            },
            trained_on=f"{len(self.learned)} films of the {BONES[self.data.bone]}, {SOURCES[family[0]]}",
            family=family[0],
            licence=family[1],
            citation=family[2],
            intended_use="Simulated ageing of a bone on a film, for teaching and research.",
            limits=LIMITS,
            settings={
                "bone": self.data.bone,
                "size": o.size,
                "range": [-1, 1],
                "latent": o.latent,
                "classes": o.classes,
                "ages": [0.0, SPAN],
                "smoothing": o.smoothing,
                "continuous": o.continuous,
                "sexes": o.sexes,
                "error_quantiles": quantiles,
                "drift": usual_codes(E, self.learned, now.device),
            },
            metrics={
                TOLD[name]: (value, len(self.held_out), "held out by patient")
                for name, value in scores.items()
            },
        )

    def label(self, ages: Tensor, male: Tensor) -> Tensor:
        """Return what G and D_img are told of these ages (years) and sexes."""
        o = self.options
        if o.continuous:
            label = age_label(ages, classes=o.classes, smoothing=o.smoothing)
        else:
            numbers = class_of(ages, classes=o.classes)
            label = class_label(numbers, classes=o.classes, smoothing=o.smoothing)
        return torch.cat([label, sex_label(male)], 1) if o.sexes else label

    def _drawn(self, n: int) -> list[int]:
        """Rows of the batch that are drawn at another age, too: spread evenly over it."""
        share = self.options.drawn_ages
        return [i for i in range(n) if int((i + 1) * share) > int(i * share)]

    def _labels(self, bones: Mapping[str, Tensor], others: Tensor) -> tuple[Tensor, Tensor]:
        """Age labels, and all labels: of the films themselves, then of other ages for some."""
        ages, male = bones["age"], bones["male"]
        rows = self._drawn(len(ages))
        told = self.label(torch.cat([ages, others[rows]]), torch.cat([male, male[rows]]))
        return told[:, : self.options.classes], told

    def _age_loss(self, logits: Tensor | None, label: Tensor) -> Tensor:
        """−log D_age(l|·) for a smoothed label: cross-entropy; 0 without a D_age."""
        return label.new_zeros(()) if logits is None else F.cross_entropy(logits, label)

    def _best(self, now: Moment) -> tuple[Any, Any]:
        if self.options.average:
            return now.average("encoder"), now.average("generator")
        return self.E, self.G


def _unlike(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> Tensor:
    """Mean distance between D_img's maps of reconstructions (the first of ``ours``) and of images."""
    apart = [
        (a[: len(b)] - b.detach()).abs().mean(dtype=torch.promote_types(a.dtype, torch.float32))
        for a, b in zip(ours, theirs, strict=True)
    ]
    return torch.stack(apart).mean()
