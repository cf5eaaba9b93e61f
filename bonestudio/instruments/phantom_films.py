"""Films of virtual patients for whoever needs a few: samples, try-out studies, demonstrations."""

from bonestudio.errors import RequestError
from bonestudio.imaging.types import Radiograph

YEARS = 8  # the step of the progression study in the BAPGAN paper


class PhantomFilms:
    """Virtual patients are the embedded default wherever no film has been given."""

    def ageing_pairs(
        self, count: int, *, seed: int = 0
    ) -> list[tuple[Radiograph, Radiograph, str]]:
        """Phalanges of ``count`` patients against themselves 8 years older or younger, in turn."""
        from bonestudio.phantoms import VirtualPatient

        if count < 1:
            raise RequestError(f"A study needs at least one virtual patient, not {count}.")
        made = []
        for i in range(count):
            patient = VirtualPatient(seed + i, "F" if i % 2 else "M")
            young = 2.0 + (i * 7 % 80) / 10  # 2 to 10 years, spread over the patients
            films = [patient.phalange(age).image for age in (young, young + YEARS)]
            first, second = films if i % 4 < 2 else reversed(films)
            made.append((first, second, "progression" if i % 4 < 2 else "regression"))
        return made
