"""The tracker's models on LiteRT, and the detectors that find one object with them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from asl_lib._util.console import quiet_native_stderr
from asl_lib.landmarks.landmarks import LandmarkError
from asl_lib.landmarks.model_files import FETCH, model_path
from asl_lib.landmarks.regions import Region

OVERLAP = 0.3
"""Least overlap, in intersection over union, of boxes that show the same object."""


class Model:
    """A model of one square picture.

    Args:
        name: which one, as `model_files.model_path` knows it.
        low, high: values of the darkest and the brightest pixel.
        threads: number of threads. The outputs do not depend on it.

    Raises:
        LandmarkError: the model has not been fetched, or its file is damaged.
    """

    def __init__(self, name: str, *, low: float = 0.0, high: float = 1.0, threads: int = 1) -> None:
        path = model_path(name)
        try:
            content = path.read_bytes()  # LiteRT cannot open every path of Windows
            with quiet_native_stderr():  # it reports which delegate it uses
                self._interpreter = Interpreter(model_content=content, num_threads=threads)
                self._interpreter.allocate_tensors()
        except (OSError, ValueError, RuntimeError) as error:
            raise LandmarkError(
                f"The tracker's model {path} cannot be used ({error}). This fetches it again: {FETCH}"
            ) from error
        details = self._interpreter.get_input_details()[0]
        self.size, self._values = int(details["shape"][1]), self._interpreter.tensor(details["index"])
        self._low, self._scale = np.float32(low), np.float32((high - low) / 255)
        # This memory is reused for every frame: allocating it anew would take a tenth of the time.
        self._pixels = np.empty((self.size, self.size, 3), np.uint8)
        outputs = [output["index"] for output in self._interpreter.get_output_details()]
        self._outputs = [(self._interpreter.tensor(output), self._interpreter.get_tensor(output)) for output in outputs]

    def __call__(self, picture: np.ndarray, region: Region, *, border: int = cv2.BORDER_REPLICATE) -> list[np.ndarray]:
        """Return the outputs for the part of a picture in a region, without their batch axis.

        They are overwritten by the next call.
        """
        region.crop(picture, self.size, border=border, out=self._pixels)
        values = self._values()[0]
        np.multiply(self._pixels, self._scale, out=values)
        if self._low:
            values += self._low
        del values  # LiteRT does not run while its own memory is held
        self._interpreter.invoke()
        for tensor, output in self._outputs:
            np.copyto(output, tensor())
        return [output[0] for _, output in self._outputs]


class Detector:
    """A detector that returns a box, key points and a score for each anchor of its grids.

    Args:
        name: the model.
        grids: (cells to a side, anchors in a cell) of each grid.
        low: value of the darkest pixel; the brightest becomes 1.
        threads: number of threads.
    """

    def __init__(self, name: str, grids: Sequence[tuple[int, int]], *, low: float, threads: int = 1) -> None:
        self._model = Model(name, low=low, threads=threads)
        self._anchors = np.concatenate([np.repeat(_cell_centres(cells), count, axis=0) for cells, count in grids])

    def __call__(self, picture: np.ndarray, region: Region, *, confidence: float = 0.5) -> np.ndarray | None:
        """Return the object with the highest score in a region of a picture, or None.

        The boxes that overlap with the best one are averaged, weighted by their scores (weighted non-maximum
        suppression).

        Returns:
            (2 + k, 2) in px: two opposite corners of its box, and its k key points.
        """
        values, logits = self._model(picture, region, border=cv2.BORDER_CONSTANT)
        scores = sigmoid(logits[:, 0])
        sure = np.flatnonzero(scores >= confidence)
        if not len(sure):
            return None
        scores, anchors = scores[sure], self._anchors[sure]
        points = values[sure].reshape(len(sure), -1, 2) / np.float32(self._model.size)  # centre, size, key points
        centres, halves = points[:, 0] + anchors, points[:, 1] / 2
        points = np.concatenate(
            [np.stack([centres - halves, centres + halves], 1), points[:, 2:] + anchors[:, None]], 1
        )
        weights = np.where(_overlap(points, points[int(np.argmax(scores))]) > OVERLAP, scores, 0)
        return region.to_picture(np.tensordot(weights, points, 1) / weights.sum())


def _cell_centres(cells: int) -> np.ndarray:
    """Return (cells * cells, 2) float32 centres of a square grid's cells, row by row, in widths of the grid."""
    places = (np.arange(cells, dtype=np.float32) + 0.5) / cells
    return np.stack(np.meshgrid(places, places), -1).reshape(-1, 2)


def _overlap(boxes: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return (n,) intersection over union of boxes with one box, given by their low and high corners."""
    common = np.minimum(boxes[:, 1], box[1]) - np.maximum(boxes[:, 0], box[0])
    intersection = common.clip(min=0).prod(axis=1)
    union = (boxes[:, 1] - boxes[:, 0]).prod(axis=1) + (box[1] - box[0]).prod() - intersection
    return intersection / np.maximum(union, 1e-12)


def sigmoid(values: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-values)), without overflow."""
    return 1 / (1 + np.exp(-np.clip(values, -80, 80)))
