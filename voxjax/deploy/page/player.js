// Waveform, spectrogram and timeline of the recording in the audio element beside it. Streamlit calls the default
// function with the data that player.py makes; nothing is fetched.

const MAGMA = [
  [0, 0, 4], [28, 16, 68], [79, 18, 123], [129, 37, 129], [181, 54, 122], [229, 80, 100], [251, 135, 97],
  [254, 194, 135], [252, 253, 191],
];
const STEPS_S = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function element(tag, className, attributes = {}, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text; // never HTML: file names and labels come from elsewhere
  return made;
}

function clock(seconds) {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")} min`;
}

// The canvas at the screen's own resolution.
function sized(canvas) {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(canvas.clientWidth * scale));
  canvas.height = Math.max(1, Math.round(canvas.clientHeight * scale));
  return canvas.getContext("2d");
}

function drawWaveform(canvas, waveform) {
  const pen = sized(canvas);
  const low = new Int8Array(bytes(waveform.low).buffer);
  const high = new Int8Array(bytes(waveform.high).buffer);
  pen.fillStyle = getComputedStyle(canvas).color;
  const wide = canvas.width / low.length;
  for (let i = 0; i < low.length; i++) {
    const top = canvas.height * (0.5 - high[i] / 254);
    const bottom = canvas.height * (0.5 - low[i] / 254);
    pen.fillRect(i * wide, top, Math.max(1, wide), Math.max(1, bottom - top));
  }
}

function drawSpectrogram(canvas, spectrogram) {
  const { columns, bins } = spectrogram;
  const values = bytes(spectrogram.values);
  const small = document.createElement("canvas");
  small.width = columns;
  small.height = bins;
  const pixels = new ImageData(columns, bins);
  for (let column = 0; column < columns; column++) {
    for (let bin = 0; bin < bins; bin++) {
      const place = (values[column * bins + bin] / 255) * (MAGMA.length - 1);
      const [from, to] = [MAGMA[Math.floor(place)], MAGMA[Math.ceil(place)]];
      const at = 4 * ((bins - 1 - bin) * columns + column);
      for (let c = 0; c < 3; c++) pixels.data[at + c] = from[c] + (place % 1) * (to[c] - from[c]);
      pixels.data[at + 3] = 255;
    }
  }
  small.getContext("2d").putImageData(pixels, 0, 0);
  sized(canvas).drawImage(small, 0, 0, canvas.width, canvas.height);
}

function row(grid, name, className, title) {
  grid.append(element("div", "name", { title: name }, name));
  const cell = element("div", `cell ${className}`, title ? { title } : {});
  grid.append(cell);
  return cell;
}

function sentence(segment) {
  return `${segment.label}, ${segment.percent}, ${clock(segment.start_s)} to ${clock(segment.end_s)}`;
}

// A segment's button: as wide as it lasts, filled as high as its confidence.
function button(segment, duration_s, jump) {
  const made = element("button", "segment", { type: "button", tabindex: "-1", title: sentence(segment) });
  made.setAttribute("aria-label", `${sentence(segment)}: go there`);
  made.style.left = `${(100 * segment.start_s) / duration_s}%`;
  made.style.width = `${(100 * (segment.end_s - segment.start_s)) / duration_s}%`;
  made.style.setProperty("--color", segment.color);
  const fill = element("span", "fill");
  fill.style.height = `${100 * segment.confidence}%`;
  made.append(fill);
  made.addEventListener("click", () => jump(segment.start_s, sentence(segment)));
  return made;
}

// The rows of a model's timeline; arrow keys move between its segments, of which one is in the order of Tab.
function panel(grid, found, duration_s, jump) {
  grid.append(element("h4", "model", {}, found.title));
  const buttons = [];
  const rows = found.rows.map((name) => row(grid, name, "emotion"));
  for (const segment of found.segments) {
    const made = button(segment, duration_s, jump);
    rows[segment.row].append(made);
    buttons.push({ made, segment });
  }
  if (buttons.length) buttons[0].made.tabIndex = 0;
  buttons.forEach(({ made }, i) => {
    made.addEventListener("keydown", (event) => {
      const places = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: buttons.length - 1 };
      const next = buttons[places[event.key]];
      if (!next) return;
      event.preventDefault();
      made.tabIndex = -1;
      next.made.tabIndex = 0;
      next.made.focus();
    });
  });
  return buttons;
}

function axis(grid, duration_s) {
  grid.append(element("div", "name", {}, "time"));
  const cell = element("div", "cell axis", { "aria-hidden": "true" });
  const step = STEPS_S.find((one) => duration_s / one <= 8) || 7200;
  for (let at = 0; at <= duration_s * 0.97; at += step) {
    const text = step < 1 ? at.toFixed(1) : at < 60 ? String(Math.round(at)) : clock(at).replace(" min", "");
    const tick = element("span", "tick", {}, at === 0 ? "0 s" : text);
    tick.style.left = `${(100 * at) / duration_s}%`;
    cell.append(tick);
  }
  grid.append(cell);
}

export default function ({ data, parentElement }) {
  const { duration_s } = data;
  const audio = () => document.querySelector(`.st-key-${data.audio_key} audio`);
  const root = element("section", "player", { "aria-label": data.label });
  const grid = element("div", "grid");
  const said = element("p", "said", { role: "status" }, data.hint);
  const lines = [];

  const jump = (seconds, text) => {
    const found = audio();
    if (found) found.currentTime = Math.min(duration_s, Math.max(0, seconds));
    said.textContent = text || `At ${clock(seconds)}`;
    follow();
  };

  const waveform = row(grid, "waveform", "waveform");
  const spectrogram = row(grid, `0–${data.highest_khz} kHz`, "spectrogram");
  for (const cell of [waveform, spectrogram]) {
    cell.append(element("canvas", ""));
    cell.addEventListener("click", (event) => {
      const box = cell.getBoundingClientRect();
      jump((duration_s * (event.clientX - box.left)) / box.width);
    });
  }
  for (const [name, value] of Object.entries({
    role: "slider", tabindex: "0", "aria-label": "Place in the recording", "aria-valuemin": "0",
    "aria-valuemax": duration_s.toFixed(1),
  })) waveform.setAttribute(name, value);
  waveform.addEventListener("keydown", (event) => {
    const found = audio();
    if (!found) return;
    const step = Math.max(0.5, duration_s / 50);
    const places = {
      ArrowRight: found.currentTime + step, ArrowLeft: found.currentTime - step, Home: 0, End: duration_s,
    };
    if (event.key === " ") found.paused ? found.play() : found.pause();
    else if (event.key in places) jump(places[event.key]);
    else return;
    event.preventDefault();
  });

  const buttons = data.panels.flatMap((one) => panel(grid, one, duration_s, jump));
  axis(grid, duration_s);
  for (const cell of grid.querySelectorAll(".cell:not(.axis)")) {
    const line = element("div", "cursor");
    cell.append(line);
    lines.push(line);
  }
  root.append(grid, said);
  parentElement.querySelector(".player")?.remove(); // of an earlier call
  parentElement.append(root);

  function follow() {
    const found = audio();
    const now = found ? found.currentTime : 0;
    root.dataset.time = now.toFixed(2);
    for (const line of lines) line.style.left = `${(100 * Math.min(now, duration_s)) / duration_s}%`;
    waveform.setAttribute("aria-valuenow", now.toFixed(1));
    waveform.setAttribute("aria-valuetext", clock(now));
    for (const { made, segment } of buttons) {
      const inside = now >= segment.start_s && now < segment.end_s && now > 0;
      made.toggleAttribute("aria-current", inside);
    }
  }

  let frame = 0;
  const moving = () => {
    follow();
    const found = audio();
    frame = found && !found.paused ? requestAnimationFrame(moving) : 0;
  };
  const heed = (event) => {
    if (event.target !== audio()) return;
    event.target.setAttribute("aria-label", data.label);
    if (!frame) moving();
  };
  const events = ["play", "seeked", "timeupdate", "loadedmetadata"];
  for (const name of events) document.addEventListener(name, heed, true); // they don't bubble
  const draw = () => {
    drawWaveform(waveform.querySelector("canvas"), data.waveform);
    drawSpectrogram(spectrogram.querySelector("canvas"), data.spectrogram);
  };
  const resized = new ResizeObserver(draw);
  resized.observe(waveform);
  follow();
  return () => {
    resized.disconnect();
    cancelAnimationFrame(frame);
    for (const name of events) document.removeEventListener(name, heed, true);
  };
}
