"""The bundled discriminator as features."""

import numpy as np
import torch

from ganwidgets.nn.features import feature_rows
from ganwidgets.scenes.features import discriminator_features
from ganwidgets.scenes.measure import drawn_batches


def test_a_row_a_picture_whatever_its_neighbours_and_drawings_differ_from_noise():
    images, _ = next(drawn_batches(12, seed=2))
    features = discriminator_features()
    rows = feature_rows(features, images)
    assert rows.shape == (12, 128) and rows.std(0).min() > 0
    np.testing.assert_allclose(feature_rows(features, images[3:4]), rows[3:4], atol=1e-4)
    noise = feature_rows(features, torch.rand(12, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1)
    assert (np.abs(noise.mean(0) - rows.mean(0)) > 3 * rows.std(0)).mean() > 0.3
