// The dashboard's charts, drawn from the tables beside them, so that a bar and its number are one. Without this file the tables say it all.
"use strict";

const CARDS = [["none", "无牌"], ["yellow", "黄牌"], ["red", "红牌"]];
const charts = new Map();

function style(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// A row of a table: its title, and for each card how many open cases and where their list is.
function rowsOf(table) {
  return [...table.tBodies[0].rows].map((row) => {
    const link = (metric) => row.querySelector(`[data-metric=${metric}]`);
    const count = (metric) => Number(link(metric).textContent.replaceAll(",", ""));
    const [open, yellow, red] = ["open", "yellow", "red"].map(count);
    return {
      title: row.cells[0].textContent.trim(),
      open,
      counts: { none: open - yellow - red, yellow, red },
      hrefs: { none: link("open").getAttribute("href") + "&card=none", yellow: link("yellow").href, red: link("red").href },
    };
  });
}

function options(rows, table, beside) {
  const colors = { none: style("--calm"), yellow: style("--yellow"), red: style("--red") };
  return {
    animationDuration: 400,
    animation: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
    grid: { left: 4, right: 36, top: beside ? table.tHead.offsetHeight : 32, bottom: 0, containLabel: !beside },
    legend: { left: 0, top: 0, itemWidth: 10, itemHeight: 10, icon: "roundRect", selectedMode: false, textStyle: { color: style("--quiet") } },
    xAxis: { type: "value", minInterval: 1, axisLabel: { show: false }, splitLine: { show: false } },
    yAxis: {
      type: "category", inverse: true, data: rows.map((row) => row.title), axisTick: { show: false },
      axisLine: { lineStyle: { color: style("--hairline") } }, axisLabel: { show: !beside, color: style("--text"), fontSize: 13 },
    },
    series: CARDS.map(([card, name]) => ({
      id: card, name, type: "bar", stack: "open", barWidth: 14, color: colors[card], cursor: "pointer",
      data: rows.map((row) => row.counts[card]),
      // the last of the stack tells the sum of all
      label: { show: card === "red", position: "right", color: style("--quiet"), formatter: ({ dataIndex }) => rows[dataIndex].open || "" },
    })),
  };
}

function draw(box) {
  const table = document.getElementById(box.dataset.table);
  if (!table || !window.echarts) return;
  const rows = rowsOf(table);
  // beside its table each bar stands in its row; above it, on a narrow screen, it needs a name
  const beside = Math.abs(box.getBoundingClientRect().top - table.getBoundingClientRect().top) < 40;
  box.style.height = `${beside ? table.offsetHeight : rows.length * 26 + 36}px`;
  let chart = charts.get(box.id);
  if (!chart || chart.getDom() !== box) {
    chart?.dispose();
    chart = echarts.init(box, null, { locale: "ZH" });
    charts.set(box.id, chart);
    chart.on("click", ({ dataIndex, seriesId }) => { location.href = chart.rows[dataIndex].hrefs[seriesId]; });
    // no tooltip of the library's: it knows neither our font nor that the numbers stand beside it
    chart.on("mouseover", (part) => point(box, part));
    chart.on("mouseout", () => point(box, null));
  }
  chart.rows = rows;
  chart.resize();
  chart.setOption(options(rows, table, beside));
}

function point(box, part) {
  const rows = document.getElementById(box.dataset.table)?.tBodies[0].rows ?? [];
  [...rows].forEach((row, index) => row.classList.toggle("is-pointed-at", index === part?.dataIndex));
  box.title = part ? `${part.name}：${part.seriesName} ${part.value} 件，点开看是哪些` : "";
}

function drawAll() {
  document.querySelectorAll(".bars").forEach(draw);
}

// text measured before its font is there is drawn in the wrong places
document.addEventListener("DOMContentLoaded", () => document.fonts.ready.then(drawAll));
document.fonts.addEventListener("loadingdone", drawAll);
document.addEventListener("htmx:afterSettle", drawAll);
addEventListener("resize", drawAll);

document.addEventListener("htmx:beforeRequest", (event) => {
  // nobody looks, or somebody is about to press what would be swapped away
  if (event.target.id === "figures" && (document.hidden || event.target.matches(":active"))) event.preventDefault();
});
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.elt.id !== "figures" || event.detail.serverResponse.includes('id="figures"')) return;
  event.detail.shouldSwap = false;
  // signed out meanwhile: the page itself shows where to sign in
  if (event.detail.xhr.status < 500) location.reload(); else cutOff();
});
document.addEventListener("htmx:sendError", cutOff);

function cutOff() {
  const told = document.getElementById("cut-off");
  if (told) told.hidden = false;
}
