// Show the picture, what is played, what waits, the cue and the meters.

import { button, byId, make, text } from "./dom.js";
import { toPosition } from "./values.js";
import { widget } from "./widgets.js";

const QUICK = [["show.undo", "undo"], ["mix.back", "back"], ["mix.random", "random"], ["show.preset_random", "any look"]];
const SWITCHES = [["show.freeze", "freeze"], ["show.autopilot", "autopilot"]];
const CUES = [["cue.back", "back"], ["cue.go", "go"]];
const FADERS = ["show.master", "camera.speed", "mix.crossfade", "sound.react"];
const METERS = [["show.fps", "frames/s"], ["show.step_rate", "steps/s"], ["show.late", "late"], ["tempo.bpm", "bpm"]];
const BANDS = ["sound.low", "sound.mid", "sound.high"];
const BLANK = { "show.preset": "liveflight" };

export function stage(show) {
  const { values, connection } = show;
  const fire = ([key, label], set = {}) => button(label, () => connection.fire(key), set);
  byId("quick").replaceChildren(...QUICK.map((each) => fire(each)), ...SWITCHES.map(([key, label]) => flip(show, key, label)));
  byId("cue-buttons").replaceChildren(fire(CUES[0]), fire(CUES[1], { className: "go" }), flip(show, "cue.hold", "hold"));
  byId("safety").replaceChildren(
    flip(show, "show.blackout", "blackout", "blackout"),
    button("tap tempo", () => connection.fire("tempo.tap"), { className: "tap" }),
    fire(["show.panic", "panic"], { className: "panic", title: "a safe look at once; again within two seconds: black" }));
  // The most wanted of the controls, as far as the table has them.
  const rows = FADERS.map((key) => values.rows.get(key)).filter(Boolean);
  byId("faders").replaceChildren(...rows.map((row) => widget(row, show)));
  follow(values);
  meters(values);
}

// Return a switch as one large button.
export function flip(show, key, label, className = "") {
  const press = button(label, () => {
    const to = !show.values.now[key];
    show.values.put(key, to);
    show.connection.set(key, to);
    show.connection.flush();
  }, { className, "aria-pressed": "false" });
  show.values.follow(key, (now) => press.setAttribute("aria-pressed", String(Boolean(now))));
  return press;
}

function follow(values) {
  values.follow("show.preset", (now) => text(byId("now-preset"), now || BLANK["show.preset"]));
  const mix = values.rows.has("mix.now") ? "mix.now" : "mix.target";
  values.follow(mix, (now) => text(byId("now-target"), now));
  const waiting = () => {
    const { "tempo.waiting": beat = "", "show.preparing": loading = "" } = values.now;
    text(byId("waiting"), [beat, loading].filter(Boolean).join("   "));
  };
  values.follow("tempo.waiting", waiting);
  values.follow("show.preparing", waiting);
  values.follow("cue.now", (now) => {
    text(byId("cue-place"), now || "no cue list");
    byId("cue-now").classList.toggle("idle", !now);
  });
  values.follow("cue.next", (now) => text(byId("cue-next"), now ? `then ${now}` : ""));
  let longest = 0, place = "";
  values.follow("cue.left", (left) => {
    const here = (values.now["cue.now"] ?? "").split(",")[0];
    if (here !== place) [place, longest] = [here, 0];
    longest = Math.max(longest, left);
    byId("cue-bar").style.transform = `scaleX(${longest ? left / longest : 0})`;
  });
}

function meters(values) {
  byId("meters").replaceChildren(...METERS.map(([key, label]) => {
    const value = make("dd", {}, "-");
    values.follow(key, (now) => text(value, now >= 100 ? now.toFixed(0) : now.toFixed(key === "show.late" ? 0 : 1)));
    return make("div", {}, make("dt", {}, label), value);
  }));
  const lamps = make("div", { className: "lamps", role: "img", "aria-label": "the beat of the bar" });
  const light = () => {
    const { "tempo.beat": beat = 1, "tempo.beats_per_bar": count = 4 } = values.now;
    if (lamps.children.length !== count) lamps.replaceChildren(...Array.from({ length: count }, () => make("i")));
    [...lamps.children].forEach((lamp, at) => lamp.classList.toggle("lit", at + 1 === beat));
  };
  values.follow("tempo.beat", light);
  values.follow("tempo.beats_per_bar", light);
  const bands = make("div", { className: "bands", role: "img", "aria-label": "the sound: low, middle, high" }, ...BANDS.map((key) => {
    const fill = make("i");
    values.follow(key, (now) => { fill.style.transform = `scaleY(${toPosition(values.rows.get(key), now)})`; });
    return make("span", {}, fill);
  }));
  byId("beat").replaceChildren(lamps, bands);
}

// Return a function that draws a JPEG, and calls `done` once it is seen.
export function screen() {
  const canvas = byId("preview");
  const context = canvas.getContext("2d", { alpha: false });
  return async (blob, done) => {
    try {
      const picture = await createImageBitmap(blob);
      if (canvas.width !== picture.width || canvas.height !== picture.height) {
        [canvas.width, canvas.height] = [picture.width, picture.height];
        canvas.style.aspectRatio = `${picture.width} / ${picture.height}`;
      }
      context.drawImage(picture, 0, 0);
      picture.close();
      canvas.dataset.frames = String(Number(canvas.dataset.frames ?? 0) + 1);
    } finally {
      done();
    }
  };
}
