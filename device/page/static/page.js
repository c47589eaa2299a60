"use strict";

// The server sends a message only after the last one was drawn and acknowledged: whatever this device and its network
// can bear, what is shown is new.

const $ = (id) => document.getElementById(id);
const HISTORY_S = 120;
const decoder = new TextDecoder();
let newest = null; // what is known of the frame that is shown
let bitmap = null;

// ---- the connection

let retryMs = 500;

function connect() {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(`${scheme}//${location.host}/live`);
  socket.binaryType = "arraybuffer";
  socket.onmessage = async (event) => {
    retryMs = 500;
    try {
      await show(event.data);
    } finally {
      // A tab in the background draws nothing, and asks for no more than it needs to stay connected.
      setTimeout(() => socket.readyState === WebSocket.OPEN && socket.send(""), document.hidden ? 2000 : 0);
    }
  };
  socket.onclose = () => {
    showState("disconnected", "The page is not reachable. It comes back by itself.");
    setTimeout(connect, retryMs);
    retryMs = Math.min(2 * retryMs, 8000);
  };
}

async function show(message) {
  const length = new DataView(message).getUint32(0);
  const about = JSON.parse(decoder.decode(new Uint8Array(message, 4, length)));
  const jpeg = new Uint8Array(message, 4 + length);
  if (jpeg.length) {
    const next = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
    if (bitmap) bitmap.close();
    bitmap = next;
  }
  newest = about;
  showState(about.state, about.reason);
  showText(about);
  showMeasures(about);
  draw();
}

// ---- the picture

function tint(glyph) {
  if (glyph.rejected) return "#8a8f8c";
  const doubt = Math.min(Math.max((0.97 - glyph.confidence) / 0.47, 0), 1);
  return `hsl(${Math.round(165 - 165 * doubt)} 85% ${Math.round(34 + 10 * doubt)}%)`;
}

function paint(canvas, image, reading, boxes) {
  const scale = window.devicePixelRatio || 1;
  canvas.style.aspectRatio = `${reading.width} / ${reading.height}`;
  const width = Math.round(canvas.clientWidth * scale);
  const height = Math.round((width * reading.height) / reading.width);
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0, width, height);
  if (!boxes) return;
  const zoom = width / reading.width;
  const letter = Math.max(11 * scale, Math.min(18 * scale, width / 55));
  context.lineWidth = Math.max(1.5 * scale, width / 700);
  context.font = `600 ${letter}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const line of reading.lines) {
    const pieces = line.glyphs.length ? line.glyphs : [line];
    for (const piece of pieces) {
      const [x, y, w, h] = piece.box.map((value) => value * zoom);
      const colour = tint(piece);
      const rim = context.lineWidth;
      context.strokeStyle = context.fillStyle = colour;
      context.setLineDash(piece.rejected ? [4 * rim, 3 * rim] : []);
      context.beginPath();
      context.roundRect(x - rim, y - rim, w + 2 * rim, h + 2 * rim, 3 * rim);
      context.stroke();
      const name = piece.rejected ? "?" : piece.text;
      const plate = context.measureText(name).width + 0.7 * letter;
      const middle = x + w / 2;
      const top = Math.max(y - rim - 1.1 * letter, 0);
      context.beginPath();
      context.roundRect(middle - plate / 2, top, plate, 1.25 * letter, 0.3 * letter);
      context.fill();
      context.fillStyle = "#fff";
      context.fillText(name, middle, top + 0.66 * letter);
    }
  }
  context.setLineDash([]);
}

function draw() {
  if (bitmap && newest && newest.reading) {
    paint($("picture"), bitmap, newest.reading, $("boxes").checked);
    $("size").textContent = `${newest.reading.width} × ${newest.reading.height}, frame ${newest.sequence}`;
  }
}

$("boxes").onchange = draw;
new ResizeObserver(draw).observe($("stage"));

// ---- state and text

function showState(state, reason) {
  const pill = $("state");
  if (pill.dataset.state !== state || pill.textContent !== state) {
    pill.dataset.state = state;
    pill.textContent = state;
    document.title = state === "live" ? "edge-hwr" : `${state} – edge-hwr`;
  }
  const old = state !== "live" && state !== "ended" && !(state === "starting" && bitmap);
  $("stage").classList.toggle("old", old && bitmap !== null);
  const banner = $("banner");
  banner.hidden = !old;
  if (old) banner.textContent = reason || (state === "starting" ? "Waiting for the first picture …" : state);
}

function showText(about) {
  const text = $("text");
  text.dataset.empty = about.text === "" ? "Nothing is written here." : "Waiting for a text that rests …";
  if (text.dataset.shown !== about.text) {
    text.dataset.shown = about.text;
    text.replaceChildren(...marked(about.text || ""));
  }
  $("sure").textContent = about.confidence === null || about.confidence === undefined ? "" : `${percent(about.confidence)} sure`;
  for (const id of ["copy", "download"]) $(id).disabled = !about.text;
  $("snap").disabled = !about.reading;
  const rate = about.rate ? `${about.rate.toFixed(about.rate < 10 ? 1 : 0)} frames/s · ` : "";
  $("counts").textContent = `${rate}${about.frames.toLocaleString()} frames · ${about.read.toLocaleString()} read · ${about.dropped.toLocaleString()} dropped`;
}

// A glyph that the model was too unsure of stands in the text as U+FFFD.
function marked(text) {
  return text.split(/(\uFFFD)/).filter(Boolean).map((part) => {
    if (part !== "\uFFFD") return part;
    const mark = document.createElement("mark");
    mark.textContent = "?";
    mark.title = "Too unsure to say";
    return mark;
  });
}

$("copy").onclick = async () => {
  const text = newest.text;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without TLS browsers lend no clipboard: an old way that they all still know.
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  say($("copy"), "Copied");
};

$("download").onclick = () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([`${newest.text}\n`], { type: "text/plain" }));
  link.download = "text.txt";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
};

function say(button, word) {
  const before = button.dataset.label || button.textContent;
  button.dataset.label = before;
  button.textContent = word;
  setTimeout(() => (button.textContent = before), 1500);
}

// ---- measures

const percent = (share) => `${(100 * share).toFixed(share < 0.9995 && share > 0.9 ? 1 : 0)} %`;

class Chart {
  // A line over the last two minutes, scaled from zero where `floor` says so.
  constructor(id, floor) {
    this.data = [[], []];
    const colour = () => getComputedStyle(document.documentElement).getPropertyValue("--accent").trim();
    const place = $(id);
    this.plot = new uPlot(
      {
        width: place.clientWidth || 120,
        height: 56,
        legend: { show: false },
        cursor: { show: false },
        padding: [4, 4, 4, 4],
        axes: [{ show: false }, { show: false }],
        scales: {
          x: { time: false, range: (_plot, _least, most) => [most - HISTORY_S, most] },
          y: { range: (_plot, least, most) => [Math.min(floor ?? least, least), Math.max(most, (floor ?? least) + 1e-3) * 1.05] },
        },
        series: [{}, { stroke: colour, width: 1.5, points: { show: false }, fill: () => `${colour()}22` }],
      },
      this.data,
      place,
    );
    new ResizeObserver(() => this.plot.setSize({ width: place.clientWidth, height: 56 })).observe(place);
  }

  add(seconds, value) {
    const [times, values] = this.data;
    if (times.length && seconds - times[times.length - 1] < 0.2) return;
    times.push(seconds);
    values.push(value ?? null);
    while (times[0] < seconds - HISTORY_S) {
      times.shift();
      values.shift();
    }
    this.plot.setData(this.data);
  }
}

let charts = null;

function figure(id, value, unit) {
  const output = $(id);
  output.textContent = value;
  if (unit) {
    const small = document.createElement("small");
    small.textContent = unit;
    output.append(small);
  }
}

function showMeasures(about) {
  charts ??= {
    age: new Chart("age-chart", 0),
    total: new Chart("total-chart", 0),
    confidence: new Chart("confidence-chart", null),
    temperature: new Chart("temperature-chart", null),
  };
  if (!about.reading) return;
  const now = performance.now() / 1000;
  const waiting = about.state !== "live" && about.state !== "ended";
  const age = waiting ? about.shown_ms : about.age_ms;
  figure("age", age >= 10000 ? (age / 1000).toFixed(0) : age.toFixed(0), age >= 10000 ? "s" : "ms");
  const total = about.reading.ms.total ?? 0;
  figure("total", total.toFixed(1), "ms");
  figure("confidence", about.confidence == null ? "–" : percent(about.confidence), "");
  figure("temperature", about.temperature_c == null ? "–" : about.temperature_c.toFixed(1), about.temperature_c == null ? "not told" : "°C");
  charts.age.add(now, age);
  charts.total.add(now, total);
  charts.confidence.add(now, about.confidence == null ? null : 100 * about.confidence);
  charts.temperature.add(now, about.temperature_c);
  showStages(about.reading.ms);
}

function showStages(ms) {
  const list = $("stages");
  const names = Object.keys(ms).filter((name) => name !== "total");
  if (list.childElementCount !== 3 * names.length) {
    list.replaceChildren(
      ...names.flatMap((name) => {
        const term = document.createElement("dt");
        term.textContent = name;
        const bar = document.createElement("progress");
        bar.setAttribute("aria-label", name);
        return [term, bar, document.createElement("dd")];
      }),
    );
  }
  names.forEach((name, index) => {
    list.children[3 * index + 1].max = Math.max(ms.total, 1e-3);
    list.children[3 * index + 1].value = ms[name];
    list.children[3 * index + 2].textContent = `${ms[name].toFixed(2)} ms`;
  });
}

// ---- snapshots

async function request(method, path) {
  const response = await fetch(path, { method });
  if (!response.ok) throw new Error(`${response.status}`);
  return response.status === 204 ? null : response.json();
}

const readable = (text) => text.replaceAll("\uFFFD", "?") || "no text";

function tile(snapshot) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  const image = document.createElement("img");
  image.loading = "lazy";
  image.src = `/api/snapshots/${snapshot.id}`;
  image.alt = `Snapshot ${snapshot.id}`;
  const text = document.createElement("span");
  text.textContent = readable(snapshot.reading.text).replaceAll("\n", " · ");
  const time = document.createElement("span");
  time.className = "quiet";
  time.textContent = new Date(snapshot.utc).toLocaleString();
  button.append(image, text, time);
  button.onclick = () => review(snapshot, image);
  item.append(button);
  return item;
}

async function listSnapshots() {
  const snapshots = await request("GET", "/api/snapshots");
  $("none").hidden = snapshots.length > 0;
  $("snapshots").replaceChildren(...snapshots.map(tile));
}

function review(snapshot, image) {
  const dialog = $("review");
  $("review-text").textContent = readable(snapshot.reading.text);
  $("review-time").textContent = new Date(snapshot.utc).toLocaleString();
  $("review-drop").onclick = async () => {
    try {
      await request("DELETE", `/api/snapshots/${snapshot.id}`);
      dialog.close();
      await listSnapshots();
    } catch {
      say($("review-drop"), "Not deleted");
    }
  };
  $("review-close").onclick = () => dialog.close();
  dialog.showModal();
  paint($("review-picture"), image, snapshot.reading, true);
}

$("snap").onclick = async () => {
  $("snap").disabled = true;
  try {
    await request("POST", "/api/snapshots");
    await listSnapshots();
    say($("snap"), "Kept");
  } catch {
    say($("snap"), "Not kept: is the disk full?");
  }
};

connect();
listSnapshots().catch(() => {});
