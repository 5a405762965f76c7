// A zip archive of files that are compressed already, as the "stored" method of the format has them.

const TABLE = Uint32Array.from({length: 256}, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

/** Return numbers as little-endian bytes: [value, bytes of it], one after another. */
function record(...fields) {
  const bytes = fields.flatMap(([value, length]) => Array.from({length}, (_, index) => (value >>> (8 * index)) & 255));
  return Uint8Array.from(bytes);
}

/** Return a zip archive of files [{name, blob}] as a Blob. */
export async function zip(files) {
  const [parts, directory] = [[], []];
  let offset = 0;
  for (const {name, blob} of files) {
    const [title, content] = [new TextEncoder().encode(name), new Uint8Array(await blob.arrayBuffer())];
    // Version, names in UTF-8, stored, 1 January 1980, check sum, sizes, length of the name, nothing more.
    const about = [
      [20, 2], [0x800, 2], [0, 2], [0, 2], [0x21, 2], [crc32(content), 4], [content.length, 4], [content.length, 4],
      [title.length, 2], [0, 2],
    ];
    const header = record([0x04034b50, 4], ...about);
    directory.push(record([0x02014b50, 4], [20, 2], ...about, [0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]), title);
    parts.push(header, title, content);
    offset += header.length + title.length + content.length;
  }
  const size = directory.reduce((sum, {length}) => sum + length, 0);
  const count = files.length;
  const end = record([0x06054b50, 4], [0, 2], [0, 2], [count, 2], [count, 2], [size, 4], [offset, 4], [0, 2]);
  return new Blob([...parts, ...directory, end], {type: "application/zip"});
}
