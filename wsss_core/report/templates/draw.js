"use strict";
/* Reads what browse/<n>.js holds, and paints labels, heat and grey maps over their photographs.

A script is loaded for each image, since a page from disk can do nothing else; it calls `wsss.image`. */
const wsss = { content: null };
const BACKGROUND = 0, IGNORED = 255;
const KEPT = 300; // images whose maps stay in memory
const asked = new Map(); // number -> promise of maps by stage
const waiting = new Map(); // number -> what to call with them

wsss.image = async (number, head, text) => {
  const packed = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const maps = new Map();
  let start = 0;
  for (const map of head.maps) {
    const end = start + map.shape.reduce((product, side) => product * side, 1);
    maps.set(map.stage, { ...map, values: bytes.subarray(start, end), grid: head.grid, size: head.size });
    start = end;
  }
  waiting.get(number)(maps);
};

function mapsOf(number) {
  if (!asked.has(number)) {
    asked.set(number, new Promise((done, fail) => {
      waiting.set(number, done);
      const script = document.createElement("script");
      script.src = `browse/${number}.js`;
      script.onload = () => script.remove();
      script.onerror = () => fail(new Error(`browse/${number}.js is missing: the folder of the report is not whole`));
      document.head.append(script);
    }));
    if (asked.size > KEPT) asked.delete(asked.keys().next().value);
  }
  return asked.get(number);
}

/* Class scores of a heat map at every pixel of its picture: bilinear between the centres of cells (ops/grids.py). */
function spread(map) {
  const [height, width] = map.grid, [count, rows, columns] = map.shape;
  const along = (pixels, whole, cells) => Array.from({ length: pixels }, (_, pixel) => {
    const place = Math.min(cells - 1, Math.max(0, (((pixel + 0.5) * whole) / pixels) / map.stride - 0.5));
    const low = Math.min(Math.floor(place), Math.max(0, cells - 2));
    return [low, Math.min(low + 1, cells - 1), place - low];
  });
  const ys = along(height, map.size[0], rows), xs = along(width, map.size[1], columns);
  const best = new Float32Array(height * width), which = new Uint8Array(height * width);
  for (let k = 0; k < count; k++) {
    const plane = map.values.subarray(k * rows * columns, (k + 1) * rows * columns);
    for (let y = 0, pixel = 0; y < height; y++) {
      const [up, down, v] = ys[y];
      for (let x = 0; x < width; x++, pixel++) {
        const [left, right, u] = xs[x];
        const above = plane[up * columns + left] * (1 - u) + plane[up * columns + right] * u;
        const below = plane[down * columns + left] * (1 - u) + plane[down * columns + right] * u;
        const score = (above * (1 - v) + below * v) / 255;
        if (score > best[pixel]) { best[pixel] = score; which[pixel] = map.classes[k]; }
      }
    }
  }
  return { best, which };
}

/* The label of each pixel of a map: heat is background where no score is above the threshold; grey maps have none. */
function labelsOf(map, threshold) {
  if (map.kind === "grey") return null;
  if (map.kind !== "heat") return map.values;
  map.spread ??= spread(map);
  return map.spread.which.map((label, pixel) => (map.spread.best[pixel] > threshold ? label : BACKGROUND));
}

/* Paint a map; label maps with so many times their pixels, for outlines that stay thin in a large picture. */
function paint(canvas, map, threshold, times = 1) {
  const drawsLabels = map.kind !== "grey" && (map.kind !== "heat" || threshold);
  const [height, width] = (map.kind === "grey" ? map.shape : map.grid).map(side => (drawsLabels ? times : 1) * side);
  canvas.height = height;
  canvas.width = width;
  const picture = new ImageData(width, height);
  if (map.kind === "grey") paintGrey(picture.data, map.values);
  else if (!drawsLabels) paintHeat(picture.data, (map.spread ??= spread(map)));
  else paintLabels(picture.data, enlarged(labelsOf(map, threshold), map.grid, times), height, width);
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

function enlarged(labels, [height, width], times) {
  if (times === 1) return labels;
  const large = new Uint8Array(height * width * times * times);
  for (let y = 0, at = 0; y < height * times; y++) {
    const row = Math.floor(y / times) * width;
    for (let x = 0; x < width * times; x++, at++) large[at] = labels[row + Math.floor(x / times)];
  }
  return large;
}

function paintGrey(data, values) {
  values.forEach((value, pixel) => data.set([value, value, value, 255], 4 * pixel));
}

function paintHeat(data, { best, which }) {
  const fade = 0.5;
  for (let pixel = 0; pixel < best.length; pixel++) {
    const heat = which[pixel] ? 0.92 * Math.min(1, best[pixel]) : 0;
    const alpha = 1 - (1 - heat) * (1 - fade);
    const colour = which[pixel] ? wsss.content.colours[which[pixel] - 1].colour : [255, 255, 255];
    for (let c = 0; c < 3; c++) data[4 * pixel + c] = (heat * colour[c] + (1 - heat) * fade * 255) / alpha;
    data[4 * pixel + 3] = 255 * alpha;
  }
}

function paintLabels(data, labels, height, width) {
  const { colours, patterns } = wsss.content;
  const edge = (y, x) => {
    const label = labels[y * width + x];
    return (x + 1 < width && labels[y * width + x + 1] !== label) || (y + 1 < height && labels[(y + 1) * width + x] !== label);
  };
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 4) {
      const label = labels[y * width + x];
      let colour = [255, 255, 255], alpha = 120;
      if (edge(y, x)) alpha = 255;
      else if ((x && edge(y, x - 1)) || (y && edge(y - 1, x))) [colour, alpha] = [[30, 30, 30], 255];
      else if (label === IGNORED) [colour, alpha] = [(x + y) % 8 < 4 ? [250, 250, 250] : [190, 192, 198], 217];
      else if (label !== BACKGROUND) {
        const look = colours[label - 1];
        [colour, alpha] = [patterns[look.pattern][y % 8][x % 8] ? look.second : look.colour, 175];
      }
      data[at] = colour[0]; data[at + 1] = colour[1]; data[at + 2] = colour[2]; data[at + 3] = alpha;
    }
  }
}

/* mIoU of labels against the true mask at the pixels of the picture; ignored pixels count as background. */
function miouOf(labels, truth) {
  const right = new Map(), all = new Map();
  const count = (counts, label, by) => counts.set(label, (counts.get(label) || 0) + by);
  truth.forEach((label, pixel) => {
    if (label === IGNORED) return;
    const given = labels[pixel] === IGNORED ? BACKGROUND : labels[pixel];
    count(all, label, 1);
    if (given === label) count(right, label, 1);
    else count(all, given, 1);
  });
  const ratios = [...all].map(([label, total]) => (right.get(label) || 0) / total);
  return ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
}
