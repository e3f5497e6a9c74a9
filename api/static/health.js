// The histogram of clock health, drawn from the table beside it, so that a bar and its number are one. Without this file the table says it all.
"use strict";

let chart;

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Most are in time, and the few that are not are what one looks for: a bar of one must be seen beside a bar of ten thousand.
const height = (count) => (count ? Math.log10(count) + 0.35 : 0);

function draw() {
  const box = document.querySelector(".histogram");
  const table = box && document.getElementById(box.dataset.table);
  if (!table || !window.echarts) return;
  const rows = [...table.tBodies[0].rows].map((row) => ({
    title: row.cells[0].textContent.trim(),
    count: Number(row.querySelector("a").textContent.replaceAll(",", "")),
    href: row.querySelector("a").href,
  }));
  if (!chart || chart.getDom() !== box) {
    chart?.dispose();
    chart = echarts.init(box, null, { locale: "ZH" });
    chart.on("click", ({ dataIndex }) => { location.href = chart.rows[dataIndex].href; });
  }
  chart.rows = rows;
  chart.resize();
  const colors = ["--ink", "--ink", "--calm", "--calm", "--yellow", "--red", "--red"].map(style);
  chart.setOption({
    animation: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    animationDuration: 400,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
    grid: { left: 0, right: 0, top: 24, bottom: 24 },
    xAxis: {
      type: "category", data: rows.map((row) => row.title), axisTick: { show: false },
      axisLine: { lineStyle: { color: style("--hairline") } },
      axisLabel: { color: style("--quiet"), fontSize: box.clientWidth < 480 ? 10 : 12, interval: 0 },
    },
    yAxis: { type: "value", min: 0, max: Math.max(1.5, ...rows.map((row) => height(row.count))), show: false },
    series: [{
      type: "bar", barCategoryGap: "18%", cursor: "pointer",
      itemStyle: { borderRadius: [3, 3, 0, 0] },
      data: rows.map((row, index) => ({ value: height(row.count), itemStyle: { color: colors[index] } })),
      label: { show: true, position: "top", color: style("--text"), formatter: ({ dataIndex }) => (rows[dataIndex].count || "").toLocaleString() },
    }],
  });
}

// text measured before its font is there is drawn in the wrong places
document.addEventListener("DOMContentLoaded", () => document.fonts.ready.then(draw));
document.fonts.addEventListener("loadingdone", draw);
document.addEventListener("htmx:afterSettle", draw);
addEventListener("resize", draw);
