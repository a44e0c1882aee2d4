// Pick a filter by its picture, from the sheets of the atlas.

import { button, byId, make } from "./dom.js";

const ACTIONS = { play: "mix.target", "into the mix": "mix.target_add", journey: "mix.journey_add", star: "mix.star" };

export class Atlas {
  constructor(show) {
    this.show = show;
    this.key = ACTIONS.play;
    this.network = this.layer = "";
    this.known = new Map();
    this.networks = make("select", { "aria-label": "network", change: () => this.open(this.networks.value, "") });
    this.layers = make("select", { "aria-label": "layer", change: () => this.open(this.network, this.layers.value) });
    this.named = [];
    this.search = make("input", { type: "search", placeholder: "find a class: jellyfish", "aria-label": "find a class by its name", autocomplete: "off", input: () => this.find() });
    this.none = make("p", { className: "quiet", hidden: true }, "no class is called so");
    const picks = Object.entries(ACTIONS).map(([name, key]) => {
      const row = show.values.rows.get(key);
      return button(name, () => {
        this.key = key;
        picks.forEach((pick) => pick.setAttribute("aria-pressed", String(pick.textContent === name)));
      }, { "aria-pressed": String(key === this.key), disabled: !row.remote && !show.trusted });
    });
    this.grid = make("div", { className: "atlas-grid", role: "group", "aria-label": "filters" });
    byId("atlas").replaceChildren(make("h2", {}, "Filters"),
      make("div", { className: "row tools" }, this.networks, this.layers),
      make("div", { className: "row tools" }, this.search, button("here", () => this.follow(), { title: "the layer that is played" })),
      make("div", { className: "segments", role: "group", "aria-label": "a tap" }, ...picks), this.none, this.grid);
    show.values.follow("mix.target", () => this.mark());
  }

  // Called when the panel is shown for the first time.
  async begin() {
    if (this.network) return;
    const { networks, named } = await (await fetch("/remote/atlas")).json();
    this.named = named;
    this.search.hidden = !named.length;
    this.networks.replaceChildren(...networks.map((name) => make("option", {}, name)));
    await this.follow();
  }

  async follow() {
    this.search.value = "";
    const [network, layer] = (this.show.values.now["mix.target"] || "").split(":");
    const names = [...this.networks.options].map((each) => each.value);
    await this.open(names.includes(network) ? network : names[0], layer ?? "");
  }

  async open(network, layer) {
    if (!network) return;
    if (!this.known.has(network)) this.known.set(network, await (await fetch(`/remote/atlas/${encodeURIComponent(network)}`)).json());
    const atlas = this.known.get(network);
    const named = atlas.layers.find((each) => each.name === (atlas.shown[layer] ?? layer)) ?? atlas.layers[Math.floor(atlas.layers.length / 2)];
    [this.network, this.layer] = [network, named.name];
    this.networks.value = network;
    this.layers.replaceChildren(...atlas.layers.map((each) => make("option", { value: each.name, title: `${each.filters.length} filters` }, each.name)));
    this.layers.value = named.name;
    const sheet = `/remote/atlas/${encodeURIComponent(network)}/${encodeURIComponent(named.name)}`;
    const rows = Math.ceil(named.filters.length / atlas.columns);
    this.grid.classList.toggle("named", Boolean(named.called));
    this.grid.replaceChildren(...named.filters.map((number, at) => this.tile(`${network}:${named.name}:${number}`, at, atlas.columns, rows, sheet, named.called?.[at])));
    const starred = new Set(atlas.starred);
    for (const tile of this.grid.children) tile.classList.toggle("starred", starred.has(tile.dataset.target));
    this.mark();
    this.sift();
  }

  // Go to classes, and show those whose names have all words that were typed.
  async find() {
    const asked = this.search.value.trim();
    const here = this.named.find((each) => each.network === this.network && each.layer === this.layer);
    const there = here ?? this.named.find((each) => each.network === this.network) ?? this.named[0];
    if (!there) return;
    if (asked && !here) await this.open(there.network, there.layer);
    else this.sift();
  }

  sift() {
    const wanted = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const tile of this.grid.children) tile.hidden = !wanted.every((word) => (tile.dataset.called ?? word).includes(word));
    this.none.hidden = [...this.grid.children].some((tile) => !tile.hidden);
  }

  tile(target, at, columns, rows, sheet, called = "") {
    const words = called ? `${called}, ${target}` : target;
    const tile = button("", () => {
      this.show.connection.set(this.key, target);
      this.show.connection.flush();
      if (this.key === ACTIONS.star) tile.classList.toggle("starred");
    }, { className: "tile", title: words, "aria-label": words });
    tile.dataset.target = target;
    if (called) {
      tile.dataset.called = called.toLowerCase();
      tile.append(make("span", { className: "look-name" }, called));
    }
    tile.style.backgroundImage = `url("${sheet}")`;
    tile.style.backgroundSize = `${100 * columns}% ${100 * rows}%`;
    const across = columns > 1 ? (100 * (at % columns)) / (columns - 1) : 0;
    const down = rows > 1 ? (100 * Math.floor(at / columns)) / (rows - 1) : 0;
    tile.style.backgroundPosition = `${across}% ${down}%`;
    return tile;
  }

  mark() {
    const here = this.show.values.now["mix.target"];
    for (const tile of this.grid.children) {
      tile.classList.toggle("now", tile.dataset.target === here);
      tile.setAttribute("aria-pressed", String(tile.dataset.target === here));
    }
  }
}
