"""What a network for photographs needs to see, found with little memory."""

import numpy as np

from asl_lib.evaluation.occlusion import occlusion_map
from tests.training.test_images import make_photographs, train


def test_occluding_the_decisive_pixels_lowers_the_probability_most(tmp_path):
    model, photographs, _ = train(tmp_path, epochs=12)
    for number in (0, 1):
        heat = occlusion_map(model, photographs.values[number], label=photographs.y[number], patch=8)
        spot = heat[12:20, 4 + 16 * number : 12 + 16 * number].mean()
        assert spot > heat[:6].mean() + 0.05


class Brightness:
    """Stands in for a network: the probability of class 0 is the mean brightness."""

    def __init__(self):
        self.copies = []

    def predict(self, images, **options):
        self.copies.append(len(images))
        return (images.mean(axis=(1, 2, 3)) / 255)[:, None]


def test_a_large_photograph_is_occluded_in_small_batches_with_the_same_result():
    """At 1,024 px a photograph is 12.6 MB of float32: all 289 copies at once would be 3.6 GB."""
    image = np.random.default_rng(0).integers(0, 255, (1024, 1024, 3), np.uint8)
    network = Brightness()
    heat = occlusion_map(network, image, label=0)
    assert sum(network.copies) == 1 + 289
    assert max(network.copies) <= 4
    patch, step = 204, 51
    covered = image.astype(np.float32)
    covered[step : step + patch, :patch] = image.astype(np.float32).mean(axis=(0, 1))
    corner = image.astype(np.float32)
    corner[:patch, :patch] = covered[step, 0]
    falls = [image.mean() / 255 - copy.mean() / 255 for copy in (corner, covered)]
    np.testing.assert_allclose(heat[0, 0], falls[0], atol=1e-5)
    np.testing.assert_allclose(heat[step, 0], np.mean(falls), atol=1e-5)
    assert make_photographs(2).values.dtype == np.uint8
