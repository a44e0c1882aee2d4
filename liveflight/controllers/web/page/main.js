// Start the page, and hand what comes from the show to its parts.

import { Atlas } from "./atlas.js";
import { Connection } from "./connection.js";
import { Cues } from "./cues.js";
import { byId, button, make, text } from "./dom.js";
import { Looks } from "./looks.js";
import { pad } from "./pad.js";
import { screen, stage } from "./stage.js";
import { titled, Values } from "./values.js";
import { widget } from "./widgets.js";

const PANELS = { play: "Play", looks: "Looks", cues: "Cues", pad: "Pad", atlas: "Filters", controls: "Controls", messages: "Messages", help: "Keys" };
const NEWS_MS = 8000;
const NARROW = matchMedia("(max-width: 759px)");
const WIDE = matchMedia("(min-width: 1500px)");

if (location.search) history.replaceState(null, "", location.pathname); // the cookie has the token

const show = { values: new Values(), trusted: false, saves: false, say, built: "" };
const news = [];
let parts = {};
let quiet = 0;

show.connection = new Connection(heard, screen(), (open, tries) => {
  byId("connection").classList.toggle("open", open);
  byId("connection").setAttribute("aria-label", open ? "connected" : "not connected");
  document.body.classList.toggle("offline", !open);
  const hint = tries > 4 ? " If liveflight was started again, open its new link." : "";
  text(byId("veil"), open ? "" : `no connection: trying again ...${hint}`);
});

function heard(said) {
  if (said.controls) build(said);
  if (said.values) show.values.take(said.values);
  if (said.presets) parts.looks.take(said.presets);
  if (said.cue_lists) parts.cues.take(said.cue_lists);
  if (said.messages) listNews(said.messages, true);
  if (said.news) listNews(said.news);
  if (said.picture_of) parts.looks.pictured(said.picture_of);
  if (said.error) say(said.error, true);
  if (said.done) {
    say(said.done);
    parts.cues.done(said.done);
  }
}

// Build everything from the table; after a reconnection only if the table is another one.
function build(said) {
  const table = JSON.stringify([said.controls, said.trusted, said.saves]);
  if (table === show.built) return;
  if (show.built) return location.reload();
  Object.assign(show, { built: table, trusted: said.trusted, saves: said.saves });
  show.values.describe(said.controls);
  stage(show);
  parts = { looks: new Looks(show), cues: new Cues(show), atlas: new Atlas(show) };
  pad(show);
  controls(said.controls);
  help(said.keys);
  messages();
  tabs();
}

function tabs() {
  const names = Object.keys(PANELS);
  const open = (name, focus) => {
    // A larger page always shows the stage, and a wide one the looks.
    const always = [...(NARROW.matches ? [] : ["play"]), ...(WIDE.matches ? ["looks"] : [])];
    const chosen = always.includes(name) ? (always.includes("looks") ? "controls" : "looks") : name;
    for (const each of names) {
      const here = each === chosen || always.includes(each);
      byId(each).hidden = !here;
      const tab = byId(`tab-${each}`);
      tab.setAttribute("aria-selected", String(each === chosen));
      tab.tabIndex = each === chosen ? 0 : -1;
      if (each === chosen) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
      if (each === chosen && focus) tab.focus();
    }
    if (chosen === "atlas") parts.atlas.begin();
    sessionStorage.setItem("panel", chosen);
  };
  byId("tabs").replaceChildren(...names.map((name, at) => button(PANELS[name], () => open(name), {
    id: `tab-${name}`, role: "tab", "aria-controls": name,
    keydown: (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!by) return;
      let next = at;
      do next = (next + by + names.length) % names.length;
      while (getComputedStyle(byId(`tab-${names[next]}`)).display === "none");
      open(names[next], true);
    },
  })));
  open(sessionStorage.getItem("panel") ?? "looks");
  for (const width of [NARROW, WIDE]) width.addEventListener("change", () => open(sessionStorage.getItem("panel") ?? "looks"));
}

function controls(rows) {
  const groups = Map.groupBy ? Map.groupBy(rows, (row) => row.group) : grouped(rows);
  const search = make("input", { type: "search", placeholder: "find a control", "aria-label": "find a control", autocomplete: "off", input: () => find(search.value) });
  const jump = make("nav", { className: "chips", "aria-label": "groups of controls" });
  const listed = [...groups].map(([name, members]) => {
    const box = make("fieldset", { className: "group", id: `group-${name}` }, make("legend", {}, titled(name)), make("div", { className: "grid" }, ...members.map((row) => widget(row, show))));
    jump.append(button(titled(name), () => box.scrollIntoView({ block: "start", behavior: "smooth" })));
    return box;
  });
  const none = make("p", { className: "quiet", hidden: true }, "no control is called so");
  const keys = make("datalist", { id: "all-keys" }, ...rows.map((row) => make("option", { value: row.key })));
  byId("controls").replaceChildren(make("h2", {}, "Controls"), make("div", { className: "finder" }, search, jump), none, ...listed, keys);
  const find = (asked) => {
    const wanted = asked.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      const said = `${row.key} ${titled(row.key)} ${row.help} ${row.choices.join(" ")}`.toLowerCase();
      byId("controls").querySelector(`[data-key="${row.key}"]`).hidden = !wanted.every((word) => said.includes(word));
    }
    for (const box of listed) box.hidden = !box.querySelector(".control:not([hidden])");
    none.hidden = listed.some((box) => !box.hidden);
  };
}

function grouped(rows) {
  const found = new Map();
  for (const row of rows) found.set(row.group, [...(found.get(row.group) ?? []), row]);
  return found;
}

function help(keys) {
  byId("help").replaceChildren(make("h2", {}, "Keys of the window"), make("dl", { className: "keys" },
    ...keys.flatMap(([names, words]) => [make("dt", {}, names), make("dd", {}, words)])));
}

function messages() {
  byId("messages").replaceChildren(make("h2", {}, "Messages"), make("ol", { id: "news", className: "news", reversed: true }));
}

function listNews(found, all = false) {
  if (all) news.length = 0;
  news.push(...found);
  news.splice(0, news.length - 50);
  const day = (seconds) => new Date(1000 * seconds).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
  byId("news").replaceChildren(...[...news].reverse().map((each) => make("li", { className: each.kind }, make("time", {}, day(each.time)), make("span", {}, each.text))));
  if (!all) say(found.at(-1).text, found.at(-1).kind === "error");
}

// Show a line, after some seconds dimmed, and read it to those who hear the page.
function say(words, trouble = false) {
  const line = byId("status");
  text(line, words);
  line.classList.toggle("error", trouble);
  line.classList.remove("old");
  clearTimeout(quiet);
  quiet = setTimeout(() => line.classList.add("old"), NEWS_MS);
}
