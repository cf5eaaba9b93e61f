"""How far an image lies from those that a network was trained on."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Familiarity(nn.Module):
    """Mahalanobis distance to the training images of one kind, in the features of a reader.

    As Lee et al. 2018 (NeurIPS 31) use it to find images from outside: with features of *all*
    depths, since the last ones alone keep only what the reader's own question asks for, and a cat
    has an age, too.

    ``features`` is the length of :meth:`bonestudio.networks.extractor.BoneExtractor.depths`.
    """

    mean: Tensor
    whiten: Tensor

    def __init__(self, *, kinds: int, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(kinds, features))
        self.register_buffer("whiten", torch.eye(features).repeat(kinds, 1, 1))

    def forward(self, seen: Float[Tensor, "n features"], kind: int) -> Float[Tensor, " n"]:
        """Distance to the images of ``kind``, about 1 for the training images themselves."""
        white = (seen - self.mean[kind]) @ self.whiten[kind]
        return white.square().mean(1).sqrt()

    @torch.no_grad()
    def learn(self, seen: Float[Tensor, "n features"], kind: int) -> None:
        """Take mean and covariance of the training images' features."""
        from sklearn.covariance import LedoitWolf

        scale = seen.std(0).clamp(min=1e-3)  # so that shrinkage treats all features alike
        centred = ((seen - seen.mean(0)) / scale).double()
        shrunk = torch.from_numpy(LedoitWolf(assume_centered=True).fit(centred.numpy()).covariance_)
        sizes, axes = torch.linalg.eigh(shrunk)
        root = axes / sizes.clamp(min=1e-6).sqrt()
        self.mean[kind] = seen.mean(0)
        self.whiten[kind] = (root / scale[:, None]).to(self.whiten.dtype)
