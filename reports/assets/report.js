// Search, filters, permalinks and the evidence. Evidence is written by whoever was under test: it becomes text nodes only.
"use strict";
(() => {
  // read when it is first needed: the page is there before it
  let parsed;
  const evidence = () => (parsed ??= JSON.parse(document.getElementById("evidence").textContent));
  const $ = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  /** An element with a class and children; strings become text nodes. */
  function make(tag, className, ...children) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return element;
  }

  // --- theme -----------------------------------------------------------------------------------------------------
  const root = document.documentElement;
  const themeButton = $("#theme");
  const remembered = (value) => {
    try {
      if (value === undefined) return localStorage.getItem("margo-report-theme");
      localStorage.setItem("margo-report-theme", value);
    } catch { /* storage is off: the choice holds for this page only */ }
    return null;
  };
  const isDark = () => root.dataset.theme
    ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const nameTheme = () => { themeButton.textContent = isDark() ? "Light theme" : "Dark theme"; };
  if (["light", "dark"].includes(remembered())) root.dataset.theme = remembered();
  nameTheme();
  themeButton.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remembered(root.dataset.theme);
    nameTheme();
  });

  // --- filters ---------------------------------------------------------------------------------------------------
  const search = $("#search");
  const role = $("#role");
  const severity = $("#severity");
  const applicable = $("#applicable");
  const chips = all("input[name=verdict]");
  const rows = all(".row").map((element) => ({
    element,
    text: "",
    verdicts: element.dataset.verdicts.split(" ").map((token) => token.split("=")),
    scenario: element.classList.contains("scenario"),
  }));

  /** What a search looks at, the details included; gathered when somebody first searches. */
  function gatherText() {
    if (rows[0]?.text) return;
    for (const row of rows) {
      const details = $("template", row.element)?.content.textContent ?? "";
      row.text = `${row.element.textContent} ${details}`.toLowerCase().replace(/\s+/g, " ");
    }
  }

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const verdicts = chips.filter((chip) => chip.checked).map((chip) => chip.value);
    const fits = (row) =>
      words.every((word) => row.text.includes(word))
      && row.verdicts.some(([of, verdict]) =>
        (!role?.value || of === role.value) && (!verdicts.length || verdicts.includes(verdict)))
      && (row.scenario || !severity.value || row.element.dataset.severity === severity.value)
      && (row.scenario || !applicable.checked || "applicable" in row.element.dataset);
    if (words.length) gatherText();
    const shown = { true: 0, false: 0 };
    const of = { true: 0, false: 0 };
    for (const row of rows) {
      const show = fits(row);
      if (row.element.hidden === show) row.element.hidden = !show;
      shown[row.scenario] += show;
      of[row.scenario] += 1;
    }
    for (const group of all(".group")) group.hidden = !$(".row:not([hidden])", group);
    $("#requirements > .nothing").hidden = shown.false > 0;
    $("#scenarios > .nothing").hidden = shown.true > 0;
    $("#shown").textContent =
      `${shown.false} of ${of.false} requirements, ${shown.true} of ${of.true} scenarios`;
  }
  const clear = () => {
    search.value = "";
    severity.value = "";
    if (role) role.value = "";
    applicable.checked = false;
    for (const chip of chips) chip.checked = false;
    filter();
  };
  search.addEventListener("focus", gatherText, { once: true });
  search.addEventListener("input", filter);
  for (const control of [role, severity, applicable, ...chips]) control?.addEventListener("change", filter);
  $("#clear").addEventListener("click", clear);
  $(".toolbar").addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      event.preventDefault();
      search.focus();
    }
  });

  // --- bodies ----------------------------------------------------------------------------------------------------
  const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[{}[\],:]|\s+/gy;

  /** JSON laid out anew with every token kept as sent; null when it is none. */
  function prettyJson(text) {
    try { JSON.parse(text); } catch { return null; }
    if (/[[{]{100}/.test(text.replace(/[^[\]{}]/g, ""))) return null; // nested to no purpose: as sent
    const tokens = [];
    TOKEN.lastIndex = 0;
    for (let match = TOKEN.exec(text); match; match = TOKEN.exec(text)) {
      if (match[0].trim()) tokens.push(match[0]);
    }
    const out = document.createDocumentFragment();
    let depth = 0;
    const newline = () => out.append("\n" + "  ".repeat(depth));
    tokens.forEach((token, index) => {
      const [before, after] = [tokens[index - 1], tokens[index + 1]];
      if (token === "{" || token === "[") {
        out.append(token);
        depth += 1;
        if (after !== "}" && after !== "]") newline();
      } else if (token === "}" || token === "]") {
        depth -= 1;
        if (before !== "{" && before !== "[") newline();
        out.append(token);
      } else if (token === ",") {
        out.append(token);
        newline();
      } else if (token === ":") {
        out.append(": ");
      } else {
        const kind = token[0] !== '"' ? "literal" : after === ":" ? "key" : "string";
        out.append(make("span", kind, token));
      }
    });
    return out;
  }

  const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

  function bodyOf(index) {
    if (index === undefined) return make("p", "body-facts", "no body");
    const body = evidence().bodies[index];
    const raw = body.hex ?? body.text;
    const pretty = body.hex === undefined && !body.note ? prettyJson(raw) : null;
    const pre = make("pre", pretty ? "body pretty" : "body");
    pre.append(pretty ?? raw);
    pre.tabIndex = 0;
    const facts = make("p", "body-facts", [
      plural(body.size, "byte"), body.note, body.cut ? "cut or redacted when it was recorded" : "", body.digest,
    ].filter(Boolean).join(" · "), " ");
    if (pretty) {
      const button = make("button", "", "as sent");
      button.type = "button";
      button.addEventListener("click", () => {
        const laidOut = button.textContent === "as sent";
        pre.replaceChildren(laidOut ? raw : prettyJson(raw));
        pre.classList.toggle("pretty", !laidOut);
        button.textContent = laidOut ? "laid out" : "as sent";
      });
      facts.append(button);
    }
    return make("div", "", pre, facts);
  }

  // --- events ----------------------------------------------------------------------------------------------------
  const sideOf = (title, line, headers, body) => make("div", "side",
    make("h5", "", title), make("div", "line", line),
    make("dl", "headers", ...(evidence().headers[headers] ?? []).map((index) => evidence().fields[index]).map(
      ([name, value]) => make("div", "", make("dt", "", name), make("dd", "", value)))),
    bodyOf(body));

  function factList(pairs) {
    const rows = pairs.filter(([, value]) => value !== undefined && value !== "");
    if (!rows.length) return null;
    return make("dl", "wire-facts", ...rows.map(
      ([name, value]) => make("div", "", make("dt", "", name), make("dd", "", String(value)))));
  }

  const params = (event) => Object.entries(event.params ?? {}).map(([name, value]) => `${name} ${value}`).join(", ");
  const tlsFacts = (index) => {
    const tls = evidence().tls[index] ?? {};
    return [["Caller", tls.client], ["TLS", [tls.version, tls.cipher].filter(Boolean).join(", ")],
      [tls.calls ? "Subject, caller" : "Subject", tls.peer], ["Its certificates", tls.chain?.join(", ")]];
  };

  function eventBody(event) {
    if (event.type === "exchange") {
      const server = event.subject === "client" ? "the bench" : "the subject";
      const client = event.subject === "client" ? "the subject" : "the bench";
      const answer = event.status === undefined ? `no complete answer${event.error ? `: ${event.error}` : ""}`
        : `HTTP ${event.status}${event.error ? ` (${event.error})` : ""}`;
      return make("div", "event-body",
        make("div", event.request === undefined ? "sides asks" : "sides",
          sideOf(`Request, from ${client}`, [event.method, event.target, event.version && `HTTP/${event.version}`].filter(Boolean).join(" "),
            event.requestHeaders, event.request),
          sideOf(`Answer, from ${server}`, answer, event.responseHeaders, event.response)),
        factList([["Operation", [event.operation, params(event)].filter(Boolean).join(": ")],
          ["Fault applied", event.fault], ...tlsFacts(event.tls),
          ["Took", event.took === undefined ? "" : `${event.took} s`]]));
    }
    if (event.type === "connection") {
      return make("div", "event-body",
        factList([["Outcome", event.outcome], ["Reason", event.reason], ["Credential offered", event.offered],
          ["Subject is the", event.subject], ...tlsFacts(event.tls)]));
    }
    const data = event.data ?? "nothing more was recorded";
    const pretty = prettyJson(data);
    const refs = Object.entries(event.refs ?? {}).map(([name, of]) => `${name} ${of.map((n) => `#${n}`).join(", ")}`);
    return make("div", "event-body", factList([["Speaks of", refs.join("; ")]]),
      make("pre", pretty ? "body pretty" : "body", pretty ?? data));
  }

  function eventLine(number, event) {
    const at = make("span", "at", `+${event.at.toFixed(3)} s`);
    const head = [make("span", "number", `#${number}`), at];
    if (event.type === "exchange") {
      return [...head,
        make("span", "what", `${event.method} ${event.target} `, make("span", "operation", event.operation ?? ""),
          event.fault ? " " : null, event.fault ? make("span", "fault", `fault: ${event.fault}`) : null),
        make("span", "answer", String(event.status ?? "no answer"))];
    }
    if (event.type === "connection") {
      return [...head, make("span", "what", `connection${event.offered ? ` with ${event.offered}` : ""}`),
        make("span", "answer", event.outcome)];
    }
    const data = event.data ?? "";
    return [...head,
      make("span", "what", event.kind ?? "", " ", make("span", "preview", data.length > 90 ? `${data.slice(0, 90)}…` : data)),
      make("span", "answer", "bench")];
  }

  function eventCard(number, withId) {
    const event = evidence().events[number];
    if (!event) {
      return make("p", "note", `Event ${number} had no room in this file; it is line ${number + 1} of events.ndjson.`);
    }
    const card = make("details", "event", make("summary", "", ...eventLine(number, event)));
    if (withId) card.id = `event-${number}`;
    card.addEventListener("toggle", () => {
      if (card.open && card.children.length === 1) card.append(eventBody(event));
    });
    return card;
  }

  /** What stands for events that had no room here. */
  function gap({ events, exchanges, first, last }) {
    const others = events - exchanges;
    const what = [exchanges && plural(exchanges, "more exchange"), others && plural(others, "other event")]
      .filter(Boolean).join(" and ");
    const where = first === last ? `line ${first + 1}` : `from line ${first + 1} to ${last + 1}`;
    return make("p", "gap", `… ${what} in events.ndjson, ${where}`);
  }

  /** The details of a row, made when somebody opens it. */
  function fill(row) {
    const template = $(":scope > template", row);
    if (!template) return;
    for (const button of all(".event-button", template.content)) button.setAttribute("aria-expanded", "false");
    template.replaceWith(template.content);
    const number = row.dataset.scenario;
    if (!number) return;
    const listed = evidence().timeline[number] ?? [];
    $(".timeline", row).append(...listed.map((item) => (typeof item === "number" ? eventCard(item, true) : gap(item))));
    if (!listed.length) $(".timeline", row).append(make("p", "note", "Nothing went over the wire."));
  }

  /** The ids of what held beside the subject of a scenario, made when somebody asks. */
  function fillHeld(held) {
    const list = $(".ids", held);
    if (list.childElementCount) return;
    const told = new Set(all(".finding .id", held.parentElement).map((id) => id.textContent));
    const names = evidence().held[held.closest(".row").dataset.scenario].map((index) => evidence().names[index]);
    for (const name of names.filter((each) => !told.has(each))) {
      const row = rows.find(({ element, scenario }) => !scenario && $(".id", element).textContent === name);
      const link = make(row ? "a" : "span", "id", name);
      if (row) link.href = `#${row.element.id}`;
      list.append(link, " ");
    }
  }

  function toggleEvent(button, open = button.getAttribute("aria-expanded") !== "true") {
    const slot = button.closest(".finding").querySelector(".event-slot");
    slot.replaceChildren();
    for (const other of all(".event-button", button.closest(".finding"))) other.setAttribute("aria-expanded", "false");
    if (!open) return;
    button.setAttribute("aria-expanded", "true");
    button.parentElement.after(slot); // next to what was asked for, however long the list
    const card = eventCard(Number(button.dataset.event), false);
    slot.append(card);
    card.open = true;
  }
  for (const button of all(".event-button")) button.setAttribute("aria-expanded", "false");
  document.addEventListener("click", (event) => {
    const button = event.target.closest(".event-button");
    if (button) toggleEvent(button);
    const copy = event.target.closest(".copy");
    if (copy) {
      navigator.clipboard?.writeText(copy.dataset.copy).then(() => {
        copy.textContent = "Copied";
        setTimeout(() => { copy.textContent = "Copy"; }, 1500);
      }, () => getSelection().selectAllChildren(copy.parentElement.querySelector("code")));
    }
  });
  document.addEventListener("toggle", ({ target: element }) => {
    if (!element.open) return;
    if (element.classList.contains("held")) fillHeld(element);
    if (!element.classList.contains("row")) return;
    fill(element);
    // what shows a failure is what a reader opens a requirement for
    const first = $(".is-fail .event-button", element);
    if (first && !element.dataset.scenario && first.getAttribute("aria-expanded") !== "true") toggleEvent(first, true);
  }, true); // a toggle does not bubble

  // --- permalinks ------------------------------------------------------------------------------------------------
  function follow() {
    let name;
    try { name = decodeURIComponent(location.hash.slice(1)); } catch { return; }
    const event = /^event-(\d+)$/.exec(name);
    if (event) {
      const scenario = document.getElementById(`scenario-${evidence().events[event[1]]?.scenario}`);
      if (scenario) {
        fill(scenario);
      }
    }
    const target = name && document.getElementById(name);
    if (!target) return;
    const row = target.closest(".row");
    if (row?.hidden) clear();
    for (let element = target; element; element = element.parentElement) {
      if (element.tagName === "DETAILS") element.open = true;
    }
    if (row) fill(row);
    settle(target);
  }

  /** Scroll to an element: rows on the way get their true height only when they come near, so look again. */
  function settle(target, before = NaN, tries = 8) {
    target.scrollIntoView();
    const { top } = target.getBoundingClientRect();
    if (tries && top !== before) requestAnimationFrame(() => requestAnimationFrame(() => settle(target, top, tries - 1)));
  }
  addEventListener("hashchange", follow);

  // --- paper -----------------------------------------------------------------------------------------------------
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = rows.map((row) => row.element)
      .filter((row) => !row.open && /=(fail|error|blocked|inconclusive)/.test(row.dataset.verdicts));
    for (const row of opened) {
      fill(row);
      row.open = true;
    }
  });
  addEventListener("afterprint", () => { for (const row of opened) row.open = false; });
  $("#print").addEventListener("click", () => print());

  filter();
  follow();
})();
