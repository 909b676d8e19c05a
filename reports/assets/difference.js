// Theme, search, and links into what is folded.
"use strict";
(() => {
  const $ = (selector) => document.querySelector(selector);
  const root = document.documentElement;
  const isDark = () => root.dataset.theme
    ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const name = () => { $("#theme").textContent = isDark() ? "Light theme" : "Dark theme"; };
  name();
  $("#theme").addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; name(); });
  $("#print").addEventListener("click", () => print());

  /** Unfold what holds the place that the address names. */
  const unfold = () => {
    const place = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const folded = place && place.closest("details");
    if (folded) { folded.open = true; place.scrollIntoView(); }
  };
  addEventListener("hashchange", unfold);
  unfold();

  const search = $("#search");
  if (!search) return;
  const items = [...document.querySelectorAll(".item")].map((element) => [element, element.textContent.toLowerCase()]);
  const areas = [...document.querySelectorAll(".of-area")];
  search.addEventListener("input", () => {
    const wanted = search.value.trim().toLowerCase();
    let shown = 0;
    for (const [element, text] of items) {
      element.hidden = !text.includes(wanted);
      shown += element.hidden ? 0 : 1;
    }
    for (const area of areas) area.hidden = !area.querySelector(".item:not([hidden])");
    if (wanted) for (const folded of document.querySelectorAll(".ask")) folded.open = folded.querySelector(".item:not([hidden])") !== null;
    $("#shown").textContent = wanted ? `${shown} of ${items.length} statements` : "";
  });
  search.form.addEventListener("submit", (event) => event.preventDefault());
})();
