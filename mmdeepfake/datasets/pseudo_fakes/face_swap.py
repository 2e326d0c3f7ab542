"""Face swap: the inner face of another person at a similar pose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import TRANSFORMS

from .colour_and_sharpness import Frames
from .donors import Donors, persons_of
from .pseudo_fake import PseudoFake, Snippets
from .replaced_face import lay_over

REGIONS = ('inner', 'inner', 'inner', 'face')


@TRANSFORMS.register_module()
class SwapFace(PseudoFake):
    """Replace the face by that of another person, with matched colours.

    Attributes:
        donors: the videos to take faces from, set by `PseudoFakeDataset`.
    """

    needs_donors = True
    donors: Donors | None = None

    def forge(
        self, snippets: Snippets, rng: np.random.Generator
    ) -> tuple[Frames, NDArray[np.float32]]:
        """See `PseudoFake`."""
        if self.donors is None:
            raise ConfigError('SwapFace needs a PseudoFakeDataset, for other persons')
        source, source_points = self.donors.draw(
            snippets.points,
            rng,
            persons=persons_of(snippets.item),
            clip_len=snippets.clip_len,
        )
        region = str(rng.choice(REGIONS))
        return lay_over(snippets, source, source_points, rng, region=region)
