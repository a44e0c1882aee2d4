// Keep the state of the controls, and tell those who show it.

const HOLD_MS = 300;

export class Values {
  constructor() {
    this.now = {};
    this.rows = new Map();
    this.listeners = new Map();
    this.held = new Map();
    this.late = new Set();
  }

  describe(rows) {
    this.rows = new Map(rows.map((row) => [row.key, row]));
  }

  // Call `shown(value)` now and whenever the control changes, but not under a finger.
  follow(key, shown) {
    if (!this.listeners.has(key)) this.listeners.set(key, []);
    this.listeners.get(key).push(shown);
    if (key in this.now) shown(this.now[key]);
  }

  take(changed) {
    Object.assign(this.now, changed);
    for (const key of Object.keys(changed)) this.tell(key);
  }

  tell(key) {
    if ((this.held.get(key) ?? 0) > performance.now()) {
      this.late.add(key);
      return;
    }
    for (const shown of this.listeners.get(key) ?? []) shown(this.now[key]);
  }

  // A finger is on this control: what comes from the show waits until it has left.
  hold(key) {
    this.held.set(key, Infinity);
  }

  release(key) {
    this.held.set(key, performance.now() + HOLD_MS);
    setTimeout(() => {
      if ((this.held.get(key) ?? 0) > performance.now()) return;
      if (this.late.delete(key)) this.tell(key);
    }, HOLD_MS + 20);
  }

  // What the finger itself has set.
  put(key, value) {
    this.now[key] = value;
    for (const shown of this.listeners.get(key) ?? []) shown(value);
  }
}

export function toPosition(row, value) {
  if (row.curve === "geometric") return Math.log(value / row.minimum) / Math.log(row.maximum / row.minimum);
  return (value - row.minimum) / (row.maximum - row.minimum);
}

export function fromPosition(row, position) {
  if (row.curve === "geometric") return row.minimum * (row.maximum / row.minimum) ** position;
  const value = row.minimum + position * (row.maximum - row.minimum);
  return row.kind === "int" ? Math.round(value) : value;
}

export function words(row, value) {
  if (row.kind === "bool") return value ? "on" : "off";
  if (typeof value !== "number") return String(value);
  const digits = Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(3)));
  return row.unit ? `${digits} ${row.unit}` : digits;
}

export const titled = (name) => name.replaceAll("_", " ");
