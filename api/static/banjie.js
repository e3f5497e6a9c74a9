// What the pages can do beyond links and forms. Without this file everything still works, a little less quickly.
"use strict";

const busy = () => document.querySelector("#content :is(input, textarea, select):focus, #content details.move[open]");

// The office's clock runs on between two looks at the server; a trial clock runs faster than the world.
function tick() {
  const shown = document.querySelector("time[data-clock]");
  if (!shown) return;
  const start = Date.parse(shown.dateTime), rate = Number(shown.dataset.clock), loaded = performance.now();
  const words = new Intl.DateTimeFormat("zh-CN", {
    timeZone: "Asia/Shanghai", year: "numeric", month: "long", day: "numeric", weekday: "short",
    hour: "2-digit", minute: "2-digit", hourCycle: "h23",
  });
  setInterval(() => {
    shown.textContent = words.format(new Date(start + (performance.now() - loaded) * rate)).replace("周", " 周");
  }, rate > 60 ? 250 : 1000);
}

// A page marked data-live looks again by itself: every minute, or every three seconds under a fast trial clock.
// Never while somebody writes, has opened something or changed a filter, or is looking elsewhere.
let touched = false;

function live() {
  const fast = Number(document.querySelector("time[data-clock]")?.dataset.clock) > 1;
  const touch = (event) => { touched ||= Boolean(event.target.closest("[data-live] :is(summary, input, select, textarea)")); };
  for (const kind of ["click", "input"]) document.addEventListener(kind, touch);
  setInterval(() => {
    const part = document.querySelector("[data-live]");
    if (!part || document.hidden || busy() || touched || part.contains(document.activeElement)) return;
    htmx.ajax("GET", location.href, { target: "#" + part.id, select: "#" + part.id, swap: "outerHTML" });
  }, fast ? 3000 : 60000);
}

function keys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select")) return;
  if (event.key === "/") {
    const search = document.querySelector("input[type=search]");
    event.preventDefault();
    if (search) search.focus(); else location.href = "/cases#q";
  }
  if (event.key === "j" || event.key === "k") {
    const links = [...document.querySelectorAll(".lines a.stretched-link")];
    const next = links.indexOf(document.activeElement) + (event.key === "j" ? 1 : -1);
    links[Math.max(next, 0)]?.focus();
  }
}

// What a wide screen has room for is never folded; the style sheet sees to it where the browser is new enough.
function unfold() {
  if (!matchMedia("(min-width: 768px)").matches) return;
  for (const fold of document.querySelectorAll("details[data-wide-open]")) fold.open = true;
}

document.addEventListener("DOMContentLoaded", () => {
  unfold();
  offerRows();
  tick();
  live();
  document.addEventListener("keydown", keys);
  if (location.hash === "#q") document.getElementById("q")?.focus();
});

// An address says what is asked for, and nothing of what is not.
document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.verb !== "get") return;
  for (const [name, value] of Object.entries(event.detail.parameters)) if (value === "") delete event.detail.parameters[name];
});

// After an answer: to what is wrong, else to what was done.
document.addEventListener("htmx:afterSettle", (event) => {
  unfold();
  offerRows();
  if (event.target.id === "content") touched = false;
  if (event.detail.requestConfig?.verb === "get") return;
  const told = document.querySelector("[aria-invalid=true], #refusal, #done");
  told?.focus({ preventScroll: true });
  told?.scrollIntoView({ block: "center" });
});

// One form at a time. (`<details name>` would do so too, but shuts the one that an answer brings while the old still stands.)
document.addEventListener("toggle", (event) => {
  if (!event.target.matches("details.move[open]")) return;
  for (const move of document.querySelectorAll("details.move[open]")) if (move !== event.target) move.open = false;
}, true);

// Paper shows what the screen folds away.
addEventListener("beforeprint", () => {
  for (const fold of document.querySelectorAll("details[data-print]")) fold.open = true;
});

// One menu at a time, and none after a click elsewhere or Escape.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.person[open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") for (const menu of document.querySelectorAll("details.person[open]")) menu.open = false;
});

// A table of rows grows: the new row is the last one, emptied, under the next number. Without script three empty rows stand ready.
function offerRows() {
  for (const button of document.querySelectorAll("[data-add-row][hidden]")) button.hidden = false;
}
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-add-row]");
  if (!button) return;
  const last = button.closest("fieldset").querySelector("tbody tr:last-child");
  const row = last.cloneNode(true);
  for (const cell of row.querySelectorAll("[name]")) {
    const number = Number(cell.name.split(".")[1]);
    cell.name = cell.name.replace(`.${number}.`, `.${number + 1}.`);
    cell.id = cell.id.replace(`-${number}-`, `-${number + 1}-`);
    if (cell.type === "checkbox") cell.checked = false;
    else cell.value = "";
  }
  last.after(row);
  row.querySelector("[name]").focus();
});
