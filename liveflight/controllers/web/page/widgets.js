// Build one widget for a control, by its kind in the table.

import { button, freshId, make, text } from "./dom.js";
import { fromPosition, titled, toPosition, words } from "./values.js";

const STEP = 0.01;
const KEYS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };

export function widget(row, show) {
  const makers = { float: fader, int: fader, bool: toggle, enum: choice, text: entry, trigger: trigger, told: told, meter: meter };
  const made = makers[row.kind](row, show);
  made.dataset.key = row.key;
  made.classList.add("control", row.kind);
  if (!row.remote && !show.trusted) {
    made.classList.add("locked");
    made.querySelectorAll("button, input, select").forEach((each) => {
      each.disabled = true;
      each.title = "only from the page on the show's own machine, opened by its link";
    });
  }
  return made;
}

function head(row, id, value = null) {
  return make("div", { className: "head" },
    make("label", { for: id, className: "name" }, titled(row.name)), value,
    make("small", { className: "help", id: `${id}-help` }, row.help));
}

function fader(row, show) {
  const id = freshId("fader");
  const whole = row.kind === "int";
  const input = make("input", {
    type: "range", id, "aria-describedby": `${id}-help`,
    min: whole ? row.minimum : 0, max: whole ? row.maximum : 1, step: whole ? 1 : 0.0005,
  });
  const value = button("", () => set(row.default), { className: "value", title: "back to its default", "aria-label": `${titled(row.name)} back to its default` });
  const set = (to) => {
    const kept = Math.min(Math.max(to, row.minimum), row.maximum);
    show.values.put(row.key, kept);
    show.values.hold(row.key);
    show.connection.set(row.key, kept);
    show.values.release(row.key);
  };
  const moved = () => {
    const at = whole ? Number(input.value) : fromPosition(row, Number(input.value));
    show.values.put(row.key, at);
    if (whole) show.connection.set(row.key, at);
    else show.connection.move(row.key, Number(input.value));
  };
  input.addEventListener("input", () => {
    show.values.hold(row.key);
    moved();
    if (!input.matches(":active")) show.values.release(row.key);
  });
  input.addEventListener("pointerdown", () => show.values.hold(row.key));
  for (const left of ["pointerup", "pointercancel", "change", "blur"]) input.addEventListener(left, () => show.values.release(row.key));
  input.addEventListener("keydown", (event) => {
    const by = KEYS[event.key];
    if (event.key === "Delete" || event.key === "Backspace") set(row.default);
    else if (by && !whole) {
      input.value = String(Number(input.value) + by * STEP);
      show.values.hold(row.key);
      moved();
      show.values.release(row.key);
    } else return;
    event.preventDefault();
  });
  show.values.follow(row.key, (now) => {
    const at = whole ? now : toPosition(row, now);
    if (Number(input.value) !== at) input.value = String(at);
    input.setAttribute("aria-valuetext", words(row, now));
    text(value, words(row, now));
    input.style.setProperty("--at", `${100 * toPosition(row, now)}%`);
  });
  return make("div", {}, head(row, id, value), input);
}

function toggle(row, show) {
  const id = freshId("switch");
  const press = button("", () => {
    const to = !show.values.now[row.key];
    show.values.put(row.key, to);
    show.connection.set(row.key, to);
  }, { id, role: "switch", className: "switch", "aria-describedby": `${id}-help` });
  show.values.follow(row.key, (now) => {
    press.setAttribute("aria-checked", String(Boolean(now)));
    text(press, now ? "on" : "off");
  });
  return make("div", {}, head(row, id), press);
}

function choice(row, show) {
  const id = freshId("choice");
  const set = (to) => {
    show.values.put(row.key, to);
    show.connection.set(row.key, to);
  };
  if (row.choices.length <= 4) {
    const picks = row.choices.map((word) => button(word, () => set(word), { "aria-pressed": "false" }));
    show.values.follow(row.key, (now) => picks.forEach((pick, at) => pick.setAttribute("aria-pressed", String(row.choices[at] === now))));
    return make("div", {}, head(row, id), make("div", { className: "segments", id, role: "group", "aria-label": titled(row.name) }, ...picks));
  }
  const select = make("select", { id, "aria-describedby": `${id}-help`, change: () => set(select.value) },
    ...row.choices.map((word) => make("option", {}, word)));
  show.values.follow(row.key, (now) => { select.value = now; });
  return make("div", {}, head(row, id), select);
}

function entry(row, show) {
  const id = freshId("text");
  const list = { "show.preset": "all-presets", "cue.list": "all-cues", "midi.learn": "all-keys" }[row.key];
  const send = () => {
    show.connection.set(row.key, input.value);
    show.connection.flush();
    input.blur();
  };
  const input = make("input", {
    type: "text", id, maxLength: 200, autocomplete: "off", spellcheck: false, "aria-describedby": `${id}-help`,
    focus: () => show.values.hold(row.key), blur: () => show.values.release(row.key),
    keydown: (event) => { if (event.key === "Enter") send(); },
    ...(list ? { list } : {}),
  });
  show.values.follow(row.key, (now) => { input.value = now; });
  return make("div", {}, head(row, id), make("div", { className: "row" }, input, button("set", send, { "aria-label": `set ${titled(row.name)}` })));
}

const RISKY = { "show.quit": "End the show?" };

function trigger(row, show) {
  const id = freshId("trigger");
  const press = () => {
    if (!RISKY[row.key] || confirm(RISKY[row.key])) show.connection.fire(row.key);
  };
  const label = make("span", { className: "name" }, titled(row.name));
  return make("div", {}, make("div", { className: "head" }, label, make("small", { className: "help", id: `${id}-help` }, row.help)),
    button("fire", press, { id, "aria-label": titled(row.name), "aria-describedby": `${id}-help` }));
}

function told(row, show) {
  const id = freshId("told");
  const output = make("output", { id });
  show.values.follow(row.key, (now) => text(output, String(now) || "-"));
  return make("div", {}, head(row, id), output);
}

function meter(row, show) {
  const id = freshId("meter");
  const value = make("span", { className: "value", id });
  const fill = make("i");
  show.values.follow(row.key, (now) => {
    text(value, words(row, now));
    fill.style.transform = `scaleX(${Math.min(Math.max(toPosition(row, now), 0), 1)})`;
  });
  return make("div", {}, head(row, id, value), make("div", { className: "bar-meter" }, fill));
}
