"""MediaPipe's own Holistic Landmarker (its Tasks API) on the same models: the second tracker, for comparison.

It is used only with `tracker: mediapipe`, because MediaPipe's Tasks send usage metrics to Google.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import flatbuffers
import mediapipe
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from mediapipe.tasks.metadata import metadata_schema_py_generated as metadata
from mediapipe.tasks.python import BaseOptions, vision
from mediapipe.tasks.python.metadata.metadata_writers.metadata_info import InputImageTensorMd
from mediapipe.tasks.python.metadata.metadata_writers.model_asset_bundle_utils import create_model_asset_bundle

from asl_lib._util.console import quiet_native_stderr
from asl_lib._util.files import atomic_write
from asl_lib.landmarks.landmarks import PARTS, LandmarkError
from asl_lib.landmarks.model_files import model_path, models_folder
from asl_lib.landmarks.regions import check_picture
from asl_lib.landmarks.tracker import FRAME_S, Tracker

PRIVACY_NOTICE = (
    "tracker: mediapipe. MediaPipe's Tasks send metrics about their performance and utilization to Google, as their "
    "privacy notice says: https://goo.gle/mediapipe-privacy"
)
BUNDLE = "holistic_landmarker.task"


class MediaPipeTracker(Tracker):
    """MediaPipe's Holistic Landmarker, in its mode for videos.

    Args:
        parts: the parts to return. Without "face" the models of the face do not run, except for its detector.

    Raises:
        LandmarkError: there is no such part, the models have not been fetched, or a system library is missing.
    """

    def __init__(self, parts: Sequence[str] = tuple(PARTS)) -> None:
        super().__init__(parts)
        print(PRIVACY_NOTICE, file=sys.stderr)
        self._options = vision.HolisticLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(bundle_path())),
            running_mode=vision.RunningMode.VIDEO,
            min_face_detection_confidence=0.5 if "face" in self.parts else 1.0,
        )
        self._open()

    def _open(self) -> None:
        self._time_s: float | None = None
        try:
            with quiet_native_stderr():
                self._landmarker = vision.HolisticLandmarker.create_from_options(self._options)
        except OSError as error:
            raise LandmarkError(
                f"MediaPipe cannot be loaded: {error}. Debian, Ubuntu: sudo apt-get install libegl1 libgles2"
            ) from error

    def close(self) -> None:
        self._landmarker.close()

    def reset(self) -> None:
        # Its filters and its last regions end only with it.
        self.close()
        self._open()

    def track(self, frame: np.ndarray, *, seconds: float = FRAME_S) -> np.ndarray:
        check_picture(frame)
        picture = mediapipe.Image(mediapipe.ImageFormat.SRGB, np.ascontiguousarray(frame))
        self._time_s = 0.0 if self._time_s is None else self._time_s + seconds
        result = self._landmarker.detect_for_video(picture, round(1000 * self._time_s))
        rows = []
        for part in self.parts:
            rows.append(np.full((PARTS[part], 4), (np.nan, np.nan, np.nan, 0), np.float32))
            if found := getattr(result, f"{part}_landmarks")[: PARTS[part]]:
                rows[-1][:] = [(p.x, p.y, p.z, max(p.visibility, 1e-6) if part == "pose" else 1.0) for p in found]
        return np.concatenate(rows)


def bundle_path() -> Path:
    """Return the path of the single file of models that the Holistic Landmarker needs; create it if it is missing.

    Raises:
        LandmarkError: the models have not been fetched.
    """
    path = models_folder() / BUNDLE
    if path.is_file():
        return path
    models = {
        "face_detector": model_path("face_detection_short_range").read_bytes(),
        "face_landmarks_detector": _with_478_points(_read("face_landmark")),
        "face_blendshapes": model_path("hand_recrop").read_bytes(),  # a bundle must have one, and nobody runs it
        "hand_landmarks_detector": model_path("hand_landmark_full").read_bytes(),
        "hand_roi_refinement": _with_pixels_from_0_to_1(_read("hand_recrop")),
        "pose_detector": model_path("pose_detection").read_bytes(),
        "pose_landmarks_detector": _pose_landmarks_detector(),
    }
    with atomic_write(path) as tmp:
        create_model_asset_bundle({f"{name}.tflite": model for name, model in models.items()}, str(tmp))
    return path


def _read(name: str) -> Any:
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(model_path(name).read_bytes(), 0))


def _packed(table: Any, identifier: bytes) -> bytes:
    builder = flatbuffers.Builder(0)
    builder.Finish(table.Pack(builder), identifier)
    return bytes(builder.Output())


def _add_buffer(model: Any, data: bytes) -> int:
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(data, np.uint8)
    model.buffers.append(buffer)
    return len(model.buffers) - 1


def _with_pixels_from_0_to_1(model: Any) -> bytes:
    """Return a model whose metadata tell MediaPipe to divide pixels by 255, as its older graphs did by themselves."""
    graph, whole, entry = metadata.SubGraphMetadataT(), metadata.ModelMetadataT(), schema.MetadataT()
    image = InputImageTensorMd(
        "image", norm_mean=[0.0], norm_std=[255.0], color_space_type=metadata.ColorSpaceType.RGB,
        tensor_type=schema.TensorType.FLOAT32,
    )  # fmt: skip
    graph.inputTensorMetadata = [image.create_metadata()]
    graph.outputTensorMetadata = [metadata.TensorMetadataT() for _ in model.subgraphs[0].outputs]
    whole.subgraphMetadata, whole.minParserVersion = [graph], "1.0.0"
    entry.name, entry.buffer = "TFLITE_METADATA", _add_buffer(model, _packed(whole, b"M001"))
    model.metadata = [entry]
    return _packed(model, b"TFL3")


def _pose_landmarks_detector() -> bytes:
    """Return the pose model with five outputs as MediaPipe counts them; a small one stands in for the mask."""
    model = _read("pose_landmark_full")
    landmarks, score, heatmaps, world = model.subgraphs[0].outputs
    model.subgraphs[0].outputs = [landmarks, score, score, heatmaps, world]
    return _with_pixels_from_0_to_1(model)


def _with_478_points(model: Any) -> bytes:
    """Return the face model with ten more points of zeros, which are the irises in the newer one."""
    graph, code, operator = model.subgraphs[0], schema.OperatorCodeT(), schema.OperatorT()
    points, *others = graph.outputs
    shape = list(graph.tensors[points].shape)
    pad = np.zeros((len(shape), 2), np.int32)
    pad[-1, 1] = 30
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.PAD
    code.version = 1
    padding, padded = schema.TensorT(), schema.TensorT()
    padding.name, padding.shape, padding.type = "pad", pad.shape, schema.TensorType.INT32
    padding.buffer = _add_buffer(model, pad.tobytes())
    padded.name, padded.shape, padded.type = "padded", [*shape[:-1], shape[-1] + 30], schema.TensorType.FLOAT32
    count = len(graph.tensors)
    operator.opcodeIndex, operator.inputs, operator.outputs = len(model.operatorCodes), [points, count], [count + 1]
    operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.PadOptions, schema.PadOptionsT()
    model.operatorCodes.append(code)
    graph.tensors += [padding, padded]
    graph.operators.append(operator)
    graph.outputs = [count + 1, *others]
    return _packed(model, b"TFL3")
