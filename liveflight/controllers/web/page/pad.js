// A pad for one finger: blends four targets, or pans the camera.

import { button, byId, make, text } from "./dom.js";
import { fromPosition, toPosition } from "./values.js";
import { flip } from "./stage.js";

const AXES = { "four targets": ["pad.x", "pad.y"], pan: ["camera.pan_x", "camera.pan_y"], "zoom and turn": ["camera.rotation", "camera.zoom"] };
const CORNERS = { "pad.c": "top left", "pad.d": "top right", "pad.a": "bottom left", "pad.b": "bottom right" };

export function pad(show) {
  const { values, connection } = show;
  let axes = AXES["four targets"];
  const dot = make("i", { className: "pad-dot" });
  const field = make("div", { className: "pad-field", role: "application", tabIndex: 0, "aria-label": "pad: arrows move it" }, dot);
  const draw = () => {
    const [x, y] = axes.map((key) => (key in values.now ? toPosition(values.rows.get(key), values.now[key]) : 0.5));
    dot.style.left = `${100 * x}%`;
    dot.style.top = `${100 * (1 - y)}%`;
  };
  const move = (x, y) => [x, y].forEach((at, axis) => {
    const position = Math.min(Math.max(at, 0), 1);
    values.put(axes[axis], fromPosition(values.rows.get(axes[axis]), position));
    connection.move(axes[axis], position);
  });
  const point = (event) => {
    const box = field.getBoundingClientRect();
    axes.forEach((key) => values.hold(key));
    move((event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height);
  };
  field.addEventListener("pointerdown", (event) => { field.setPointerCapture(event.pointerId); point(event); });
  field.addEventListener("pointermove", (event) => { if (event.buttons) point(event); });
  for (const left of ["pointerup", "pointercancel"]) field.addEventListener(left, () => axes.forEach((key) => values.release(key)));
  field.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: [-0.02, 0], ArrowRight: [0.02, 0], ArrowUp: [0, 0.02], ArrowDown: [0, -0.02] }[event.key];
    if (!by) return;
    event.preventDefault();
    const here = axes.map((key) => toPosition(values.rows.get(key), values.now[key]));
    move(here[0] + by[0], here[1] + by[1]);
  });
  const corners = Object.entries(CORNERS).map(([key, where]) => {
    const label = make("span", { className: `pad-corner ${where.replace(" ", "-")}` });
    values.follow(key, (now) => text(label, now));
    return label;
  });
  field.append(...corners);
  const picks = Object.entries(AXES).map(([name, keys]) => button(name, () => {
    axes = keys;
    picks.forEach((pick) => pick.setAttribute("aria-pressed", String(pick.textContent === name)));
    field.classList.toggle("plain", keys !== AXES["four targets"]);
    draw();
  }, { "aria-pressed": String(keys === axes) }));
  for (const key of Object.values(AXES).flat()) values.follow(key, draw);
  const corner = (key) => button(`${CORNERS[key]} = this`, () => connection.set(key, values.now["mix.target"]), { title: "takes the target that is played now" });
  byId("pad").replaceChildren(make("h2", {}, "Pad"), make("div", { className: "segments", role: "group", "aria-label": "the pad moves" }, ...picks), field,
    make("div", { className: "quick" }, flip(show, "pad.on", "pad on"), button("centre", () => { move(0.5, 0.5); }), ...Object.keys(CORNERS).map(corner)));
}
