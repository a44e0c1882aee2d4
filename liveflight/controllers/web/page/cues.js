// List the cue lists; start one, and make a new one by order and time.

import { button, byId, make } from "./dom.js";

export class Cues {
  constructor(show) {
    this.show = show;
    this.lists = [];
    this.draft = { name: "", cues: [] };
    this.names = make("datalist", { id: "all-cues" });
    this.rows = make("div", { className: "lists" });
    this.name = make("input", { type: "text", maxLength: 64, placeholder: "name of the list", "aria-label": "name of the cue list", autocomplete: "off" });
    this.table = make("ol", { className: "cue-table editing" });
    this.editor = make("section", { "aria-label": "A list of your own" }, make("h3", {}, "A list of your own"), this.table,
      make("div", { className: "row tools" }, button("add this look", () => this.add()), this.name, button("save list", () => this.save())));
    byId("cues").replaceChildren(make("h2", {}, "Cues"), this.rows, this.editor, this.names);
    show.values.follow("cue.playing", () => this.draw());
    show.values.follow("cue.now", () => this.mark());
  }

  take(lists) {
    this.lists = lists;
    this.names.replaceChildren(...lists.map((each) => make("option", { value: each.name })));
    this.editor.hidden = !this.show.saves;
    this.draw();
    if (!this.table.children.length) this.drawDraft(); // later, somebody may be typing a time there
  }

  // Called with what the show has done: the list that was saved may be saved again with changes.
  done(words) {
    if (words === `cue list ${this.saving} is saved`) Object.assign(this.draft, { name: this.saving, replace: true });
  }

  draw() {
    const opened = new Set([...this.rows.querySelectorAll("details[open] ol")].map((each) => each.dataset.list));
    const playing = this.show.values.now["cue.playing"];
    this.rows.replaceChildren(...this.lists.map((list) => {
      const here = list.name === playing;
      const cues = make("ol", { className: "cue-table" }, ...list.cue.map((cue) => make("li", {}, make("span", {}, cue.preset), make("span", { className: "quiet" }, time(cue)))));
      cues.dataset.list = list.name;
      return make("details", { open: here || opened.has(list.name), className: here ? "now" : "" }, make("summary", {}, make("strong", {}, list.name), " ", make("span", { className: "quiet" }, list.title)), cues,
        make("div", { className: "row tools" },
          button(here ? "start again" : "start", () => this.show.connection.set("cue.list", list.name)),
          this.show.saves ? button("copy below", () => this.copy(list)) : null));
    }));
    this.mark();
  }

  mark() {
    const playing = this.show.values.now["cue.playing"];
    const place = Number((this.show.values.now["cue.now"] ?? "").split(" ")[0]);
    for (const list of this.rows.querySelectorAll("ol")) {
      [...list.children].forEach((cue, at) => cue.classList.toggle("now", list.dataset.list === playing && at + 1 === place));
    }
  }

  copy(list) {
    this.draft = { name: list.own ? list.name : `my ${list.name}`, title: list.title, replace: list.own, cues: list.cue.map((cue) => ({ ...cue })) };
    this.name.value = this.draft.name;
    this.drawDraft();
  }

  add() {
    const preset = this.show.values.now["show.preset"];
    if (!preset) this.show.say("recall a preset first: a cue is a preset and its time", true);
    else {
      this.draft.cues.push({ preset, seconds: 60, transition: 8 });
      this.drawDraft();
    }
  }

  save() {
    const name = this.name.value.trim();
    const replace = Boolean(this.draft.replace) && name === this.draft.name;
    this.saving = name;
    this.show.connection.edit("save cues", { name, title: this.draft.title ?? "", cues: this.draft.cues, replace });
  }

  drawDraft() {
    const { cues } = this.draft;
    this.table.replaceChildren(...cues.map((cue, at) => {
      const change = (to) => {
        const [moved] = cues.splice(at, 1);
        if (to !== null) cues.splice(to, 0, moved);
        this.drawDraft();
      };
      const number = (name, label) => make("label", { className: "small" }, label, make("input", {
        type: "number", min: name === "transition" ? 0 : 1, max: 86400, value: cue[name] ?? "", "aria-label": `${label} of cue ${at + 1}, ${cue.preset}`,
        input: (event) => {
          if (event.target.value) cue[name] = Number(event.target.value);
          else delete cue[name];
          if (name === "seconds") { delete cue.beats; delete cue.hold; if (!cue.seconds) cue.hold = true; }
        },
      }));
      return make("li", {}, make("span", {}, cue.preset), number("seconds", "seconds"), number("transition", "morph"),
        button("\u2191", () => change(Math.max(at - 1, 0)), { "aria-label": `cue ${at + 1}, ${cue.preset}: earlier`, disabled: at === 0 }),
        button("\u2193", () => change(at + 1), { "aria-label": `cue ${at + 1}, ${cue.preset}: later`, disabled: at === cues.length - 1 }),
        button("\u00d7", () => change(null), { "aria-label": `cue ${at + 1}, ${cue.preset}: remove` }));
    }));
    if (!cues.length) this.table.replaceChildren(make("li", { className: "quiet" }, "empty: add the look that is on, or copy a list"));
  }
}

function time(cue) {
  if (cue.hold) return "until go";
  return cue.beats ? `${cue.beats} beats` : `${cue.seconds} s`;
}
