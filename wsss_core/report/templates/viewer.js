"use strict";
/* One image in large, with all its stages; and the keys of the whole page. */
const viewer = find("viewer"), large = find("large");
let open = null; // number and stage of the open image, its maps and its threshold

async function openImage(number, stage) {
  const image = images[number];
  const stages = [...image.stages, ...(image.mask ? [maskStage()] : [])];
  open = { number, stage: stages.includes(stage) ? stage : -1, stages, maps: new Map(), threshold: open?.threshold ?? 0 };
  if (!viewer.open) viewer.showModal();
  find("title").textContent = image.id;
  find("tags").replaceChildren(image.split === "val" ? "True tags: " : "Tags: ", ...(image.tags.length ? image.tags.map(chip) : ["none"]));
  large.replaceChildren(...picture(number, image.id, "").childNodes);
  large.style.setProperty("--ratio", `${image.grid[1]} / ${image.grid[0]}`);
  large.style.maxWidth = `calc(72vh * ${image.grid[1] / image.grid[0]})`;
  find("stages").replaceChildren(...stages.map(filmed));
  history.replaceState(null, "", `#${encodeURIComponent(image.id)}`);
  const maps = await mapsOf(number).catch(tell);
  if (!maps || open.number !== number) return;
  open.maps = maps;
  show();
}

function filmed(stage, place) {
  const image = images[open.number];
  const name = make("div", {}, place < 9 ? make("b", {}, place + 1) : "", titleOf(stage));
  const made = make("button", { type: "button" }, picture(open.number, image.id, titleOf(stage)), name);
  made.append(make("span", {}, figuresOf(image, stage)));
  made.dataset.stage = stage;
  made.addEventListener("click", () => flip(stage));
  return made;
}

function show() {
  const map = open.maps.get(open.stage), canvas = large.querySelector("canvas");
  canvas.hidden = !map;
  canvas.setAttribute("aria-label", `${map ? titleOf(open.stage) : "Photograph"} of ${images[open.number].id}`);
  if (map) paint(canvas, map, open.threshold, Math.ceil(800 / map.grid[1]));
  for (const button of find("stages").children) {
    const stage = Number(button.dataset.stage);
    button.setAttribute("aria-pressed", stage === open.stage);
    if (open.maps.has(stage)) paint(button.querySelector("canvas"), open.maps.get(stage), open.threshold);
  }
  showThreshold(map);
  find("under").textContent = map ? "Point at the picture: the class under the pointer stands here." : "";
}

function showThreshold(map) {
  find("slider").hidden = map?.kind !== "heat";
  if (map?.kind !== "heat") return;
  find("threshold").value = open.threshold;
  find("above").textContent = open.threshold ? open.threshold.toFixed(2) : "0: heat";
  const truth = open.maps.get(maskStage());
  const measured = open.threshold && truth ? `mIoU ${percent(miouOf(labelsOf(map, open.threshold), truth.values))} at this size` : "";
  find("live").textContent = measured;
}

function flip(stage) {
  open.stage = stage;
  show();
}

function step(by) {
  const place = shown.indexOf(open.number) + by;
  if (place >= 0 && place < shown.length) openImage(shown[place], open.stage);
}

function setThreshold(value) {
  open.threshold = Math.min(1, Math.max(0, Math.round(100 * value) / 100));
  show();
}

/* The class under the pointer. */
large.addEventListener("pointermove", event => {
  const map = open.maps.get(open.stage);
  if (!map) return;
  const box = large.getBoundingClientRect(), [height, width] = map.kind === "grey" ? map.shape : map.grid;
  const inside = (at, start, length, pixels) => Math.min(pixels - 1, Math.max(0, Math.floor(((at - start) / length) * pixels)));
  const x = inside(event.clientX, box.left, box.width, width), y = inside(event.clientY, box.top, box.height, height);
  find("under").replaceChildren(...described(map, y * width + x));
});

function described(map, pixel) {
  if (map.kind === "grey") return [`${percent(map.values[pixel] / 255)} %`];
  if (map.kind === "heat") {
    const { best, which } = (map.spread ??= spread(map));
    return which[pixel] ? [chip(which[pixel]), ` score ${best[pixel].toFixed(2)}`] : ["no score"];
  }
  const label = map.values[pixel];
  if (label === IGNORED) return ["ignored"];
  return label === BACKGROUND ? ["background"] : [chip(label)];
}

viewer.addEventListener("close", () => {
  history.replaceState(null, "", location.pathname);
  document.querySelector(`.tile[data-number="${open.number}"]`)?.focus();
});
find("close").addEventListener("click", () => viewer.close());
find("before").addEventListener("click", () => step(-1));
find("after").addEventListener("click", () => step(1));
find("keys").addEventListener("click", () => find("help").showModal());
find("threshold").addEventListener("input", event => setThreshold(Number(event.target.value)));

/* Go to the image that the page's address names. */
function openNamed() {
  const number = images.findIndex(image => image.id === decodeURIComponent(location.hash.slice(1)));
  if (number >= 0) openImage(number, stageShown());
}

function moveFocus(by) {
  const tiles = [...find("gallery").children];
  const now = tiles.indexOf(document.activeElement.closest(".tile"));
  const next = tiles[now < 0 ? 0 : now + by];
  next?.focus();
}

function columns() {
  return getComputedStyle(find("gallery")).gridTemplateColumns.split(" ").length;
}

function stageOfKey(key) {
  const known = viewer.open ? open.stages : [...field.stage.options].map(option => Number(option.value)).filter(stage => stage >= 0);
  return key === "0" ? -1 : known[Number(key) - 1];
}

function choose(stage) {
  if (stage === undefined) return;
  if (viewer.open) flip(stage);
  else { field.stage.value = stage; list(); }
}

const inViewer = {
  ArrowLeft: () => step(-1), ArrowRight: () => step(1),
  ArrowUp: () => flip(open.stages[Math.max(0, open.stages.indexOf(open.stage) - 1)]),
  ArrowDown: () => flip(open.stages[Math.min(open.stages.length - 1, open.stages.indexOf(open.stage) + 1)]),
  "[": () => setThreshold(open.threshold - 0.05), "]": () => setThreshold(open.threshold + 0.05),
};
const inGallery = {
  ArrowLeft: () => moveFocus(-1), ArrowRight: () => moveFocus(1),
  ArrowUp: () => moveFocus(-columns()), ArrowDown: () => moveFocus(columns()),
  "/": () => field.stage.focus(), f: () => field.stage.focus(),
};

document.addEventListener("keydown", event => {
  const typing = event.target.matches("input, select") && event.key !== "Escape";
  if (typing || event.ctrlKey || event.metaKey || event.altKey || find("help").open) return;
  let act = (viewer.open ? inViewer : inGallery)[event.key];
  if (event.key === "?") act = () => find("help").showModal();
  if (/^[0-9]$/.test(event.key)) act = () => choose(stageOfKey(event.key));
  if (!act) return;
  event.preventDefault();
  act();
});
