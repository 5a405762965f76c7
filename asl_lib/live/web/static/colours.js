// The colours of a video's frames as Python reads them: browsers round otherwise, by one to three of 255 levels, which
// changes the answer where a movement is hardly like a sign.

// BT.601 in limited range with 13 bits, and each product rounded down, as FFmpeg's libswscale has it on x86.
const [LUMA, RED, BLUE, GREEN_BLUE, GREEN_RED] = [9539, 13075, 16525, -3209, -6660];

/** Return whether `pixelsOfPlanes` knows the form of a VideoFrame. */
export function hasPlanes({format, colorSpace, visibleRect: {width, height}}) {
  const usual = ["smpte170m", "bt470bg"].includes(colorSpace.matrix) && !colorSpace.fullRange;
  return format === "I420" && usual && width % 2 === 0 && height % 2 === 0;
}

/** Resolve to the picture {width, height, data} of a VideoFrame in which `hasPlanes`. */
export async function pixelsOfPlanes(frame) {
  const {width, height} = frame.visibleRect;
  const bytes = new Uint8Array(frame.allocationSize());
  const planes = await frame.copyTo(bytes);
  const data = new Uint8ClampedArray(4 * width * height); // what is below 0 becomes 0, above 255 becomes 255
  for (let y = 0, at = 0; y < height; y++) {
    const [luma, blue, red] = planes.map(({offset, stride}, plane) => offset + stride * (plane ? y >> 1 : y));
    for (let x = 0; x < width; x++, at += 4) {
      const level = ((8 * bytes[luma + x] - 128) * LUMA) >> 16;
      const [u, v] = [8 * bytes[blue + (x >> 1)] - 1024, 8 * bytes[red + (x >> 1)] - 1024];
      data[at] = level + ((v * RED) >> 16);
      data[at + 1] = level + ((u * GREEN_BLUE) >> 16) + ((v * GREEN_RED) >> 16);
      data[at + 2] = level + ((u * BLUE) >> 16);
      data[at + 3] = 255;
    }
  }
  return {width, height, data};
}

/** Make the RGBA values that a browser gives as dark as those of `pixelsOfPlanes` are on average, and return them. */
export function darken(data) {
  for (let at = 0; at < data.length; at += 4) {
    data[at] -= 1;
    data[at + 1] -= 2;
    data[at + 2] -= 1;
  }
  return data;
}
