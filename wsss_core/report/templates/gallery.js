"use strict";
/* The list of images: filters, order, tiles that draw themselves when they come into view. */
const find = id => document.getElementById(id);
const filters = find("filters"), field = filters.elements;
let shown = []; // places in `images` of what the filters leave, in order
let images = [];
const FIRST = 60, MORE = 100; // tiles that are made at once
const later = window.requestIdleCallback ?? (act => setTimeout(act, 50));
let listed = 0; // how many lists there have been

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function swatch(label) {
  const look = make("i");
  look.style.setProperty("--colour", wsss.content.colours[label - 1].css);
  return look;
}

const chip = label => make("span", { className: "chip" }, swatch(label), wsss.content.classes[label]);
const percent = share => (100 * share).toFixed(1);

/* The photograph with a canvas on it. */
function picture(number, name, what) {
  const image = images[number];
  const box = make("div", { className: "picture" });
  box.style.setProperty("--ratio", `${image.grid[1]} / ${image.grid[0]}`);
  const photograph = make("img", { src: `browse/${number}.jpg`, alt: `Photograph of ${name}`, loading: "lazy", decoding: "async" });
  const canvas = make("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", what ? `${what} of ${name}` : "");
  box.append(photograph, canvas);
  return box;
}

function stageShown() {
  return Number(field.stage.value); // -1: the photograph
}

function differing(image, a, b) {
  return image.differ[`${Math.min(a, b)},${Math.max(a, b)}`] ?? -1;
}

function passes(image) {
  const stage = stageShown(), label = Number(field.tag.value);
  if (stage >= 0 && !image.stages.includes(stage) && !(image.mask && stage === maskStage())) return false;
  if (!image.id.toLowerCase().includes(field.name.value.trim().toLowerCase())) return false;
  if (!label) return true;
  const labelled = (image.labels[stage] || []).includes(label);
  return { tag: image.tags.includes(label), label: labelled, missed: image.tags.includes(label) && !labelled }[field.how.value];
}

const maskStage = () => wsss.content.stages.length;

/* What is sorted by, largest first; null keeps the order of names. */
function rank() {
  const stage = stageShown(), other = Number(field.other.value);
  return {
    id: null,
    worst: image => (image.figures[stage]?.[0] == null ? -1 : 1 - image.figures[stage][0]),
    ignored: image => image.figures[stage]?.[1] ?? -1,
    differ: image => differing(image, stage, other),
  }[field.order.value];
}

function list() {
  const by = rank();
  find("other").hidden = field.order.value !== "differ";
  shown = images.map((_, number) => number).filter(number => passes(images[number]));
  if (by) shown = shown.map(number => [by(images[number]), number]).sort((a, b) => b[0] - a[0] || a[1] - b[1]).map(([, number]) => number);
  const total = wsss.content.total;
  const few = total > images.length ? `, spread over ${total}` : "";
  find("count").textContent = `${shown.length} of ${images.length} images${few}`;
  seen.disconnect();
  find("gallery").replaceChildren();
  append(FIRST, ++listed);
}

/* Add tiles of a list, unless there is a newer one; those that cannot be seen yet when there is time for them. */
function append(count, list) {
  if (list !== listed) return;
  const gallery = find("gallery"), there = gallery.childElementCount;
  gallery.append(...shown.slice(there, there + count).map(tile));
  if (there + count < shown.length) later(() => append(MORE, list));
}

function figuresOf(image, stage) {
  const [miou, ignored] = image.figures[stage] || [null, 0];
  const parts = [];
  if (miou != null) parts.push(`mIoU ${percent(miou)}`);
  if (ignored) parts.push(`▨ ${percent(ignored)} %`);
  return parts.join("  ");
}

function tile(number) {
  const image = images[number], stage = stageShown();
  const title = stage < 0 ? "" : titleOf(stage);
  const other = Number(field.other.value);
  const share = field.order.value === "differ" ? differing(image, stage, other) : -1;
  const figures = share >= 0 ? `${percent(share)} % differ` : figuresOf(image, stage);
  const made = make("button", { type: "button", className: "card tile" },
    picture(number, image.id, title),
    make("span", { className: "name" }, image.id),
    make("span", { className: "figures" }, make("span", { className: "swatches" }, ...image.tags.map(swatch)), figures));
  made.dataset.number = number;
  made.addEventListener("click", () => openImage(number, stage));
  if (stage >= 0) seen.observe(made);
  return made;
}

const titleOf = stage => wsss.content.stages[stage]?.title ?? "True mask";

const seen = new IntersectionObserver(entries => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    const stage = stageShown();
    mapsOf(Number(target.dataset.number)).then(maps => {
      if (target.isConnected && maps.has(stage)) paint(target.querySelector("canvas"), maps.get(stage), 0);
    }, tell);
  }
}, { rootMargin: "300px" });

function tell(error) {
  find("count").textContent = error.message;
}

/* Called by browse/index.js. */
wsss.open = content => {
  wsss.content = content;
  images = content.images;
  const anyMask = images.some(image => image.mask);
  const stages = [...content.stages.map((_, stage) => stage), ...(anyMask ? [maskStage()] : [])];
  field.stage.append(new Option("Photograph", -1), ...stages.map(stage => new Option(`${stage + 1} ${titleOf(stage)}`, stage)));
  const labelled = stages.filter(stage => content.stages[stage]?.kind === "labels");
  field.other.append(...labelled.map(stage => new Option(titleOf(stage), stage)));
  field.tag.append(new Option("any", 0), ...content.classes.slice(1).map((name, place) => new Option(name, place + 1)));
  const best = labelled.filter(stage => images.filter(image => image.stages.includes(stage)).length * 2 > images.length);
  const first = best.at(-1) ?? labelled.at(-1) ?? -1;
  for (const option of field.stage.options) option.defaultSelected = Number(option.value) === first;
  const before = labelled[Math.max(0, labelled.indexOf(first) - 1)];
  for (const option of field.other.options) option.defaultSelected = Number(option.value) === before;
  find("legend").append(...content.classes.slice(1).map((_, place) => chip(place + 1)));
  filters.addEventListener("input", list);
  filters.addEventListener("reset", () => setTimeout(list));
  filters.addEventListener("submit", event => event.preventDefault());
  list();
  openNamed();
};
