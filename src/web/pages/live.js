"use strict";
// Puts what comes into the table, the newest first, as text: nothing of it is taken for markup.
const most = 200;
const body = document.getElementById("results");
const state = document.getElementById("state");
const only = document.getElementById("only");
const shape = { success: "●", failure: "▲", skipped: "○", invalid: "○" };
const shade = { success: "good", failure: "bad", skipped: "none", invalid: "none" };
let missed = 0;

function say() {
  state.textContent = "Following." + (missed ? " " + missed + " results came too fast and are left out." : "");
}

function cell(row, text, kind) {
  const one = row.appendChild(document.createElement(kind || "td"));
  one.textContent = text;
  return one;
}

const source = new EventSource("/live/events");
source.addEventListener("open", say);
source.addEventListener("error", () => { state.textContent = "Not connected; trying again."; });
source.addEventListener("missed", (event) => { missed += Number(event.data) || 0; say(); });
source.addEventListener("result", (event) => {
  const result = JSON.parse(event.data);
  if (only.checked && result.outcome === "success") return;
  const row = document.createElement("tr");
  cell(row, result.time.replace("T", " ").replace("Z", ""));
  cell(row, result.target);
  cell(row, result.probe, "th").scope = "row";
  cell(row, (shape[result.outcome] || "○") + " " + result.outcome).className = "badge " + (shade[result.outcome] || "none");
  cell(row, [result.reason, result.detail].filter(Boolean).join(": "));
  cell(row, (result.took_us / 1000).toFixed(1) + " ms").className = "number";
  body.prepend(row);
  while (body.rows.length > most) body.deleteRow(-1);
});
