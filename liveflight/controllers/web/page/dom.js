// Make elements, and find those of the page.

export const byId = (id) => document.getElementById(id);

// Return an element. `set`: properties, or attributes where a name has a dash or is `role`;
// functions are listeners of events. Texts are added as texts, never as markup.
export function make(tag, set = {}, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(set)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name.includes("-") || name === "role" || name === "for" || name === "list") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...inside.filter((each) => each !== null && each !== undefined));
  return element;
}

export const button = (label, press, set = {}) => make("button", { type: "button", click: press, ...set }, label);

export function text(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

let numbers = 0;
export const freshId = (name) => `${name}-${++numbers}`;
