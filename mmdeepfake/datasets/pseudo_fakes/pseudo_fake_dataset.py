"""A dataset of real videos, each beside a pseudo-fake made of it."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from mmengine.logging import MMLogger

from mmdeepfake.datasets.argument_checks import check_argument
from mmdeepfake.datasets.deepfake_dataset import DeepfakeDataset
from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.registry import DATASETS
from mmdeepfake.structures import FAKE, REAL

from .donors import Donors
from .face_points import read_face_points
from .pseudo_fake import DRAWN, FORGE, MakePseudoFake


@DATASETS.register_module()
class PseudoFakeDataset(DeepfakeDataset):
    """Real videos of a manifest, each with pseudo-fakes; see `MakePseudoFake`.

    In training, item 2i is a real video and item 2i + 1 a pseudo-fake of it, of a kind
    that is drawn. `PairSampler` keeps the two in one batch, and seeds them alike: they
    show the same snippets with the same augmentations. With `own_fake_share`, the last
    `num_own_pairs` pairs each show a fake of the manifest beside the real video of its
    name and compression, or beside any real video in turn if there is none.

    In tests come the listed videos, then for every real video and kind one pseudo-fake
    with fixed draws, its kind as method.

    Fakes of the manifest are not needed. In training they are skipped, except with
    `own_fake_share`; tests show them all (the method of a figure tells them apart).

    Args:
        repeats: copies of every pair in an epoch, with other draws; training only.
        own_fake_share: share of an epoch's pairs whose second item is not a
            pseudo-fake, but a fake of the manifest. All of these are shown equally
            often, in as many epochs as that takes; training only.
        **kwargs: arguments of `DeepfakeDataset`; its pipeline has one `MakePseudoFake`.
    """

    pseudo_fakes: ClassVar[bool] = True

    def __init__(
        self, *args: Any, repeats: int = 1, own_fake_share: float = 0.0, **kwargs: Any
    ) -> None:
        is_count = type(repeats) is int and repeats >= 1
        check_argument(self, is_count, 'integers >= 1', repeats=repeats)
        check_argument(
            self,
            0 <= own_fake_share < 1,
            '0 <= share < 1',
            own_fake_share=own_fake_share,
        )
        check_argument(
            self,
            kwargs.get('real_fake_balance') is None,
            'None, since every real video has its pseudo-fake',
            real_fake_balance=kwargs.get('real_fake_balance'),
        )
        self.repeats = repeats
        self.own_fake_share = own_fake_share
        self.num_own_pairs = 0
        super().__init__(*args, **kwargs)

    def load_data_list(self) -> list[dict]:
        """List the videos with their pseudo-fakes."""
        makers = [t for t in self.pipeline.transforms if isinstance(t, MakePseudoFake)]
        if len(makers) != 1:
            raise ConfigError(
                f'{self._name()}: its pipeline has {len(makers)} MakePseudoFake; '
                'needs one'
            )
        listed = super().load_data_list()
        real = [item for item in listed if item['label'] == REAL]
        fakes = [item for item in listed if item['label'] == FAKE]
        tracks = self._read_tracks(real)
        for kind in makers[0].kinds:
            if kind.needs_donors:
                kind.donors = Donors(
                    real, tracks, user=type(kind).__name__, owner=self._name()
                )
        names = makers[0].names
        if self.test_mode:
            pseudo = [
                _mark(item, method=name, forge=place)
                for item in real
                for place, name in enumerate(names)
            ]
            self._log(f'{len(pseudo)} pseudo-fakes ({", ".join(names)})')
            return [*listed, *pseudo]
        if self.own_fake_share == 0 and fakes:
            self._log(f'{len(fakes)} fakes skipped (own_fake_share=0)')
        pairs = self._pair(real, fakes if self.own_fake_share else [])
        number = len(real) * self.repeats
        self._log(f'{number} pairs an epoch ({", ".join(names)})')
        return pairs

    def _pair(self, real: list[dict], own_fakes: list[dict]) -> list[dict]:
        if self.own_fake_share and not own_fakes:
            raise DataNotFoundError(
                f'{self._name()}: own_fake_share={self.own_fake_share}, but no fake '
                'videos are listed; add some with tools/generate_fakes.py, or set it '
                'to 0 to train on pseudo-fakes alone'
            )
        pairs = []
        for item in real * self.repeats:
            pairs += [item, _mark(item, method='PseudoFake', forge=DRAWN)]
        originals = {_name_recording(item): item for item in real}
        for number, fake in enumerate(own_fakes):
            any_real = real[number % len(real)]
            pairs += [originals.get(_name_recording(fake), any_real), fake]
        self.num_own_pairs = len(own_fakes)
        return pairs

    def _read_tracks(self, real: list[dict]) -> list[np.ndarray]:
        """Read the points of all real videos; refuse those without, by number."""
        tracks, errors = [], []
        for item in real:
            try:
                tracks.append(read_face_points(item))
            except DataError as error:
                errors.append(error)
        if errors:
            raise DataError(
                f'{self._name()}: {len(errors)} of {len(real)} real videos have no '
                f'face points, which pseudo-fakes need. The first: {errors[0]}'
            )
        return tracks

    def _check_classes(self, records: Any, *, because: str = '') -> None:
        """Require real videos alone, see `DeepfakeDataset`."""
        if all(record.key.label != REAL for record in records):
            raise DataNotFoundError(
                f'{because}\n{self._name()}: no real videos in {self.data_root!r} to '
                'make pseudo-fakes of. Folders without splits are prepared as test '
                'videos only: sort them by person into train/real, val/real and '
                'test/real, and prepare them again'.strip()
            )

    def _log(self, text: str) -> None:
        MMLogger.get_current_instance().info(f'{self._name()}: {text}')


def _mark(item: dict, *, method: str, forge: int) -> dict:
    """Return the item of a pseudo-fake."""
    key = item['video_key']._replace(label=FAKE, method=method)
    return {**item, 'video_key': key, 'label': FAKE, 'method': method, FORGE: forge}


def _name_recording(item: dict) -> tuple[str, str]:
    key = item['video_key']
    return key.compression, key.name
