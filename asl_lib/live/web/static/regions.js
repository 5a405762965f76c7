// Turned rectangles in a picture: what the tracker cuts out for a model, and how its points return to the picture.
// The counterpart of asl_lib/landmarks/regions.py; tests/browser/test_tracker.py holds the two together.

const FULL_TURN = 2 * Math.PI;
// Places to a pixel between which OpenCV interpolates, as a power of two.
const PLACES = 5;
// Landmarks of a hand without the ends of the fingers: they move less.
const PALM = [0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18];
// Places in the middle of a region, half as wide and high as the region, in its widths and heights.
const MIDDLE = Array.from({length: 64}, (_, i) => [0.28125 + 0.0625 * (i % 8), 0.28125 + 0.0625 * (i >> 3)]);

/** Return a point turned clockwise in a picture, where y grows downwards. */
function turn([x, y], angle) {
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
  return [cosine * x - sine * y, sine * x + cosine * y];
}

/** A turned rectangle: its centre and sides in px, and how far it is turned clockwise, in radians. */
export class Region {
  constructor(x, y, width, height, rotation = 0) {
    Object.assign(this, {x, y, width, height, rotation});
  }

  /**
   * Return a square around this region: its side in longer sides of this region, its centre moved along this region's
   * own vertical axis by `shift` heights.
   */
  square(scale, shift = 0) {
    const side = Math.max(this.width, this.height) * scale;
    const [x, y] = turn([0, this.height * shift], this.rotation);
    return new Region(this.x + x, this.y + y, side, side, this.rotation);
  }

  /** Return points [x, y] or [x, y, z] in widths and heights of the region as px; z is scaled as x is. */
  toPicture(points) {
    return points.map(([x, y, ...z]) => {
      const [right, down] = turn([(x - 0.5) * this.width, (y - 0.5) * this.height], this.rotation);
      return [right + this.x, down + this.y, ...z.map((value) => value * this.width)];
    });
  }

  /** Return how far points in px are from the centre along the region's own axes, in px. */
  offsets(points) {
    return points.map(([x, y]) => turn([x - this.x, y - this.y], -this.rotation));
  }

  /** Return the share of the region's middle that lies in the picture. */
  middleInside({width, height}) {
    const inside = ([x, y]) => x >= 0 && x < width && y >= 0 && y < height;
    return this.toPicture(MIDDLE).filter(inside).length / MIDDLE.length;
  }

  /**
   * Write the part of a picture in this region, turned upright, as float32 RGB.
   *
   * As OpenCV's `warpPerspective` does it: bilinear between places of 1/32 px, rounded to whole values.
   *
   * @param picture {width, height, data}: RGBA, as of `getImageData`.
   * @param size sides of the result in px.
   * @param out (size * size * 3) float32.
   * @param levels 256 float32: what each brightness becomes.
   * @param replicate whether the pixels of the picture's edge are repeated outside it; otherwise it is black there.
   */
  crop(picture, size, out, levels, {replicate}) {
    const {width, height} = picture;
    const pixels = new Int32Array(picture.data.buffer, picture.data.byteOffset, width * height);
    const pixel = (x, y) => {
      if (x >= 0 && x < width && y >= 0 && y < height) return pixels[y * width + x];
      if (!replicate) return 0;
      return pixels[Math.min(Math.max(y, 0), height - 1) * width + Math.min(Math.max(x, 0), width - 1)];
    };
    const one = 1 << PLACES;
    const [rightX, rightY] = turn([(one * this.width) / size, 0], this.rotation);
    const [downX, downY] = turn([0, (one * this.height) / size], this.rotation);
    const startX = one * this.x - ((rightX + downX) * size) / 2;
    const startY = one * this.y - ((rightY + downY) * size) / 2;
    const inside = (x, y) => x >= 0 && x < (width - 1) * one - 1 && y >= 0 && y < (height - 1) * one - 1;
    for (let row = 0, at = 0; row < size; row++) {
      const [rowX, rowY] = [startX + downX * row, startY + downY * row];
      // Most rows lie in the picture as a whole: without a look at its edges they take half the time.
      const whole = inside(rowX, rowY) && inside(rowX + rightX * size, rowY + rightY * size);
      for (let column = 0; column < size; column++, at += 3) {
        // With numbers that are seen to have 32 bits, by "| 0" and imul, it takes a quarter less time.
        const placeX = Math.floor(rowX + rightX * column + 0.5) | 0;
        const placeY = Math.floor(rowY + rightY * column + 0.5) | 0;
        const x = placeX >> PLACES;
        const y = placeY >> PLACES;
        const start = (y * width + x) | 0;
        let topLeft, topRight, lowLeft, lowRight;
        if (whole) {
          topLeft = pixels[start];
          topRight = pixels[start + 1];
          lowLeft = pixels[start + width];
          lowRight = pixels[start + width + 1];
        } else {
          topLeft = pixel(x, y);
          topRight = pixel(x + 1, y);
          lowLeft = pixel(x, y + 1);
          lowRight = pixel(x + 1, y + 1);
        }
        const right = placeX & (one - 1);
        const low = placeY & (one - 1);
        const left = (one - right) | 0;
        const top = (one - low) | 0;
        // Red and blue are 16 bits apart, and are added at once.
        const topRedBlue = (Math.imul(topLeft & 0xff00ff, left) + Math.imul(topRight & 0xff00ff, right)) | 0;
        const lowRedBlue = (Math.imul(lowLeft & 0xff00ff, left) + Math.imul(lowRight & 0xff00ff, right)) | 0;
        const topGreen = (Math.imul((topLeft >> 8) & 255, left) + Math.imul((topRight >> 8) & 255, right)) | 0;
        const lowGreen = (Math.imul((lowLeft >> 8) & 255, left) + Math.imul((lowRight >> 8) & 255, right)) | 0;
        out[at] = levels[(Math.imul(topRedBlue & 0xffff, top) + Math.imul(lowRedBlue & 0xffff, low) + 512) >> 10];
        out[at + 1] = levels[(Math.imul(topGreen, top) + Math.imul(lowGreen, low) + 512) >> 10];
        out[at + 2] = levels[(Math.imul(topRedBlue >>> 16, top) + Math.imul(lowRedBlue >>> 16, low) + 512) >> 10];
      }
    }
  }
}

/** Return the rotation of a region in which `end` lies in direction `degrees` from `start`: 0 right, 90 up. */
export function rotationBetween(start, end, degrees) {
  const angle = (degrees * Math.PI) / 180 - Math.atan2(start[1] - end[1], end[0] - start[0]);
  return angle - FULL_TURN * Math.floor((angle + Math.PI) / FULL_TURN);
}

/** Return the square around `start`, twice as wide as `end` is far; see `rotationBetween`. */
export function regionBetween(start, end, degrees) {
  const side = 2 * Math.hypot(start[0] - end[0], start[1] - end[1]);
  return new Region(start[0], start[1], side, side, rotationBetween(start, end, degrees));
}

/** Return the box around points in px, its sides along the picture's, then turned about its centre. */
export function regionAround(points, rotation) {
  const [low, high] = extent(points);
  return new Region((low[0] + high[0]) / 2, (low[1] + high[1]) / 2, high[0] - low[0], high[1] - low[1], rotation);
}

/** Return the square around a whole picture, in which a detector looks. */
export function squareAround({width, height}) {
  const side = Math.max(width, height);
  return new Region(width / 2, height / 2, side, side);
}

/** Return the smallest region around the palm of 21 landmarks in px, with the knuckles above the wrist. */
export function palmRegion(hand) {
  const knuckles = [0, 1].map((axis) => ((hand[5][axis] + hand[13][axis]) / 2 + hand[9][axis]) / 2);
  const rotation = rotationBetween(hand[0], knuckles, 90);
  const palm = PALM.map((index) => hand[index]);
  const box = regionAround(palm, rotation);
  const [low, high] = extent(box.offsets(palm));
  const [x, y] = turn([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2], rotation);
  return new Region(x + box.x, y + box.y, high[0] - low[0], high[1] - low[1], rotation);
}

/**
 * Return whether the region of the frame before stays in use.
 *
 * @param limits {degrees, shift, scale, inner}, as of `Steadiness` in Python.
 * @param previous the region from the landmarks of the frame before.
 * @param found the region that was found in this frame without them.
 * @param points the landmarks of the frame before, in px.
 */
export function staysInUse(limits, previous, found, points) {
  const turned = (((previous.rotation - found.rotation) * 180) / Math.PI + 180) % 360;
  const within = ([x, y], share) => Math.abs(x) <= share * found.width && Math.abs(y) <= share * found.height;
  return (
    Math.abs((turned < 0 ? turned + 360 : turned) - 180) <= limits.degrees &&
    within(found.offsets([[previous.x, previous.y]])[0], limits.shift) &&
    within([previous.width - found.width, previous.height - found.height], limits.scale) &&
    found.offsets(points).every((offset) => within(offset, limits.inner / 2))
  );
}

/** Return the lowest and the highest [x, y] of points. */
function extent(points) {
  const [low, high] = [[Infinity, Infinity], [-Infinity, -Infinity]];
  for (const point of points) {
    for (const axis of [0, 1]) {
      low[axis] = Math.min(low[axis], point[axis]);
      high[axis] = Math.max(high[axis], point[axis]);
    }
  }
  return [low, high];
}
