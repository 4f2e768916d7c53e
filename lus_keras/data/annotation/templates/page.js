"use strict";
// One video is shown at a time; `marks[n]` is what is annotated in video n, in the form that is saved.
const FORMAT = "lus-keras annotations";
const $ = (id) => document.getElementById(id);
const every = (query, from = document) => [...from.querySelectorAll(query)];
const blocks = every("script.frames");
const videos = every("script.about").map((each) => JSON.parse(each.textContent));
const fresh = (video) => ({ ...video.ids, labels: { ...video.labels }, intervals: video.intervals, roi: video.roi });
let marks = videos.map((video) => structuredClone(fresh(video)));
const past = [];
const images = new Map();
let shown = 0, frame = 0, pending = null, player = 0, kept = true;
const KEY = "lus-keras " + videos.map((video) => video.sha256.slice(0, 12)).join(" ");

const video = () => videos[shown];
const mark = () => marks[shown];
const last = () => video().times_s.length - 1;
const endOf = (number) => (number < last() ? video().times_s[number + 1] : video().duration_s);
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const say = (text, code = "") => {
  $("message").textContent = text;
  if (code) $("message").append(Object.assign(document.createElement("code"), { textContent: code }));
};

// Changes: each can be undone, and is kept in the browser until the page is opened again.
function change(edit, number = shown) {
  past.push([number, structuredClone(marks[number])]);
  edit(marks[number]);
  keep();
  refresh();
}
function keep() {
  try { localStorage.setItem(KEY, JSON.stringify(marks)); } catch { kept = false; }
}
function undo() {
  if (!past.length) return;
  const [number, before] = past.pop();
  marks[number] = before;
  keep();
  if (number === shown) refresh(); else show(number);
}

// What contradicts itself, as the import would say it.
function problems(m) {
  const { sign, signs, b_lines: bLines } = m.labels, found = [];
  const isMarked = Object.values(m.labels).some(Boolean) || m.intervals.length || m.roi;
  if (isMarked && !m.patient_id.trim()) found.push("The patient is blank. Splits are by patient.");
  if (bLines === "0" && m.intervals.length) found.push("B-lines is “no”, and intervals are marked.");
  if (signs && sign && !signs.split(";").includes(sign)) found.push("The single sign is not among the signs.");
  if (signs && bLines && signs.split(";").includes("b_lines") !== (bLines === "1"))
    found.push("B-lines and the signs do not agree.");
  return found;
}
const isAnnotated = (m) => Object.values(m.labels).some(Boolean) || m.intervals.length > 0 || m.roi !== null;

// Intervals are first and last frame, both included; those that overlap or touch become one.
function merged(intervals) {
  const found = [];
  for (const [a, b] of [...intervals].sort((x, y) => x[0] - y[0])) {
    const before = found.at(-1);
    if (before && a <= before[1] + 1) before[1] = Math.max(before[1], b); else found.push([a, b]);
  }
  return found;
}
function start() {
  pending = frame;
  refresh();
  say("Step to the last frame with B-lines, then end the interval (O). Escape cancels.");
}
function end() {
  if (pending === null) return say("Start the interval first (I).");
  const span = [Math.min(pending, frame), Math.max(pending, frame)];
  pending = null;
  change((m) => { m.intervals = merged([...m.intervals, span]); m.labels.b_lines = "1"; });
  say(`B-lines from ${video().times_s[span[0]].toFixed(2)} to ${endOf(span[1]).toFixed(2)} s.`);
}
const at = (number) => mark().intervals.findIndex(([a, b]) => a <= number && number <= b);
function remove(index) {
  if (index >= 0) change((m) => { m.intervals = m.intervals.filter((_, place) => place !== index); });
}

// The picture.
function load(number) {
  if (!images.has(number)) {
    const image = new Image();
    image.src = "data:image/webp;base64," + frames[number];
    images.set(number, image);
  }
  return images.get(number);
}
let frames = [];
function draw() {
  const wanted = frame, image = load(wanted), canvas = $("picture");
  const paint = () => wanted === frame && canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  if (image.complete && image.naturalWidth) paint(); else image.decode().then(paint, () => say("This frame cannot be shown."));
  if (frame < last()) load(frame + 1);
}
function go(number) {
  frame = clamp(number, 0, last());
  draw();
  place();
}
function show(number) {
  if (number < 0 || number >= videos.length) return;
  pause();
  [shown, pending] = [number, null];
  images.clear();
  frames = JSON.parse(blocks[number].textContent);
  [$("picture").width, $("picture").height] = video().shown;
  $("shapes").setAttribute("viewBox", `0 0 ${video().width} ${video().height}`);
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60].find((each) => video().duration_s / each <= 9) ?? 300;
  const count = Math.floor(video().duration_s / step + 1e-6);
  $("ticks").replaceChildren(...Array.from({ length: count + 1 }, (_, each) => {
    const tick = Object.assign(document.createElement("span"), { textContent: +(each * step).toFixed(2) + (each ? "" : " s") });
    tick.style.left = (100 * each * step) / video().duration_s + "%";
    return tick;
  }).filter((tick) => parseFloat(tick.style.left) < 98));
  fit();
  go(0);
  refresh();
}
function fit() {
  const stage = $("stage"), { width, height } = video();
  const scale = Math.min(stage.clientWidth / width, stage.clientHeight / height);
  for (const each of [$("picture"), $("shapes")]) {
    each.style.width = width * scale + "px";
    each.style.height = height * scale + "px";
  }
  drawBox();
}
function pause() {
  cancelAnimationFrame(player);
  player = 0;
  $("play").textContent = "Play";
}
function play() {
  if (player) return pause();
  if (frame === last()) go(0);
  const began = performance.now(), from = video().times_s[frame];
  $("play").textContent = "Pause";
  const tick = (now) => {
    const time = from + ((now - began) / 1000) * Number($("speed").value);
    let next = frame;
    while (next < last() && video().times_s[next + 1] <= time) next++;
    if (next !== frame) go(next);
    if (next === last()) return pause();
    player = requestAnimationFrame(tick);
  };
  player = requestAnimationFrame(tick);
}

// Time runs from 0 to 1000 in the timeline, by time and not by frame.
const across = (time) => (1000 * time) / video().duration_s;
function span([a, b], name = "") {
  const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  const x = across(video().times_s[a]);
  for (const [key, value] of Object.entries({ x, width: across(endOf(b)) - x, y: 0, height: 40, class: name }))
    rect.setAttribute(key, value);
  return rect;
}
function place() {
  const spans = mark().intervals.map((each) => span(each));
  if (pending !== null) spans.push(span([Math.min(pending, frame), Math.max(pending, frame)], "pending"));
  $("spans").replaceChildren(...spans);
  const x = across((video().times_s[frame] + endOf(frame)) / 2);
  $("cursor").setAttribute("x1", x);
  $("cursor").setAttribute("x2", x);
  $("clock").textContent = `${video().times_s[frame].toFixed(2)} s · frame ${frame + 1} of ${last() + 1}`;
  $("stage").classList.toggle("inside", at(frame) >= 0 || pending !== null);
}
function frameAt(event) {
  const rect = $("timeline").getBoundingClientRect();
  const time = ((event.clientX - rect.left) / rect.width) * video().duration_s;
  let number = 0;
  while (number < last() && video().times_s[number + 1] <= time) number++;
  return number;
}
function edgeAt(event) {
  const rect = $("timeline").getBoundingClientRect();
  const pixel = (time) => rect.left + (time / video().duration_s) * rect.width;
  const edges = mark().intervals.flatMap(([a, b], index) => [[index, 0, pixel(video().times_s[a])], [index, 1, pixel(endOf(b))]]);
  return edges.find((edge) => Math.abs(edge[2] - event.clientX) < 6);
}
$("timeline").addEventListener("pointerdown", (event) => {
  pause();
  const edge = edgeAt(event), before = structuredClone(mark());
  const move = (moved) => {
    const number = frameAt(moved);
    if (edge) {
      const own = mark().intervals[edge[0]];
      own[edge[1]] = edge[1] ? Math.max(number, own[0]) : Math.min(number, own[1]);
    }
    go(number);
  };
  if (!edge) move(event);
  drag(event, move, () => {
    if (!edge) return;
    const after = merged(mark().intervals);
    marks[shown] = before;
    change((m) => { m.intervals = after; });
  });
});
function drag(event, move, done) {
  const target = event.currentTarget;
  event.preventDefault();
  target.setPointerCapture(event.pointerId);
  const stop = () => {
    target.removeEventListener("pointermove", move);
    done();
  };
  target.addEventListener("pointermove", move);
  target.addEventListener("lostpointercapture", stop, { once: true });
}

// The region of interest, in pixels of the file: drawn anew, moved, or resized at a corner.
function pixelAt(event) {
  const rect = $("shapes").getBoundingClientRect();
  return [
    clamp(((event.clientX - rect.left) / rect.width) * video().width, 0, video().width),
    clamp(((event.clientY - rect.top) / rect.height) * video().height, 0, video().height),
  ];
}
const boxOf = ([x, y], [u, v]) => [Math.min(x, u), Math.min(y, v), Math.abs(x - u), Math.abs(y - v)];
$("stage").addEventListener("pointerdown", (event) => {
  if (event.button) return;
  document.activeElement?.blur();
  const from = pixelAt(event), old = mark().roi, before = structuredClone(mark());
  const near = (10 * video().width) / $("shapes").getBoundingClientRect().width;
  const corners = old ? [0, 1].flatMap((i) => [0, 1].map((j) => [old[0] + i * old[2], old[1] + j * old[3]])) : [];
  const grip = corners.findIndex(([x, y]) => Math.hypot(x - from[0], y - from[1]) < near);
  const inside = old && from[0] > old[0] && from[1] > old[1] && from[0] < old[0] + old[2] && from[1] < old[1] + old[3];
  const made = (to) => {
    if (grip >= 0) return boxOf(corners[3 - grip], to);
    if (!inside) return boxOf(from, to);
    const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
    return [clamp(old[0] + dx, 0, video().width - old[2]), clamp(old[1] + dy, 0, video().height - old[3]), old[2], old[3]];
  };
  const move = (moved) => {
    const box = made(pixelAt(moved)).map(Math.round);
    if (box[2] > 3 && box[3] > 3) marks[shown].roi = box;
    drawBox();
  };
  drag(event, move, () => {
    const box = mark().roi;
    marks[shown] = before;
    if (String(box) !== String(before.roi)) change((m) => { m.roi = whole(box); }); else refresh();
  });
});
function whole([x, y, w, h]) {
  const [left, top] = [clamp(x, 0, video().width - 1), clamp(y, 0, video().height - 1)];
  return [left, top, clamp(w, 1, video().width - left), clamp(h, 1, video().height - top)];
}
function drawBox() {
  const box = mark().roi, { width, height } = video();
  const [x, y, w, h] = box ?? [0, 0, 0, 0];
  Object.entries({ x, y, width: w, height: h }).forEach(([key, value]) => $("box").setAttribute(key, value));
  $("shade").setAttribute("d", box ? `M0 0H${width}V${height}H0Z M${x} ${y}H${x + w}V${y + h}H${x}Z` : "");
  $("shapes").style.visibility = box ? "visible" : "hidden";
  const size = (8 * width) / ($("shapes").clientWidth || width);
  $("handles").replaceChildren(...[[x, y], [x + w, y], [x, y + h], [x + w, y + h]].map(([u, v]) => {
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    Object.entries({ x: u - size / 2, y: v - size / 2, width: size, height: size }).forEach(([key, value]) => rect.setAttribute(key, value));
    return rect;
  }));
  every("[data-box]").forEach((input, place) => { if (input !== document.activeElement) input.value = box ? box[place] : ""; });
}
function share() {
  const { roi } = mark(), { width, height } = video();
  if (!roi) return say("Draw the region first.");
  const same = videos.flatMap((each, n) => (n !== shown && each.width === width && each.height === height ? [n] : []));
  same.forEach((number) => change((m) => { m.roi = [...roi]; }, number));
  say(`The region was also set for ${same.length} other videos of ${width}×${height} pixels.`);
}

// Labels.
function choose(name, value) {
  change((m) => { m.labels[name] = value; });
}
function chosen(name) {
  const inputs = every(`[name="${name}"]`), on = inputs.filter((each) => each.checked).map((each) => each.value);
  return on.join(";");
}
every(".label input").forEach((input) => input.addEventListener("change", () => {
  if (input.type === "checkbox" && input.checked) {
    every(`[name="${input.name}"]`).forEach((each) => {
      if ((each.value === "none") !== (input.value === "none")) each.checked = false;
    });
  }
  choose(input.name, chosen(input.name));
}));
function cycle(name) {
  const values = every(`[name="${name}"]`).map((each) => each.value);
  choose(name, values[(values.indexOf(mark().labels[name] ?? "") + 1) % values.length]);
}
every("[data-id]").forEach((input) => input.addEventListener("change", () => change((m) => { m[input.dataset.id] = input.value.trim(); })));
every("[data-box]").forEach((input) => input.addEventListener("change", () => {
  const values = every("[data-box]").map((each) => Math.round(Number(each.value)));
  if (values[2] > 0 && values[3] > 0) change((m) => { m.roi = whole(values); });
}));

function refresh() {
  const m = mark();
  every("[data-id]").forEach((input) => { input.value = m[input.dataset.id]; });
  every(".label input").forEach((input) => {
    const value = m.labels[input.name] ?? "";
    input.checked = input.type === "radio" ? input.value === value : value.split(";").includes(input.value);
  });
  $("intervals").replaceChildren(...m.intervals.map(([a, b], index) => {
    const item = document.createElement("li");
    const text = `${video().times_s[a].toFixed(2)} – ${endOf(b).toFixed(2)} s`;
    const jump = Object.assign(document.createElement("button"), { className: "go", textContent: text, title: "Go there" });
    const drop = Object.assign(document.createElement("button"), { textContent: "✕", title: "Remove", ariaLabel: `Remove ${text}` });
    jump.addEventListener("click", () => go(a));
    drop.addEventListener("click", () => remove(index));
    item.append(jump, drop);
    return item;
  }));
  $("no-intervals").hidden = m.intervals.length > 0;
  $("problems").replaceChildren(...problems(m).map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  $("start").classList.toggle("open", pending !== null);
  $("end").disabled = pending === null;
  $("undo").disabled = past.length === 0;
  every("#list button").forEach((button, number) => {
    const each = marks[number];
    button.className = problems(each).length ? "wrong" : isAnnotated(each) ? "done" : "";
    button.setAttribute("aria-current", number === shown);
    if (number === shown) button.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  $("progress").textContent = `${marks.filter(isAnnotated).length} of ${videos.length} annotated`;
  drawBox();
  place();
}

// Files.
function content() {
  return { format: FORMAT, version: 1, videos: videos.map((each, n) => ({
    video: each.video, sha256: each.sha256, frames: each.times_s.length, width: each.width, height: each.height,
    fps: each.fps, ...marks[n], labels: Object.fromEntries(Object.entries(marks[n].labels).filter(([, value]) => value)),
  })) };
}
function save() {
  const name = document.body.dataset.title.replace(/\.html?$/i, "") + ".json";
  const text = JSON.stringify(content(), null, 1) + "\n";
  const link = Object.assign(document.createElement("a"), { download: name });
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  const wrong = marks.filter((each) => problems(each).length).length;
  say(`Saved as ${name}${wrong ? `; ${wrong} videos have a problem that the import will list` : ""}. Next: `,
      `lus-keras data import-annotations ${name} VIDEOS --out manifest.csv`);
}
async function open(file) {
  try {
    const found = JSON.parse(await file.text());
    if (found.format !== FORMAT) throw new Error("it was not saved by such a page");
    const by = new Map(found.videos.map((each) => [each.sha256, each]));
    let count = 0;
    videos.forEach((each, number) => {
      const saved = by.get(each.sha256);
      if (!saved) return;
      count++;
      change((m) => Object.keys(m).forEach((key) => { m[key] = saved[key]; }), number);
    });
    say(`${count} of ${videos.length} videos have annotations in ${file.name}.`);
  } catch (error) { say(`${file.name} cannot be used: ${error.message}.`); }
}
$("open").addEventListener("change", () => { if ($("open").files[0]) open($("open").files[0]); $("open").value = ""; });
$("save").addEventListener("click", save);
$("undo").addEventListener("click", undo);

const actions = {
  first: () => go(0), last: () => go(last()), back: () => go(frame - 1), next: () => go(frame + 1),
  play, start, end, share, clear: () => change((m) => { m.roi = null; }),
};
every("[data-do]").forEach((button) => button.addEventListener("click", () => {
  if (!["play", "start", "end", "share", "clear"].includes(button.dataset.do)) pause();
  actions[button.dataset.do]();
}));
const keys = {
  " ": play, Home: actions.first, End: actions.last, i: start, o: end, c: actions.clear, z: undo, s: save,
  ArrowUp: () => show(shown - 1), ArrowDown: () => show(shown + 1), Delete: () => remove(at(frame)),
  Escape: () => { pending = null; refresh(); say(""); }, b: () => cycle("b_lines"), l: () => cycle("sliding"),
};
document.addEventListener("keydown", (event) => {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const typing = event.target.matches("input:not([type=radio], [type=checkbox], [type=file]), select");
  if (typing || event.altKey || ((event.ctrlKey || event.metaKey) && !"sz".includes(key))) return;
  if (event.target.matches("button, summary") && key === " ") return;
  const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
  if (step) { pause(); go(frame + step * (event.shiftKey ? 10 : 1)); }
  else if ("0123".includes(key)) choose("severity", mark().labels.severity === key ? "" : key);
  else if (keys[key]) keys[key]();
  else return;
  event.preventDefault();
});
addEventListener("resize", fit);

$("list").append(...videos.map((each, number) => {
  const button = document.createElement("button");
  button.append(document.createElement("i"), Object.assign(document.createElement("b"), { textContent: each.video }));
  button.title = each.video;
  button.addEventListener("click", () => show(number));
  return button;
}));
try {
  const stored = localStorage.getItem(KEY), found = JSON.parse(stored);
  // The page stores itself when it opens, so a reload finds an entry even without any work.
  if (found?.length === videos.length && stored !== JSON.stringify(marks)) {
    marks = found;
    say("Your earlier work in this browser was restored. Undo does not revert it.");
  }
} catch { kept = false; }
show(0);
keep();
if (!kept) say("This browser does not keep your work: save the JSON file before you close the page.");
