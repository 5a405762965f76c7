"""`FeatureRecipe` and `describe_clips` in TensorFlow's operators, for `export`: the same numbers, in one graph.

LiteRT has an operator built in for everything here. Shapes are fixed and NaN is avoided: points are two tensors, values
(0 where missing) and `seen`, and frames behind the clip's last one are missing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from asl_lib._util.console import quiet_native_stderr
from asl_lib.features.body import (
    LEFT_SHOULDER,
    LEFT_WRIST,
    RECIPE_PARTS,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
    mirror_parts,
)
from asl_lib.features.handshape import FINGERS, MIDDLE_KNUCKLE, TIPS, WRIST
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.features.resampling import cut_or_pad
from asl_lib.landmarks.landmarks import PARTS
from asl_lib.models.trees import DESCRIBED, SEEN_ENOUGH, smooth

with quiet_native_stderr():  # TensorFlow's notes come before it reads any setting
    import tensorflow as tf

LEAST_X = -1e6
"""A landmark whose x is smaller, or NaN, is missing."""
LARGE = 1e9
SMALLEST_EXPONENT = 745.0
"""exp(-745) is the smallest number that float64 has."""


@dataclass(frozen=True)
class Points:
    """A clip in the graph: values (T, L, C), 0 where missing, and seen (T, L)."""

    values: Any
    seen: Any

    def take(self, columns: Any) -> Points:
        """Return some of the landmarks, in any order."""
        return Points(tf.gather(self.values, columns, axis=1), tf.gather(self.seen, columns, axis=1))

    def cleared(self, seen: Any) -> Points:
        """Return the points with those that are not seen set to 0."""
        return Points(tf.where(seen[..., None], self.values, tf.zeros_like(self.values)), seen)


def landmark_features(recipe: FeatureRecipe, *clip: Any) -> tuple[Any, Any]:
    """Return the features of a clip for each view that `recipe.views` gives, and whether it can be classified.

    Args:
        recipe: the recipe.
        clip: landmarks, times, count, aspect and fps, as for `landmark_views`.

    Returns:
        (views, frames, num_features) features, and a bool.
    """
    views, found = landmark_views(recipe, *clip)
    return tf.stack([encode_points(view, recipe) for view in views]), found


def landmark_views(
    recipe: FeatureRecipe, landmarks: Any, times: Any, count: Any, aspect: Any, fps: Any
) -> tuple[list[Points], Any]:
    """Return the `recipe.views` of the `recipe.points` of a clip, and whether it can be classified.

    Args:
        recipe: the recipe.
        landmarks: (T, L, 4) x, y, z and confidence of `recipe.tracked_parts`, as a tracker gives them; missing where x
            is NaN or below `LEAST_X`.
        times: (T,) seconds, rising.
        count: how many of the T frames are used.
        aspect: height / width of the picture.
        fps: rate to which the frames are brought, as `resample_in_time` does.

    Returns:
        The clip in each view, and a bool: False with fewer than 2 frames, or without the shoulders that the recipe
        needs.
    """
    ends = np.cumsum([PARTS[part] for part in recipe.tracked_parts])
    starts = {part: end - PARTS[part] for part, end in zip(recipe.tracked_parts, ends, strict=True)}
    seen = (landmarks[..., 0] > LEAST_X) & (tf.range(landmarks.shape[0]) < count)[:, None]  # NaN compares as false
    clip = Points(landmarks[..., :3], seen).cleared(seen)
    clip, frames = _resample_in_time(clip, times, count, fps)
    clip = replace(clip, values=clip.values * tf.stack([tf.ones_like(aspect), aspect, tf.ones_like(aspect)]))
    found = count > 1
    if recipe.mirror_left_handed:
        clip = _mirror_left_handed(clip, frames, recipe, starts)
    if recipe.body_frame == "shoulders":
        clip, shoulders = _to_body_frame(clip, starts["pose"])
        found &= shoulders
    chosen = [starts[RECIPE_PARTS[part][0]] + np.array(RECIPE_PARTS[part][1]) for part in recipe.parts]
    clip = clip.take(np.concatenate(chosen))
    clip = replace(clip, values=clip.values[..., : recipe.num_coordinates])
    if recipe.body_frame == "minmax":
        clip = _stretch(clip)
    clip = _fill_gaps(clip.cleared(clip.seen), max_gap=recipe.max_gap)
    clip = _take_frames(clip, frames, recipe)
    return [clip, _mirrored(clip, recipe)] if recipe.num_views == 2 else [clip], found


def _sample(clip: Points, before: Any, after: Any, weight: Any) -> Points:
    """Return the frames between two frames each, as `resampling.sample_at`: (n,) numbers and weights of the second."""
    first, second = (Points(tf.gather(clip.values, at), tf.gather(clip.seen, at)) for at in (before, after))
    exact, weight = (weight == 0)[:, None], weight[:, None, None]
    # Missing values are 0 here, so that 0 x missing is no NaN.
    values = first.values * (1 - weight) + second.values * weight
    return Points(values, first.seen & (exact | second.seen))


def _resample_in_time(clip: Points, times: Any, count: Any, fps: Any) -> tuple[Points, Any]:
    """Return `resampling.resample_in_time` of the first `count` frames, and the number of frames of the result.

    A clip that would have more than T frames gets a lower rate.
    """
    most = times.shape[0]
    number = tf.range(most)
    start_s, last_s = times[0], tf.gather(times, tf.maximum(count - 1, 0))
    seconds = tf.maximum(last_s - start_s, 1e-6)
    fps = tf.minimum(fps, (most - 1) / seconds)
    frames = tf.maximum(tf.cast(tf.floor(seconds * fps + 1e-3), tf.int32) + 1, 2)
    grid = tf.minimum(start_s + tf.cast(number, tf.float32) / fps, last_s)
    passed = (times[None] <= grid[:, None]) & (number < count)[None]
    before = tf.maximum(tf.reduce_sum(tf.cast(passed, tf.int32), axis=1) - 1, 0)
    after = tf.maximum(tf.minimum(before + 1, count - 1), before)
    step_s = tf.gather(times, after) - tf.gather(times, before)
    weight = tf.where(after > before, (grid - tf.gather(times, before)) / tf.maximum(step_s, 1e-9), 0.0)
    # As there, a moment that is nearly a frame's is that frame's.
    before, weight = tf.where(weight > 1 - 1e-3, after, before), tf.where(tf.abs(weight - 0.5) > 0.499, 0.0, weight)
    clip = _sample(clip, before, after, weight)
    return clip.cleared(clip.seen & (number < frames)[:, None]), frames


def _mirror_left_handed(clip: Points, frames: Any, recipe: FeatureRecipe, starts: dict[str, Any]) -> Points:
    """Return the clip, mirrored where `body.left_hand_leads`."""
    left, right = (_number(clip.seen[:, starts[hand]]) for hand in ("left_hand", "right_hand"))
    wrists = [starts["pose"] + wrist for wrist in (LEFT_WRIST, RIGHT_WRIST)]
    counts = [_number(clip.seen[:, wrist]) for wrist in wrists]
    heights = [
        tf.reduce_sum(clip.values[:, wrist, 1]) / tf.cast(tf.maximum(n, 1), tf.float32)
        for wrist, n in zip(wrists, counts, strict=True)
    ]
    higher = tf.where(tf.minimum(*counts) > 0, heights[0] < heights[1], left > right)
    leads = tf.where(5 * tf.abs(left - right) > frames, left > right, higher)
    # The library's own function, applied to the numbers of the landmarks, tells where each one comes from.
    codes = {part: _codes(PARTS[part], start=starts[part]) for part in recipe.tracked_parts}
    source = np.concatenate([mirrored[:, 1] for mirrored in mirror_parts(codes, width=1).values()])
    mirrored = _reflect(clip.take(source.astype(np.int32)), width=1)
    return Points(tf.where(leads, mirrored.values, clip.values), tf.where(leads, mirrored.seen, clip.seen))


def _mirrored(clip: Points, recipe: FeatureRecipe) -> Points:
    """Return `recipe.mirror` of the clip."""
    source = recipe.mirror(_codes(recipe.num_landmarks))[:, 1]
    missing = np.isnan(source)  # a hand whose opposite hand is not in the recipe
    mirrored = _reflect(
        clip.take(np.where(missing, 0, source).astype(np.int32)), width=0 if recipe.body_frame == "shoulders" else 1
    )
    return mirrored.cleared(mirrored.seen & ~missing)


def _codes(landmarks: int, *, start: int = 0) -> np.ndarray:
    """Return (landmarks, 2) points whose y is their number."""
    return np.stack([np.zeros(landmarks), start + np.arange(landmarks)], axis=-1).astype(np.float32)


def _reflect(clip: Points, *, width: int) -> Points:
    x = width - clip.values[..., :1]
    return Points(tf.concat([x, clip.values[..., 1:]], axis=-1), clip.seen).cleared(clip.seen)


def _median(values: Any, seen: Any) -> tuple[Any, Any]:
    """Return the medians of (T, k) values over the frames that are seen, (k,), and the number of those frames."""
    most = values.shape[0]
    rising = -tf.math.top_k(-tf.transpose(tf.where(seen[:, None], values, LARGE)), k=most).values
    n = _number(seen)
    low, high = (tf.gather(rising, tf.maximum(at, 0), axis=1) for at in ((n - 1) // 2, tf.minimum(n // 2, most - 1)))
    return (low + high) / 2, n


def _to_body_frame(clip: Points, pose: int) -> tuple[Points, Any]:
    """Return the clip with origin and unit of the shoulders, and whether any frame shows both."""
    left, right = (clip.values[:, pose + shoulder] for shoulder in (LEFT_SHOULDER, RIGHT_SHOULDER))
    both = clip.seen[:, pose + LEFT_SHOULDER] & clip.seen[:, pose + RIGHT_SHOULDER]
    medians, n = _median(tf.concat([(left + right) / 2, _norm(left[:, :2] - right[:, :2])[:, None]], axis=1), both)
    return replace(clip, values=(clip.values - medians[:3]) / tf.maximum(medians[3], 1e-6)), n > 0


def _stretch(clip: Points) -> Points:
    seen = clip.seen[..., None]
    low = tf.reduce_min(tf.where(seen, clip.values, LARGE), axis=1, keepdims=True)
    high = tf.reduce_max(tf.where(seen, clip.values, -LARGE), axis=1, keepdims=True)
    return replace(clip, values=(clip.values - low) / tf.maximum(high - low, 1e-6))


def _fill_gaps(clip: Points, *, max_gap: int) -> Points:
    """Return `resampling.fill_gaps` of the clip."""
    most, landmarks = clip.seen.shape
    max_gap = min(max_gap, most)  # int32 has no larger one than about 2e9
    number = tf.range(most)[:, None]
    last = tf.where(clip.seen, number, -most)
    following = tf.where(clip.seen, number, 2 * most)
    reach = 1
    while reach <= min(max_gap, most - 1):  # each step doubles how far a frame looks to both sides
        last = tf.maximum(last, tf.pad(last[:-reach], [(reach, 0), (0, 0)], constant_values=-most))
        following = tf.minimum(following, tf.pad(following[reach:], [(0, reach), (0, 0)], constant_values=2 * most))
        reach *= 2
    fillable = ~clip.seen & (last >= 0) & (following < most) & (following - last - 1 <= max_gap)
    last, following = (tf.where(fillable, at, 0) for at in (last, following))
    columns = tf.broadcast_to(tf.range(landmarks), (most, landmarks))
    before, after = (tf.gather_nd(clip.values, tf.stack([at, columns], axis=-1)) for at in (last, following))
    length = tf.cast(tf.maximum(following - last, 1), tf.float32)
    weight = (tf.cast(number - last, tf.float32) / length)[..., None]
    values = tf.where(fillable[..., None], before * (1 - weight) + after * weight, clip.values)
    return Points(values, clip.seen | fillable)


def _take_frames(clip: Points, frames: Any, recipe: FeatureRecipe) -> Points:
    """Return the clip in `recipe.frames` frames, as `resampling.resample` or `cut_or_pad` does."""
    # Where each frame comes from, for every length of a clip, worked out beforehand: LiteRT would round otherwise.
    most = clip.seen.shape[0]
    at = np.zeros((most + 1, recipe.frames))
    for n in range(1, most + 1):
        if recipe.timing == "resample":
            at[n] = np.linspace(0, n - 1, recipe.frames)
        else:
            own = np.arange(n, dtype=np.float32)[:, None, None]
            at[n] = cut_or_pad(own, num_frames=recipe.frames, centre=recipe.timing == "window")[:, 0, 0]
    there, at = ~np.isnan(at), np.nan_to_num(at)
    before = np.floor(at).astype(np.int32)
    after = np.minimum(before + 1, np.maximum(np.arange(most + 1) - 1, 0)[:, None]).astype(np.int32)
    tables = (before, after, (at - before).astype(np.float32), there)
    before, after, weight, there = (tf.gather(tf.constant(table), frames) for table in tables)
    taken = _sample(clip, before, after, weight)
    return taken.cleared(taken.seen & there[:, None])


def encode_points(clip: Points, recipe: FeatureRecipe) -> Any:
    """Return `recipe.encode` of the clip: (frames, num_features)."""
    own, moved, shapes = [], [], []
    for part in recipe.parts:
        columns = recipe.columns(part)
        points = Points(clip.values[:, columns], clip.seen[:, columns])
        if part in recipe.hands and (recipe.hand_frame != "body" or recipe.handshape):
            centred = _to_wrist_frame(points)
            if recipe.hand_frame == "wrist":
                points = centred
            elif recipe.hand_frame == "both":
                moved.append(centred)
            if recipe.handshape:
                shapes.append(_describe_hand(centred))
        own.append(points)
    placed = Points(
        tf.concat([points.values for points in own + moved], axis=1),
        tf.concat([points.seen for points in own + moved], axis=1),
    )
    blocks = [_flat(placed.cleared(placed.seen).values)]
    if recipe.velocities:
        before = Points(*(tf.concat([one[:1], one[:-1]], axis=0) for one in (placed.values, placed.seen)))
        change = Points(placed.values - before.values, placed.seen & before.seen)
        blocks.append(_flat(change.cleared(change.seen).values))
    blocks += shapes
    if recipe.mask:
        shown = [tf.reduce_any(clip.seen[:, recipe.columns(part)], axis=1) for part in recipe.parts]
        blocks.append(tf.cast(tf.stack(shown, axis=1), tf.float32))
    return tf.concat(blocks, axis=1)


def _to_wrist_frame(hand: Points) -> Points:
    """Return `body.to_wrist_frame` of a (frames, 21, C) hand."""
    values = hand.values - hand.values[:, WRIST : WRIST + 1]
    seen = hand.seen & hand.seen[:, WRIST : WRIST + 1]
    palm, n = _median(_norm(values[:, MIDDLE_KNUCKLE, :2])[:, None], seen[:, MIDDLE_KNUCKLE])
    return Points(values / tf.where(n > 0, tf.maximum(palm, 1e-6), 1.0), seen)


def _describe_hand(hand: Points) -> Any:
    """Return `handshape.describe_hand` of a (frames, 21, C) hand, 0 where missing."""
    start, end = (
        hand.take([joint for finger in FINGERS for joint in finger[part]]) for part in (slice(-1), slice(1, None))
    )
    bones = Points(end.values - start.values, end.seen & start.seen)
    bones = replace(bones, values=bones.values / tf.maximum(_norm(bones.values)[..., None], 1e-6))
    inner = [bone for bone in range(20) if bone % 4 != 3]
    lower, upper = bones.take(inner), bones.take([bone + 1 for bone in inner])
    bends = tf.where(lower.seen & upper.seen, tf.reduce_sum(lower.values * upper.values, axis=-1), 0.0)
    palm = tf.maximum(_norm(hand.values[:, MIDDLE_KNUCKLE] - hand.values[:, WRIST]), 1e-6)[:, None]
    measured = (hand.seen[:, MIDDLE_KNUCKLE] & hand.seen[:, WRIST])[:, None]
    one, other = np.triu_indices(len(TIPS), k=1)
    rest = list(range(5, 21))
    distances = []
    for ends in ((np.array(TIPS)[one], np.array(TIPS)[other]), (rest, [TIPS[0]] * len(rest))):
        first, second = (hand.take(joints) for joints in ends)
        distance = _norm(first.values - second.values) / palm
        distances.append(tf.where(first.seen & second.seen & measured, distance, 0.0))
    return tf.concat([bends, *distances, _flat(bones.cleared(bones.seen).values)], axis=1)


def describe_points(clip: Points, recipe: FeatureRecipe) -> Any:
    """Return `trees.describe_clips` of one clip: (numbers,)."""
    frames = recipe.frames
    time = np.linspace(0, 1, frames)
    inner, outer = DESCRIBED[recipe.timing]
    right, _ = _held(clip, recipe.columns("right_hand"))
    left, left_seen = _held(clip, recipe.columns("left_hand"))
    always = tf.fill((frames,), True)
    palm, _ = _median(_norm(right[:, MIDDLE_KNUCKLE] - right[:, WRIST])[:, None], always)
    in_palms = right / tf.maximum(palm, 1e-6)
    # Both are linear in the frames: the library's own functions, applied to one frame each, give the matrices.
    change, smoothing = np.asarray(np.gradient(np.eye(frames), axis=0)), smooth(np.eye(frames)).T
    moved = tf.reshape(_times(change, _flat(in_palms)), in_palms.shape)
    speed = _times(smoothing, tf.reduce_mean(_norm(moved), axis=1, keepdims=True))
    haste = (speed / tf.maximum(_median(speed, always)[0], 1e-6))[:, 0]
    inside = tf.constant((time >= inner) & (time <= 1 - inner), tf.float32)
    # float32 has no such small numbers as float64: the stillest frame inside has the weight 1.
    least = tf.reduce_min(tf.where(inside > 0, haste, LARGE))
    weight = tf.where(least < SMALLEST_EXPONENT, tf.exp(-tf.maximum(haste - least, 0.0)), 1.0) * inside
    weight /= tf.reduce_sum(weight)

    def mean(values: Any) -> Any:
        return tf.reduce_sum(values * weight[:, None], axis=0)

    from_wrist = right - right[:, WRIST : WRIST + 1]
    depths = [2, 3] if recipe.num_coordinates == 3 else [2]
    seen = tf.fill((frames, right.shape[1]), True)
    numbers = [mean(_describe_hand(Points(from_wrist[..., :depth], seen))) for depth in depths]
    for margin in (outer, inner):
        kept = np.flatnonzero((time >= margin) & (time <= 1 - margin))
        tips = _flat(tf.gather(in_palms[kept[0] : kept[-1] + 1], TIPS, axis=1)[..., :2])
        numbers.append(tf.sqrt(tf.reduce_mean(tf.square(tips - tf.reduce_mean(tips, axis=0)), axis=0)))
        numbers += [tips[-1] - tips[0], tf.reduce_sum(tf.abs(tips[1:] - tips[:-1]), axis=0)]
    ends = [WRIST, MIDDLE_KNUCKLE]
    beside = mean(_flat(tf.gather(left - right, ends, axis=1)[..., :2]))
    numbers += [mean(_flat(tf.gather(right, ends, axis=1)[..., :2])), tf.where(left_seen > SEEN_ENOUGH, beside, 0.0)]
    return tf.concat([*numbers, left_seen[None]], axis=0)


def _held(clip: Points, hand: slice) -> tuple[Any, Any]:
    """Return (T, 21, C), each missing frame replaced by the nearest seen one, and the share of seen frames."""
    values, seen = clip.values[:, hand], clip.seen[:, hand.start]
    number = np.arange(values.shape[0])
    # Of two frames that are as near, the earlier one.
    distance = np.abs(number[:, None] - number[None]) + number[None] / (2.0 * len(number))
    nearest = tf.argmin(tf.where(seen[None], tf.constant(distance, tf.float32), LARGE), axis=1, output_type=tf.int32)
    return tf.gather(values, nearest), tf.reduce_mean(tf.cast(seen, tf.float32))


def _times(matrix: np.ndarray, values: Any) -> Any:
    return tf.matmul(tf.constant(matrix, tf.float32), values)


def _flat(values: Any) -> Any:
    """Return (T, k, C) values as (T, k x C)."""
    return tf.reshape(values, (values.shape[0], values.shape[1] * values.shape[2]))


def _number(seen: Any) -> Any:
    return tf.reduce_sum(tf.cast(seen, tf.int32))


def _norm(values: Any) -> Any:
    return tf.sqrt(tf.reduce_sum(tf.square(values), axis=-1))
