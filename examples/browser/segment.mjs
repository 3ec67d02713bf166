// What surrounds an exported network in a page: its facts, a photograph as its input, its output as labels.

const METADATA_PROPS = 14n, KEY = 1n, VALUE = 2n;  // numbers of fields in onnx.proto

/** The fields of a protobuf message: [number, bytes] of those that hold bytes; others are passed over. */
function* fieldsOf(bytes) {
  let at = 0;
  const varint = () => {
    for (let value = 0n, shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint(), kind = key & 7n;
    if (kind === 0n) varint();
    else if (kind === 1n || kind === 5n) at += kind === 1n ? 8 : 4;
    else {
      const size = Number(varint());
      yield [key >> 3n, bytes.subarray(at, at + size)];
      at += size;
    }
  }
}

/** What `wsss export` wrote into the file (a Uint8Array); onnxruntime-web gives no access to metadata. */
export function factsOf(model) {
  const text = (bytes) => new TextDecoder().decode(bytes);
  for (const [number, message] of fieldsOf(model)) {
    if (number !== METADATA_PROPS) continue;
    const entry = new Map(fieldsOf(message));
    if (text(entry.get(KEY)) === "wsss") return JSON.parse(text(entry.get(VALUE)));
  }
  throw new Error("this file holds no facts of wsss; write it anew with `wsss export`");
}

/** (3, height, width) normalised from the (height, width, 4) bytes of a canvas. */
export function imageOf(rgba, width, height, { scale, mean, std }) {
  const area = width * height, image = new Float32Array(3 * area);
  for (let c = 0; c < 3; c++)
    for (let i = 0; i < area; i++) image[c * area + i] = (rgba[4 * i + c] * scale - mean[c]) / std[c];
  return image;
}

/** For each of `side` pixels: the cells on both sides of it and the second one's share, bilinear between centres. */
function placesOf(side, cells, stride) {
  return Array.from({ length: side }, (_, pixel) => {
    const place = Math.min(Math.max((pixel + 0.5) / stride - 0.5, 0), cells - 1), first = Math.floor(place);
    return [first, Math.min(first + 1, cells - 1), place - first];
  });
}

/** (height, width) labels, 0 = background, of (labels, rows, columns) logits. */
export function labelsOf(logits, [, numLabels, rows, columns], width, height, { stride }) {
  const down = placesOf(height, rows, stride), across = placesOf(width, columns, stride);
  const labels = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const [top, bottom, low] = down[y];
    for (let x = 0; x < width; x++) {
      const [left, right, far] = across[x];
      let best = -Infinity;
      for (let label = 0; label < numLabels; label++) {
        const at = (row, column) => logits[(label * rows + row) * columns + column];
        const upper = at(top, left) * (1 - far) + at(top, right) * far;
        const lower = at(bottom, left) * (1 - far) + at(bottom, right) * far;
        const value = upper * (1 - low) + lower * low;
        if (value > best) [best, labels[y * width + x]] = [value, label];
      }
    }
  }
  return labels;
}
