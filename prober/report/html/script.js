"use strict";
// Opens cells, moves among them by keyboard, filters the matrices. Every value goes in as text, none as markup.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const by = (id) => document.getElementById(id);
  const WORDS = { a: "allowed", x: "denied", q: "unknown" };

  // --- the squares of a matrix

  const cellsOf = new WeakMap(); // table -> promise of what its cells say, in the order of its squares

  function unpack(table) {
    if (!cellsOf.has(table)) cellsOf.set(table, inflate(by(`${table.id}-cells`).textContent));
    return cellsOf.get(table);
  }

  async function inflate(packed) {
    const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
    const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(plain).text());
  }

  const squares = (table) => all("tbody td:not(:empty)", table);
  const matrixOf = (square) => square.closest("table.matrix");
  const squareAt = (target) => target instanceof Element && target.closest("table.matrix tbody td");
  const columnOf = (square) => matrixOf(square).tHead.rows[0].cells[square.cellIndex];
  const statusOf = (square) => (["a", "x", "q"].includes(kindOf(square)) ? "pass" : kindOf(square));
  const kindOf = (square) => square.classList.item(0);

  function inWords(square) {
    const kind = kindOf(square);
    if (!square.firstChild) return "not asked";
    if (kind in WORDS) return `${WORDS[kind]}, as expected`;
    const [expected, observed] = ["e", "o"].map((view) => WORDS[Object.keys(WORDS).find((word) => square.classList.contains(view + word))]);
    return `${kind.toUpperCase()}: expected ${expected}, observed ${observed}`;
  }

  // --- moving: one square of each matrix is in the page's order of focus, the arrow keys lead to the others

  function enter(square) {
    const table = matrixOf(square);
    const before = table.querySelector("td[tabindex]");
    if (before) before.removeAttribute("tabindex");
    square.tabIndex = 0;
    square.setAttribute("aria-label", inWords(square));
  }

  const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], PageUp: [-10, 0], PageDown: [10, 0] };

  function reached(square, event) {
    const rows = [...matrixOf(square).tBodies[0].rows].filter((row) => !row.hidden);
    const columns = [...square.parentElement.cells].filter((cell) => cell.tagName === "TD" && !cell.hidden).map((cell) => cell.cellIndex);
    let [row, column] = [rows.indexOf(square.parentElement), columns.indexOf(square.cellIndex)];
    if (event.key === "Home" || event.key === "End") {
      column = event.key === "Home" ? 0 : columns.length - 1;
      if (event.ctrlKey) row = event.key === "Home" ? 0 : rows.length - 1;
    } else if (event.key in STEPS) {
      row += STEPS[event.key][0];
      column += STEPS[event.key][1];
    } else return null;
    const inside = (value, size) => Math.min(Math.max(value, 0), size - 1);
    return rows[inside(row, rows.length)].cells[columns[inside(column, columns.length)]];
  }

  function point(square) {
    all("th.at").forEach((heading) => heading.classList.remove("at"));
    if (square) columnOf(square).classList.add("at");
  }

  // --- the cell that is open

  const panel = by("panel");
  let open = null;

  function element(name, text, kind) {
    const made = document.createElement(name);
    made.textContent = text;
    if (kind) made.className = kind;
    return made;
  }

  async function show(square) {
    const table = matrixOf(square);
    mark(square);
    let cell;
    try {
      cell = (await unpack(table))[squares(table).indexOf(square)];
    } catch (error) {
      by("heard").textContent = `This browser cannot unpack the cells of this report: ${error.message}`;
      return;
    }
    if (open !== square) return; // another one was opened meanwhile
    all("[data-fill]", panel).forEach((slot) => { slot.textContent = cell[slot.dataset.fill]; });
    panel.querySelector(".badge").className = `badge ${cell.status.toLowerCase()}`;
    panel.querySelector(".judgement").replaceChildren(...cell.judgement.map((line) => element("li", line)));
    panel.querySelector(".commands").replaceChildren(...cell.commands.map(([what, command]) => {
      const pair = document.createElement("div");
      const value = document.createElement("dd");
      value.append(element("code", command));
      pair.append(element("dt", what), value);
      return pair;
    }));
    panel.querySelector("tbody").replaceChildren(...cell.attempts.map((attempt) => {
      const row = document.createElement("tr");
      for (const key of ["round", "after", "took", "outcome", "means"]) row.append(element("td", attempt[key]));
      row.append(element("td", attempt.text, "wrote"));
      return row;
    }));
    panel.querySelector(".scroll").hidden = !cell.attempts.length;
    table.closest(".scroll").after(panel);
    panel.hidden = false;
    panel.scrollTop = 0;
    document.documentElement.classList.add("with-panel");
    square.scrollIntoView({ block: "nearest", inline: "nearest" });
    by("heard").textContent = `${cell.status} ${cell.flow}: ${cell.reason}`;
  }

  function mark(square) {
    if (open) open.removeAttribute("aria-selected");
    open = square;
    if (square) square.setAttribute("aria-selected", "true");
  }

  function close() {
    const square = open;
    mark(null);
    panel.hidden = true;
    document.documentElement.classList.remove("with-panel");
    if (square) square.focus();
  }

  // --- filters: they hide scenarios, steps, rows and columns, and dim single squares; never a finding

  function filter() {
    const [scenario, source, target] = ["by-scenario", "by-source", "by-target"].map((id) => by(id));
    const statuses = new Set(all(".by-status input:checked").map((box) => box.value));
    const every = statuses.size === all(".by-status input").length;
    let [shown, total] = [0, 0];
    all("section.scenario").forEach((section, i) => {
      const wanted = scenario.selectedIndex === 0 || scenario.selectedIndex === i + 1;
      let visible = 0;
      for (const table of all("table.matrix", section)) {
        const count = wanted ? narrow(table, source.value, target.value, every ? null : statuses) : 0;
        table.closest("details").hidden = !count;
        visible += count;
        total += squares(table).length;
      }
      section.hidden = !wanted || (!visible && table_in(section));
      shown += visible;
    });
    if (open && (!open.offsetParent || open.closest("[hidden]"))) close();
    by("shown").textContent = shown === total ? `${total} cells` : `${shown} of ${total} cells`;
  }

  const table_in = (section) => section.querySelector("table.matrix") !== null;

  function narrow(table, source, target, statuses) {
    const hidden = [...table.tHead.rows[0].cells].map((head, i) => i > 0 && target !== "" && head.dataset.group !== target);
    [...table.tHead.rows[0].cells].forEach((head, i) => { head.hidden = hidden[i]; });
    let count = 0;
    for (const row of table.tBodies[0].rows) {
      row.hidden = source !== "" && row.cells[0].dataset.group !== source;
      for (let i = 1; i < row.cells.length; i += 1) {
        const square = row.cells[i];
        square.hidden = hidden[i];
        if (!square.firstChild) continue;
        const dim = statuses !== null && !statuses.has(statusOf(square));
        square.classList.toggle("dim", dim);
        if (!row.hidden && !hidden[i] && !dim) count += 1;
      }
    }
    return count;
  }

  // --- what happens in the page

  for (const table of all("table.matrix")) {
    table.setAttribute("role", "grid");
    table.closest(".scroll").removeAttribute("tabindex"); // its squares take the focus now
    const first = table.querySelector("td.leak, td.break, td.flaky, td.unknown") || table.querySelector("tbody td:not(:empty)");
    if (first) enter(first);
  }
  by("filters").hidden = false;
  all(".note.script").forEach((note) => { note.hidden = false; });
  filter();

  document.addEventListener("click", (event) => {
    const square = squareAt(event.target);
    if (square && square.firstChild) {
      enter(square);
      square.focus();
      show(square);
    }
    const link = event.target instanceof Element && event.target.closest("a[data-square]");
    if (link) {
      event.preventDefault();
      const table = by(link.hash.slice(1));
      all("#tools select").forEach((select) => { select.value = ""; });
      all(".by-status input").forEach((box) => { box.checked = true; });
      filter();
      table.closest("details").open = true;
      const found = squares(table)[Number(link.dataset.square)];
      enter(found);
      found.focus();
      found.scrollIntoView({ block: "center", inline: "center" });
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && open) return close();
    const square = squareAt(event.target);
    if (!square || event.altKey || event.metaKey) return undefined;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      if (open === square && event.key === "Enter") panel.focus();
      else if (square.firstChild) show(square);
      return undefined;
    }
    const next = reached(square, event);
    if (!next) return undefined;
    event.preventDefault();
    enter(next);
    next.focus();
    if (open && next.firstChild) show(next);
    return undefined;
  });
  document.addEventListener("focusin", (event) => point(squareAt(event.target)));
  document.addEventListener("mouseover", (event) => {
    const square = squareAt(event.target);
    if (square) point(square);
  });
  by("close").addEventListener("click", close);
  by("tools").addEventListener("change", filter);
  by("tools").addEventListener("submit", (event) => event.preventDefault());
})();
