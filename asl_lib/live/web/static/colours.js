// The colours of a video's frames as Python reads them: browsers round otherwise, by one to three of 255 levels, which
// changes the answer where a movement is hardly like a sign.

// What a pixel's V adds to red, its U to blue, U to green and V to green, in limited range: with 13 bits, and each product
// rounded down, as FFmpeg's libswscale has it on x86; and with 6 bits, as libyuv has it in a browser.
const MATRICES = {
  bt601: {python: [13075, 16525, -3209, -6660], browser: [102, 128, -25, -52]},
  bt709: {python: [14688, 17307, -1744, -4363], browser: [115, 128, -14, -34]},
};
const LUMA = 9539;
// What sums of these become: below 0 it is 0, above 255 it is 255.
const BELOW = 384;
const CLAMPED = Uint8ClampedArray.from({length: 1024}, (_, index) => index - BELOW);
// What a browser has for a level of luma, in 64ths, and takes off.
const [BROWSER_LUMA, BROWSER_BLACK] = [(257 * 18997) / 65536, 1160];
// The share of the pixels that a matrix must explain, in one of so many blocks of a picture.
const [EXACT, EVERY] = [0.98, 101];

/** Return whether `pixelsOfPlanes` knows the form of a VideoFrame. */
export function hasPlanes({format, colorSpace, visibleRect: {width, height}}) {
  // Firefox has the planes of cameras, and does not tell their matrix.
  const usual = ["smpte170m", "bt470bg", null].includes(colorSpace.matrix) && !colorSpace.fullRange;
  return format === "I420" && usual && width % 2 === 0 && height % 2 === 0;
}

/** Resolve to the picture {width, height, data} of a VideoFrame in which `hasPlanes`. */
export async function pixelsOfPlanes(frame) {
  const {width, height} = frame.visibleRect;
  const bytes = new Uint8Array(frame.allocationSize());
  const layout = await frame.copyTo(bytes);
  const planes = layout.map(({offset, stride}) => ({bytes: bytes.subarray(offset), stride}));
  return pictureOf(planes, width, height, MATRICES.bt601);
}

/**
 * Return the picture {width, height, data} of a browser's RGBA values, as Python reads it from the planes of which the
 * browser made them. Where a clip does not tell its matrix, Python takes BT.601, and Firefox BT.709.
 *
 * @param bt709 whether the clip tells that its matrix is BT.709.
 */
export function pixelsOfColours({width, height, data}, {bt709 = false} = {}) {
  const few = someBlocks(data, width, height);
  const found = Object.values(MATRICES).find((matrix) => explains(matrix, few));
  const made = found ?? MATRICES.bt601;
  const read = bt709 ? made : MATRICES.bt601; // where none was found, what is used both ways leaves the hues alone
  return pictureOf(planesOf(data, width, height, made), width, height, read);
}

function pictureOf(planes, width, height, {python: [red, blue, greenOfBlue, greenOfRed]}) {
  const data = new Uint8ClampedArray(4 * width * height);
  const pixels = new Int32Array(data.buffer); // to write a pixel at once takes a third of the time
  const [lumas, us, vs] = planes.map(({bytes}) => bytes);
  for (let y = 0, at = 0; y < height; y++) {
    const [luma, blues, reds] = planes.map(({stride}, plane) => stride * (plane ? y >> 1 : y));
    for (let x = 0; x < width; x++, at++) {
      const level = (((8 * lumas[luma + x] - 128) * LUMA) >> 16) + BELOW;
      const [u, v] = [8 * us[blues + (x >> 1)] - 1024, 8 * vs[reds + (x >> 1)] - 1024];
      const r = CLAMPED[level + ((v * red) >> 16)];
      const g = CLAMPED[level + ((u * greenOfBlue) >> 16) + ((v * greenOfRed) >> 16)];
      const b = CLAMPED[level + ((u * blue) >> 16)];
      pixels[at] = r | (g << 8) | (b << 16) | (255 << 24);
    }
  }
  return {width, height, data};
}

/**
 * Return the planes of which a browser made RGBA values by a matrix: what it rounds is less than half a level, so they
 * are exact, but for pixels with a value of 0 or 255.
 */
function planesOf(data, width, height, {browser: [red, blue, greenOfBlue, greenOfRed]}) {
  const [wide, high] = [(width + 1) >> 1, (height + 1) >> 1];
  const sizes = [[width, height], [wide, high], [wide, high]];
  const planes = sizes.map(([stride, rows]) => ({bytes: new Uint8ClampedArray(stride * rows), stride})); // which rounds
  const [lumas, blues, reds] = planes.map(({bytes}) => bytes);
  const [ofBlue, ofRed] = [greenOfBlue / blue, greenOfRed / red];
  for (let top = 0; top < height; top += 2) {
    for (let left = 0; left < width; left += 2) {
      let [u, v, count] = [0, 0, 0]; // sums over a block, whose pixels have the same chroma
      for (let y = top; y < Math.min(top + 2, height); y++) {
        for (let x = left; x < Math.min(left + 2, width); x++) {
          const at = 4 * (y * width + x);
          const [r, g, b] = [64 * data[at] + 32, 64 * data[at + 1] + 32, 64 * data[at + 2] + 32];
          const level = (g - b * ofBlue - r * ofRed) / (1 - ofBlue - ofRed);
          lumas[y * width + x] = (level + BROWSER_BLACK + 0.5) / BROWSER_LUMA;
          u += (b - level) / blue;
          v += (r - level) / red;
          count += 1;
        }
      }
      const block = (top >> 1) * wide + (left >> 1);
      blues[block] = 128 + u / count;
      reds[block] = 128 + v / count;
    }
  }
  return planes;
}

/** Return RGBA values of some blocks of 2 x 2 pixels, one below the other. */
function someBlocks(data, width, height) {
  const [wide, high] = [width >> 1, height >> 1];
  const few = new Uint8ClampedArray(16 * Math.ceil((wide * high) / EVERY));
  for (let block = 0, to = 0; block < wide * high; block += EVERY, to += 16) {
    const at = 8 * (Math.floor(block / wide) * width + (block % wide));
    few.set(data.subarray(at, at + 8), to);
    few.set(data.subarray(at + 4 * width, at + 4 * width + 8), to + 8);
  }
  return few;
}

/** Return whether a browser made the RGBA values of blocks by a matrix. */
function explains(matrix, blocks) {
  const {browser: [red, blue, greenOfBlue, greenOfRed]} = matrix;
  const [lumas, us, vs] = planesOf(blocks, 2, blocks.length / 8, matrix).map(({bytes}) => bytes);
  let right = 0;
  lumas.forEach((luma, pixel) => {
    const [u, v] = [us[pixel >> 2] - 128, vs[pixel >> 2] - 128];
    const level = Math.floor(BROWSER_LUMA * luma) - BROWSER_BLACK;
    const rgb = [level + v * red, level + u * greenOfBlue + v * greenOfRed, level + u * blue];
    right += rgb.every((value, channel) => Math.min(255, Math.max(0, value >> 6)) === blocks[4 * pixel + channel]);
  });
  return right >= EXACT * lumas.length;
}
