"""Films of virtual patients for whoever needs a few: samples, try-out studies, demonstrations."""

from bonestudio.errors import RequestError
from bonestudio.imaging.types import Radiograph

YEARS = 8  # the step of the progression study in the BAPGAN paper
_BLUR = 1.5  # mm, of the worst film of a grading study


class PhantomFilms:
    """Virtual patients are the embedded default wherever no film has been given."""

    def ageing_pairs(
        self, count: int, *, seed: int = 0
    ) -> list[tuple[Radiograph, Radiograph, str]]:
        """Phalanges of ``count`` patients against themselves 8 years older or younger, in turn."""
        from bonestudio.phantoms import VirtualPatient

        _check(count)
        made = []
        for i in range(count):
            patient = VirtualPatient(seed + i, "F" if i % 2 else "M")
            young = 2.0 + (i * 7 % 80) / 10  # 2 to 10 years, spread over the patients
            films = [patient.phalange(age).image for age in (young, young + YEARS)]
            first, second = films if i % 4 < 2 else reversed(films)
            made.append((first, second, "progression" if i % 4 < 2 else "regression"))
        return made

    def films(self, count: int, *, natural: bool = False, seed: int = 0) -> list[Radiograph]:
        """Phalanges of ``count`` patients of 2 to 18 years.

        ``natural`` films have the look of a clinic's archive (exposure, grid, noise) and stand in
        for real ones in a try-out; the others are bare renderings.
        """
        from bonestudio.phantoms import VirtualPatient

        _check(count)
        return [
            VirtualPatient(seed + i, "F" if i % 2 else "M")
            .phalange(2.0 + (i * 7 % 160) / 10, style="natural" if natural else "synthetic")
            .image
            for i in range(count)
        ]

    def graded(self, count: int, *, seed: int = 0) -> list[tuple[Radiograph, dict[str, float]]]:
        """Films of falling sharpness, each with the sharpness known, in 1/mm, as its score."""
        from scipy.ndimage import gaussian_filter

        made = []
        for i, film in enumerate(self.films(count, natural=True, seed=seed)):
            pixel = film.spacing[0] if film.spacing else 0.25  # mm
            blur = _BLUR * (i * 7 % count) / count  # mm; 0 is as taken
            pixels = gaussian_filter(film.pixels, blur / pixel)
            made.append((film.with_pixels(pixels), {"sharpness": 1 / (pixel + blur)}))
        return made


def _check(count: int) -> None:
    if count < 1:
        raise RequestError(f"A study needs at least one virtual patient, not {count}.")
