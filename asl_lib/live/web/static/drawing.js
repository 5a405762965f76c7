// A frame with its landmarks.

import {PARTS} from "./tracker.js";

/**
 * Draw a frame, its landmarks, and the box of a letter.
 *
 * @param canvas where to; it gets the frame's size.
 * @param recognition {picture, values, box}: the frame {width, height, data}; its landmarks, as `Tracker.track` returns
 *   them, and corners in px, of which either may be missing.
 * @param style {colours, limbs}: colour and pairs of connected landmarks of each part.
 */
export function drawFrame(canvas, {picture, values, box}, {colours, limbs}) {
  const {width, height, data} = picture;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, {width, height});
  const context = canvas.getContext("2d");
  context.putImageData(new ImageData(data, width, height), 0, 0);
  const thickness = Math.max(2, Math.hypot(width, height) / 300);
  Object.assign(context, {lineWidth: thickness, lineCap: "round"});
  if (box) {
    context.strokeStyle = "#ffffff";
    context.strokeRect(box[0], box[1], box[2] - box[0], box[3] - box[1]);
  }
  if (!values) return;
  let first = 0;
  for (const [part, count] of Object.entries(PARTS)) {
    const start = first;
    const place = (index) => [values[4 * (start + index)] * width, values[4 * (start + index) + 1] * height];
    first += count;
    if (Number.isNaN(place(0)[0])) continue;
    context.strokeStyle = context.fillStyle = colours[part];
    context.beginPath();
    for (const [one, other] of limbs[part]) {
      context.moveTo(...place(one));
      context.lineTo(...place(other));
    }
    context.stroke();
    const shown = new Set(limbs[part].flat());
    for (const index of shown) {
      context.beginPath();
      context.arc(...place(index), thickness, 0, 7);
      context.fill();
    }
  }
}
