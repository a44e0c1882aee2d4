// Show the presets as pictures: recall, save, rename, number.

import { button, byId, make, text } from "./dom.js";

export class Looks {
  constructor(show) {
    this.show = show;
    this.presets = [];
    this.version = {};
    this.grid = make("div", { className: "looks-grid", role: "group", "aria-label": "Presets" });
    this.arranging = button("arrange", () => this.arrange(), { "aria-pressed": "false" });
    this.name = make("input", { type: "text", maxLength: 64, placeholder: "name of a new look", "aria-label": "name of a new look", autocomplete: "off", keydown: (event) => { if (event.key === "Enter") this.save(); } });
    this.tools = make("div", { className: "row tools" }, this.name, button("save look", () => this.save()), this.arranging);
    this.list = make("datalist", { id: "all-presets" });
    this.late = false;
    this.grid.addEventListener("focusout", () => setTimeout(() => this.late && this.draw(), 400));
    byId("looks").replaceChildren(make("h2", { id: "tab-looks-wide" }, "Looks"), this.tools, this.grid, this.list);
    show.values.follow("show.preset", () => this.mark());
  }

  save() {
    const name = this.name.value.trim();
    if (name) this.show.connection.set("show.save_as", name);
    else this.show.connection.fire("show.snapshot");
    this.show.connection.flush();
    this.name.value = "";
  }

  arrange() {
    const on = this.arranging.getAttribute("aria-pressed") !== "true";
    this.arranging.setAttribute("aria-pressed", String(on));
    this.draw();
  }

  take(presets) {
    this.presets = presets;
    this.list.replaceChildren(...presets.map((each) => make("option", { value: each.name })));
    this.tools.hidden = !this.show.saves;
    this.draw();
  }

  pictured(name) {
    this.version[name] = (this.version[name] ?? 0) + 1;
    this.draw();
  }

  draw() {
    // Under somebody who types a name, nothing is drawn anew.
    this.late = this.grid.contains(document.activeElement) && document.activeElement.matches("input");
    if (this.late) return;
    const arranging = this.arranging.getAttribute("aria-pressed") === "true" && this.show.saves;
    this.grid.classList.toggle("arranging", arranging);
    const shown = arranging ? [...this.presets].sort((one, other) => other.own - one.own) : this.presets;
    this.grid.replaceChildren(...shown.map((preset) => this.card(preset, arranging)));
    this.mark();
  }

  card(preset, arranging) {
    const version = this.version[preset.name] ?? 0;
    const picture = make("img", { src: !preset.pictured && !version ? "" : `/remote/presets/${encodeURIComponent(preset.name)}${version ? `?_=${version}` : ""}`, alt: "", loading: "lazy", width: 160, height: 90 });
    picture.hidden = !preset.pictured && !version;
    const label = make("span", { className: "look-name" }, preset.name);
    const badge = preset.slot ? make("span", { className: "slot", "aria-hidden": "true" }, String(preset.slot)) : null;
    const star = preset.favourite ? make("span", { className: "star", title: "a favourite" }, "\u2605") : null;
    const recall = button("", () => this.show.connection.set("show.preset", preset.name), {
      className: "look", title: preset.about || preset.title, disabled: preset.broken,
      "aria-label": `${preset.name}${preset.slot ? `, number ${preset.slot}` : ""}${preset.favourite ? ", a favourite" : ""}`,
    });
    recall.append(picture, ...[badge, star, label].filter(Boolean));
    const card = make("div", { className: "look-card" }, recall);
    card.dataset.preset = preset.name;
    if (arranging) card.append(preset.own ? this.editor(preset) : make("p", { className: "quiet" }, "comes with liveflight"));
    return card;
  }

  editor(preset) {
    const name = make("input", { type: "text", value: preset.name, maxLength: 64, "aria-label": `new name of ${preset.name}` });
    const slot = make("input", { type: "number", min: 1, max: 99, value: preset.slot ?? "", "aria-label": `number of ${preset.name}` });
    const { connection } = this.show;
    const keep = () => {
      document.activeElement.blur();
      const number = slot.value ? Number(slot.value) : null;
      if (number !== preset.slot) connection.edit("slot of preset", { name: preset.name, slot: number });
      if (name.value.trim() !== preset.name) connection.edit("rename preset", { name: preset.name, to: name.value });
    };
    return make("div", { className: "row" }, name, slot, button("keep", keep, { "aria-label": `keep the name and number of ${preset.name}` }));
  }

  mark() {
    const here = this.show.values.now["show.preset"];
    for (const card of this.grid.children) {
      const now = card.dataset.preset === here;
      card.classList.toggle("now", now);
      card.firstChild.setAttribute("aria-pressed", String(now));
    }
    text(byId("now-preset"), here || "liveflight");
  }
}
