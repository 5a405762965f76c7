"""A picture with a depth buffer, and the shapes that are drawn on it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

FAR = np.float32(-1e6)
Colour = Sequence[float] | np.ndarray


class Canvas:
    """An RGB picture of `size` (width, height) with a depth buffer; larger depths are nearer."""

    def __init__(self, size: tuple[int, int], *, light: np.ndarray) -> None:
        self.size = size
        self.light = (light / np.linalg.norm(light)).astype(np.float32)
        self.colour = np.zeros((size[1], size[0], 3), np.float32)
        self.depth = np.full((size[1], size[0]), FAR, np.float32)
        self.drawn = [size[0], size[1], 0, 0]
        """Bounding box of the cones since the last copy: left, top, right, bottom."""

    def copy(self) -> Canvas:
        """Return a canvas with the same picture and depth."""
        canvas = Canvas(self.size, light=self.light)
        canvas.light, canvas.colour, canvas.depth = self.light, self.colour.copy(), self.depth.copy()
        return canvas

    def cone(self, start: np.ndarray, end: np.ndarray, r0: float, r1: float, colour: Colour) -> None:
        """Draw the convex hull of two spheres, shaded by the light.

        Args:
            start, end: (3,) centres of the spheres in px; z grows to the viewer.
            r0, r1: their radii in px.
            colour: RGB from 0 to 255.
        """
        width, height = self.size
        (sx, sy, sz), (ex, ey, ez) = start.tolist(), end.tolist()
        x0, x1 = max(0, int(min(sx - r0, ex - r1))), min(width, int(max(sx + r0, ex + r1)) + 2)
        y0, y1 = max(0, int(min(sy - r0, ey - r1))), min(height, int(max(sy + r0, ey + r1)) + 2)
        if x0 >= x1 or y0 >= y1:
            return
        px = np.arange(x0, x1, dtype=np.float32)[None, :] - np.float32(sx)
        py = np.arange(y0, y1, dtype=np.float32)[:, None] - np.float32(sy)
        dx, dy, dz = np.float32(ex - sx), np.float32(ey - sy), np.float32(ez - sz)
        length2 = float(dx * dx + dy * dy)
        if length2 > 1.0:
            t = np.clip((px * dx + py * dy) * np.float32(1 / length2), 0, 1)
        else:  # seen along its axis: the nearer sphere hides the farther one
            t = np.full((y1 - y0, x1 - x0), 1.0 if dz > 0 else 0.0, np.float32)
        radius = np.float32(r0) + np.float32(r1 - r0) * t
        nx, ny = px - t * dx, py - t * dy
        height2: np.ndarray = radius * radius - nx * nx - ny * ny
        nz = np.sqrt(np.maximum(height2, 0))
        z = np.float32(sz) + t * dz + nz
        depth = self.depth[y0:y1, x0:x1]
        visible = (height2 > 0) & (z > depth)
        if not visible.any():
            return
        lit = (nx * self.light[0] + ny * self.light[1] + nz * self.light[2]) / radius
        # Directional light, ambient light, and less of both at the rim, where skin turns away.
        shade = 0.60 + 0.40 * np.maximum(lit, 0) - 0.16 * (1 - nz / radius) ** 2
        np.copyto(depth, z, where=visible)
        # NumPy takes ten times as long for pixels of three numbers.
        value = cv2.merge([shade * part * np.float32(1.06) for part in np.asarray(colour, np.float32)])
        cv2.copyTo(value, visible.view(np.uint8), self.colour[y0:y1, x0:x1])
        self.drawn = [min(self.drawn[0], x0), min(self.drawn[1], y0), max(self.drawn[2], x1), max(self.drawn[3], y1)]

    def ellipse(self, centre: np.ndarray, radii: tuple[float, float], colour: Colour, *, strength: float = 1.0) -> None:
        """Paint a filled ellipse over the picture, with smooth edges and no depth."""
        mask = np.zeros(self.depth.shape, np.uint8)
        point = (round(float(centre[0]) * 16), round(float(centre[1]) * 16))
        axes = (max(1, round(radii[0] * 16)), max(1, round(radii[1] * 16)))
        cv2.ellipse(mask, point, axes, 0, 0, 360, 255, -1, cv2.LINE_AA, 4)
        self._blend(mask, colour, strength)

    def stroke(self, points: Sequence[np.ndarray], thickness: float, colour: Colour) -> None:
        """Paint a line through points over the picture, with smooth edges and no depth."""
        mask = np.zeros(self.depth.shape, np.uint8)
        path = np.rint(np.array([point[:2] for point in points]) * 16).astype(np.int32)
        cv2.polylines(mask, [path], False, 255, max(1, round(thickness)), cv2.LINE_AA, 4)
        self._blend(mask, colour, 1.0)

    def darken_edges(self, *, depth: float) -> None:
        """Darken pixels next to a part that is nearer by more than `depth` px: the soft shadow between fingers."""
        x0, y0, x1, y1 = self.drawn
        if x0 >= x1 or y0 >= y1:
            return
        z = self.depth[y0:y1, x0:x1]
        step = cv2.dilate(z, np.ones((3, 3), np.uint8)) - z
        # The background is too far away for a contact shadow.
        near = np.clip(step / np.float32(4 * depth), 0, 1) * (z > FAR)
        light = 1 - 0.42 * cv2.GaussianBlur(near, (5, 5), 0)
        picture = self.colour[y0:y1, x0:x1]
        cv2.multiply(picture, cv2.merge([light] * 3), picture)

    def picture(self, noise: np.ndarray) -> np.ndarray:
        """Return the (H, W, 3) uint8 RGB picture of a camera: slightly blurred, with (H, W, 3) int16 noise."""
        soft = cv2.GaussianBlur(np.clip(self.colour, 0, 255).astype(np.uint8), (3, 3), 0.7)
        return cv2.add(soft, noise, dtype=cv2.CV_8U)

    def _blend(self, mask: np.ndarray, colour: Colour, strength: float) -> None:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(rows):
            return
        box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        alpha = (mask[box].astype(np.float32) * np.float32(strength / 255))[..., None]
        self.colour[box] = self.colour[box] * (1 - alpha) + alpha * np.asarray(colour, np.float32)
