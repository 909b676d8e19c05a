// Theme, copying, and what a chart tells at the pointer or under the arrow keys. Without it everything is still there.
"use strict";
(() => {
  const root = document.documentElement;
  const $ = (selector, under = document) => under.querySelector(selector);
  const all = (selector, under = document) => [...under.querySelectorAll(selector)];
  const data = JSON.parse($("#data").textContent);
  const tip = $("#tip");

  // --- theme, printing, copying ----------------------------------------------------------------------------------
  const KEY = "margo-report-theme";
  const theme = $("#theme");
  const isDark = () => root.dataset.theme
    ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const name = () => { theme.textContent = isDark() ? "Light theme" : "Dark theme"; };
  try {
    const kept = localStorage.getItem(KEY);
    if (["light", "dark"].includes(kept)) root.dataset.theme = kept;
  } catch { /* storage is off */ }
  name();
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem(KEY, root.dataset.theme); } catch { /* the choice holds for this page */ }
    name();
  });
  $("#print").addEventListener("click", () => print());
  for (const button of all("[data-copy]")) {
    button.addEventListener("click", () => navigator.clipboard?.writeText(button.dataset.copy)
      .then(() => { button.textContent = "Copied"; }, () => { button.textContent = "Not allowed"; }));
  }

  // --- charts ----------------------------------------------------------------------------------------------------
  /** The index of the x that is nearest; xs rise. */
  function nearest(xs, x) {
    let low = 0;
    let high = xs.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (xs[middle] <= x) low = middle; else high = middle;
    }
    return Math.abs(xs[low] - x) <= Math.abs(xs[high] - x) ? low : high;
  }

  function show(chart, x) {
    const told = data[chart.dataset.chart];
    if (!told?.series.length) return;
    const main = told.series.reduce((one, other) => (other.x.length > one.x.length ? other : one));
    const at = nearest(main.x, x);
    const cursor = $(".cursor", chart);
    for (const end of ["x1", "x2"]) cursor.setAttribute(end, `${100 * main.x[at]}%`);
    cursor.classList.add("on");
    const title = document.createElement("b");
    title.textContent = main.t[at];
    tip.replaceChildren(title, ...told.series.map((series) => {
      const line = document.createElement("span");
      const [what, value] = [document.createElement("i"), document.createElement("strong")];
      what.textContent = series.name;
      value.textContent = series.v[nearest(series.x, main.x[at])];
      line.append(what, value);
      return line;
    }));
    tip.hidden = false;
    const plot = $(".plot .curves", chart).getBoundingClientRect();
    const left = plot.left + main.x[at] * plot.width;
    const size = tip.getBoundingClientRect();
    tip.dataset.at = at;
    // a style of the element itself, which a content security policy allows to scripts
    tip.style.left = `${left + 14 + size.width > innerWidth ? left - 14 - size.width : left + 14}px`;
    tip.style.top = `${Math.max(8, plot.top)}px`;
    chart.at = { at, xs: main.x };
  }
  function hide(chart) {
    tip.hidden = true;
    $(".cursor", chart).classList.remove("on");
  }
  for (const chart of all("svg.chart")) {
    chart.addEventListener("pointermove", (event) => {
      const plot = $(".curves", chart).getBoundingClientRect();
      const x = (event.clientX - plot.left) / plot.width;
      if (x >= -0.02 && x <= 1.02) show(chart, Math.min(1, Math.max(0, x))); else hide(chart);
    });
    chart.addEventListener("pointerleave", () => hide(chart));
    chart.addEventListener("blur", () => hide(chart));
    chart.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
      if (event.key === "Escape") hide(chart);
      if (!step) return;
      event.preventDefault();
      const { at = -1, xs = data[chart.dataset.chart].series[0].x } = chart.at ?? {};
      show(chart, xs[Math.min(xs.length - 1, Math.max(0, at + step))]);
    });
  }
})();
