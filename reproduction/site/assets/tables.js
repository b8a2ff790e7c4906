// Tables sort by a click on a header, and the leaderboard shows a part of its columns.

const NUMBER = /^[+\-\u2212]?\d[\d,]*\.?\d*(e[+-]?\d+)?/;

function keyOf(row, column) {
  const text = row.cells[column].textContent.trim();
  const found = text.match(NUMBER);
  return found ? Number(found[0].replace(/,/g, "").replace("\u2212", "-")) : text;
}

function compare(a, b) {
  if (a === "" || b === "") return a === b ? 0 : a === "" ? 1 : -1; // empty cells last, in both directions
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return typeof a === "number" ? a - b : a.localeCompare(b);
}

function sort(table, header, column) {
  const down = header.getAttribute("aria-sort") === "ascending" || (header.dataset.kind && !header.hasAttribute("aria-sort"));
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows].map((row) => [keyOf(row, column), row]);
  rows.sort(([a], [b]) => (a === "" || b === "" || !down ? compare(a, b) : compare(b, a)));
  table.tBodies[0].append(...rows.map(([, row]) => row));
}

function makeSortable(table) {
  if (!table.tHead || !table.tBodies.length || table.tBodies[0].rows.length < 2) return;
  [...table.tHead.rows[0].cells].forEach((header, column) => {
    header.classList.add("sorts");
    header.tabIndex = 0;
    header.addEventListener("click", () => sort(table, header, column));
    header.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        sort(table, header, column);
      }
    });
  });
}

function makeFilters(group) {
  const table = group.parentElement.querySelector("table.leaderboard");
  const buttons = [...group.querySelectorAll("button")];
  for (const button of buttons) {
    button.addEventListener("click", () => {
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      for (const cell of table.querySelectorAll("[data-kind]")) {
        cell.hidden = Boolean(button.dataset.show) && cell.dataset.kind !== button.dataset.show;
      }
    });
  }
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("table.data, table.docutils").forEach(makeSortable);
  document.querySelectorAll(".filters").forEach(makeFilters);
});
