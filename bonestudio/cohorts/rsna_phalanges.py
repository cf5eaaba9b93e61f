"""Phalanges of the RSNA hands, cropped upright when they are read."""

from collections.abc import Callable, Sequence

from bonestudio.cohorts.cohort import Cohort, Part
from bonestudio.cohorts.found_hands import found_hands
from bonestudio.cohorts.hand import Phalanx
from bonestudio.cohorts.phalange import FRAME, SURE_ENOUGH, crop_phalange, phalange_box
from bonestudio.cohorts.rsna import RsnaBoneAge
from bonestudio.cohorts.sample import Entry, Sample
from bonestudio.errors import ImageError, RequestError


class RsnaPhalanges(Cohort):
    """One sample for each finger of each hand in which it was found.

    ``labels`` hold 'finger' (2-5), 'score' (of its joints), 'side' (of the box, in pixels of the
    film) and 'contrast' (grey levels in the phalanx over the film's full range).

    Parameters
    ----------
    min_side, min_contrast
        Phalanges smaller or fainter than this are left out. 0.12 leaves out the films whose
        phalanx has less than 30 of 256 grey levels (a seventh of the 1 050 hands).
    """

    source = "rsna"

    def __init__(
        self,
        hands: RsnaBoneAge,
        *,
        fingers: Sequence[int] = (2,),
        phalanx: Phalanx = "middle",
        size: int = 128,
        frame: float = FRAME,
        min_side: float = 0.0,
        min_contrast: float = 0.0,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        if not fingers or not set(fingers) <= {2, 3, 4, 5}:
            raise RequestError("Fingers are 2 (index) to 5 (little); name at least one.")
        self.hands, self.phalanx, self.size, self.frame = hands, phalanx, size, frame
        films = {e.name: path for e, path in zip(hands.entries, hands.files, strict=True)}
        self.found = found_hands(hands.folder, films, progress)
        self._crops: list[tuple[int, int]] = []
        entries = []
        for film, hand in enumerate(hands.entries):
            joints, contrast = self.found[hand.name].joints, self.found[hand.name].contrast
            if joints is None:
                continue
            for finger in fingers:
                if joints.finger_score(finger) < SURE_ENOUGH:
                    continue
                side = phalange_box(joints, finger=finger, phalanx=phalanx, frame=frame).side
                if side < min_side or contrast[finger] < min_contrast:
                    continue
                self._crops.append((film, finger))
                entries.append(
                    Entry(
                        name=f"{hand.name}-{finger}",
                        patient=hand.patient,
                        age=hand.age,
                        sex=hand.sex,
                        labels={
                            "finger": float(finger),
                            "score": joints.finger_score(finger),
                            "side": side,
                            "contrast": contrast[finger],
                        },
                    )
                )
        self.entries = tuple(entries)
        if not entries:
            raise ImageError("No phalanx was found on any film of this folder; are these hands?")

    def parts(self, *, seed: int = 0) -> dict[Part, list[int]]:
        """Phalanges lie in the part of their hand, so that every task on these hands agrees."""
        of_hand = {
            self.hands.entries[i].name: part
            for part, numbers in self.hands.parts(seed=seed).items()
            for i in numbers
        }
        dealt: dict[Part, list[int]] = {"train": [], "validation": [], "test": []}
        for i, entry in enumerate(self.entries):
            dealt[of_hand[entry.patient]].append(i)
        return dealt

    def load(self, i: int) -> Sample:
        """Read a film and crop one phalanx, [size, size]."""
        from bonestudio.imaging.reading import read_radiograph

        entry, (film, finger) = self.entries[i], self._crops[i]
        crop, _ = crop_phalange(
            read_radiograph(self.hands.files[film]),
            self.found[entry.patient].joints,
            finger=finger,
            phalanx=self.phalanx,
            size=self.size,
            frame=self.frame,
        )
        return self.sample(i, crop)
