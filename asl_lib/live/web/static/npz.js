// Arrays of numbers and of names in NumPy's `.npz`: the files of `asl teach`, and those that it reads.

import {zip} from "./zip.js";

const [END, DIRECTORY] = [0x06054b50, 0x02014b50];
const [STORED, DEFLATED] = [0, 8];
const LARGEST_BYTES = 64e6;

/**
 * Resolve to {name: {shape, data}} of all arrays of a file's bytes; `data` is a Float32Array, or a list of strings.
 * Fails where it is not a file of such arrays.
 */
export async function readNpz(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = bytes.length - 22;
  while (view.getUint32(end, true) !== END) end--; // fails before the beginning
  const arrays = {};
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    if (view.getUint32(at, true) !== DIRECTORY) throw new Error("its list of arrays is damaged");
    const [method, size, unpacked] = [view.getUint16(at + 10, true), view.getUint32(at + 20, true), view.getUint32(at + 24, true)];
    const [title, extra, comment] = [28, 30, 32].map((place) => view.getUint16(at + place, true));
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + title));
    const local = view.getUint32(at + 42, true);
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    at += 46 + title + extra + comment;
    if (unpacked > LARGEST_BYTES) throw new Error("an array is too large");
    const content = await unpack(bytes.subarray(start, start + size), method, unpacked);
    arrays[name.replace(/\.npy$/, "")] = readArray(content);
  }
  return arrays;
}

async function unpack(bytes, method, size) {
  if (method === STORED) return bytes;
  if (method !== DEFLATED) throw new Error("it is packed in an unknown way");
  const unpacked = new Uint8Array(size);
  let filled = 0;
  for await (const piece of pieces(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw")))) {
    unpacked.set(piece, filled); // fails where it is longer than it says
    filled += piece.length;
  }
  return unpacked;
}

async function* pieces(stream) {
  const reader = stream.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
}

function readArray(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [length, start] = bytes[6] === 1 ? [view.getUint16(8, true), 10] : [view.getUint32(8, true), 12];
  const header = new TextDecoder().decode(bytes.subarray(start, start + length));
  const [, kind, width] = header.match(/'descr': '<(f|U)(\d+)'/) ?? [];
  const shape = (header.match(/'shape': \(([\d, ]*)\)/)?.[1] ?? "").split(",").filter((text) => text.trim()).map(Number);
  if (!Number(width) || (kind === "f" && width !== "4") || header.includes("True")) throw new Error("an array has an unknown form");
  const [count, each] = [shape.reduce((product, side) => product * side, 1), kind === "f" ? 1 : Number(width)];
  const numbers = bytes.slice(start + length, start + length + 4 * count * each).buffer;
  if (numbers.byteLength !== 4 * count * each) throw new Error("an array is cut short");
  if (kind === "f") return {shape, data: new Float32Array(numbers)};
  const letters = new Uint32Array(numbers);
  const text = (index) => String.fromCodePoint(...letters.subarray(index * each, (index + 1) * each)).replace(/\0+$/, "");
  return {shape, data: Array.from({length: count}, (_, index) => text(index))};
}

/** Resolve to the bytes of a file of arrays {name: {shape, data}}, as `readNpz` returns them. */
export async function writeNpz(arrays) {
  const files = Object.entries(arrays).map(([name, array]) => ({name: `${name}.npy`, blob: writeArray(array)}));
  return new Uint8Array(await (await zip(files)).arrayBuffer());
}

function writeArray({shape, data}) {
  const texts = Array.isArray(data) ? data.map((text) => [...text]) : null;
  const width = texts ? Math.max(1, ...texts.map(({length}) => length)) : 4;
  const sides = `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;
  const about = `{'descr': '<${texts ? "U" : "f"}${width}', 'fortran_order': False, 'shape': ${sides}, }`;
  const header = about.padEnd(64 * Math.ceil((about.length + 11) / 64) - 11) + "\n";
  const start = Uint8Array.of(0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, header.length & 255, header.length >> 8);
  const letters = texts && texts.flatMap((text) => Array.from({length: width}, (_, at) => text[at]?.codePointAt(0) ?? 0));
  return new Blob([start, header, texts ? Uint32Array.from(letters) : data]);
}
