"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // The command is copied; where the clipboard is out of reach it is selected.
  for (const button of all(".command button")) {
    const code = button.previousElementSibling;
    button.hidden = false;
    button.addEventListener("click", async () => {
      getSelection().selectAllChildren(code);
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "copied";
      } catch {
        button.textContent = document.execCommand("copy") ? "copied" : "selected";
      }
      setTimeout(() => (button.textContent = "copy"), 2000);
    });
  }

  function hints() {
    for (const hint of all(".hint")) {
      const box = hint.nextElementSibling;
      hint.hidden = box.scrollWidth <= box.clientWidth;
    }
  }
  addEventListener("resize", hints);
  hints();

  const form = document.getElementById("filters");
  if (!form) return;
  for (const scripted of [form, ...all(".scripted")]) scripted.hidden = false;
  const controls = form.elements;
  const sides = ["workload", "target", "design"];
  const tables = all("#points table").map((table) => {
    const heads = [...table.tHead.rows[0].cells];
    return {
      body: table.tBodies[0],
      heads,
      names: heads.map((head) => head.dataset.key),
      rows: [...table.tBodies[0].rows],
      group: table.closest(".target"),
    };
  });
  const rows = new Map(tables.flatMap((table) => table.rows).map((row) => [row.id.slice(1), row]));
  const marks = all("svg [data-p]");
  const figures = all("#plots figure");
  const tip = document.getElementById("tip");
  let sort = "";

  const numbers = (mark) => mark.dataset.p.split(" ");

  // The text of a row in a column; nothing where its table has no such column.
  function text(row, name) {
    const { names } = tables.find((table) => table.rows.includes(row));
    return row.cells[names.indexOf(name)]?.textContent ?? "";
  }

  // By number where the column has numbers; what is missing comes last either way.
  function order(table, name, down) {
    const at = table.names.indexOf(name);
    if (at < 0) return (a, b) => a.id.slice(1) - b.id.slice(1);
    const numeric = table.heads[at].className === "n";
    function key(row) {
      const { dataset, textContent } = row.cells[at];
      if (!textContent || !numeric) return textContent;
      return Number(dataset.v ?? textContent.replace(/[,≈ ]/g, ""));
    }
    return (a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === "" || y === "") return (x === "") - (y === "");
      const sign = numeric ? x - y : x.localeCompare(y, "en", { numeric: true });
      return down ? -sign : sign;
    };
  }

  function wanted(row, words) {
    const said = [text(row, "name"), row.dataset.workload, row.dataset.target].join(" ");
    return (
      sides.every((side) => [row.dataset[side], ""].includes(controls[side].value)) &&
      (!controls.front.checked || text(row, "front")) &&
      words.every((word) => said.toLowerCase().includes(word))
    );
  }

  // Brings rows and plots to what the controls say.
  function apply() {
    const words = controls.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows.values()) row.hidden = !wanted(row, words);
    const seen = [...rows.values()].filter((row) => !row.hidden).length;
    const name = sort.replace("-", "");
    const down = sort.startsWith("-");
    for (const table of tables) {
      table.body.append(...table.rows.toSorted(order(table, name, down)));
      table.group.hidden = table.rows.every((row) => row.hidden);
      for (const head of table.heads) {
        const sorted = head.dataset.key === name;
        head.ariaSort = sorted ? (down ? "descending" : "ascending") : "none";
      }
    }
    hints();
    for (const mark of marks) {
      mark.classList.toggle("off", numbers(mark).every((number) => rows.get(number).hidden));
    }
    for (const figure of figures) {
      figure.hidden = sides.some((side) => {
        const of = figure.dataset[side];
        return of !== undefined && ![of, ""].includes(controls[side].value);
      });
    }
    controls.count.value = `${seen} of ${rows.size} points`;
  }

  // The view is in the address, so that it can be kept and passed on.
  function remember() {
    const view = new URLSearchParams();
    if (sort) view.set("sort", sort);
    for (const name of [...sides, "filter"]) {
      if (controls[name].value) view.set(name, controls[name].value);
    }
    if (controls.front.checked) view.set("front", "1");
    history.replaceState(null, "", `#${view}`);
  }

  function recall() {
    const place = location.hash.slice(1);
    if (place[0] === "p" && rows.has(place.slice(1))) return show([place.slice(1)], true);
    if (place && document.getElementById(place)) return;
    const view = new URLSearchParams(place);
    for (const name of [...sides, "filter"]) controls[name].value = view.get(name) ?? "";
    // Of a name that is not there, a select has no value at all.
    for (const side of sides) controls[side].value ||= "";
    controls.front.checked = view.has("front");
    sort = view.get("sort") ?? "";
    const name = sort.replace("-", "");
    if (!tables.some((table) => table.names.includes(name))) sort = "";
    apply();
  }

  // Marks points in all plots, and their rows; `move` brings the first row into view.
  function show(points, move) {
    if (move && points.length && rows.get(points[0]).hidden) {
      form.reset();
      apply();
    }
    for (const [number, row] of rows) {
      row.classList.toggle("on", points.includes(number));
      row.querySelector("button").ariaPressed = points.includes(number);
    }
    for (const mark of marks) {
      mark.classList.toggle("on", numbers(mark).some((number) => points.includes(number)));
    }
    if (move && points.length) rows.get(points[0]).scrollIntoView({ block: "center" });
  }

  // The mark of a point next to the pointer: they are small, and a finger is not.
  function nearest({ target, clientX, clientY }) {
    const svg = target.closest?.("figure svg");
    let best = null;
    let least = 24;
    for (const mark of svg?.querySelectorAll(".point:not(.off)") ?? []) {
      const box = mark.getBoundingClientRect();
      const x = Math.max(box.left - clientX, 0, clientX - box.right);
      const y = Math.max(box.top - clientY, 0, clientY - box.bottom);
      if (Math.hypot(x, y) < least) [best, least] = [mark, Math.hypot(x, y)];
    }
    return best;
  }

  // Tells what all points of a mark have in common.
  function tell(mark, { clientX, clientY }) {
    tip.hidden = !mark;
    if (!mark) return;
    const points = numbers(mark).map((number) => rows.get(number));
    const lines = document.createElement("table");
    const { heads, names } = tables.find((table) => table.rows.includes(points[0]));
    const texts = names.map((name, at) => [heads[at].textContent, (row) => text(row, name)]);
    texts.splice(1, 0, ["target", (row) => row.dataset.target]);
    for (const [title, of] of texts) {
      const value = of(points[0]);
      if (!value || points.some((row) => of(row) !== value)) continue;
      const line = lines.insertRow();
      line.appendChild(document.createElement("th")).textContent = title;
      line.insertCell().textContent = value;
    }
    tip.replaceChildren(lines);
    const { width, height } = tip.getBoundingClientRect();
    const right = clientX + 16 + width > innerWidth;
    tip.style.left = `${Math.max(right ? clientX - width - 16 : clientX + 16, 4)}px`;
    tip.style.top = `${Math.max(Math.min(clientY + 12, innerHeight - height - 4), 4)}px`;
  }

  for (const head of tables.flatMap((table) => table.heads)) {
    const { key, better } = head.dataset;
    const [first, second] = better ? [`-${key}`, key] : [key, `-${key}`];
    head.querySelector("button").addEventListener("click", () => {
      sort = sort === first ? second : first;
      apply();
      remember();
    });
  }
  document.getElementById("points").addEventListener("click", (event) => {
    const row = event.target.closest("tbody tr");
    if (row) show(row.classList.contains("on") ? [] : [row.id.slice(1)], false);
  });
  document.addEventListener("pointermove", (event) => tell(nearest(event), event));
  document.addEventListener("click", (event) => {
    if (!event.target.closest("figure svg")) return;
    const mark = nearest(event);
    tell(mark, event);
    show(mark ? numbers(mark) : [], Boolean(mark));
  });
  document.addEventListener("scroll", () => (tip.hidden = true), { passive: true });
  form.addEventListener("input", () => {
    apply();
    remember();
  });
  form.addEventListener("reset", () =>
    setTimeout(() => {
      sort = "";
      apply();
      remember();
    }),
  );
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", recall);
  apply();
  recall();
})();
