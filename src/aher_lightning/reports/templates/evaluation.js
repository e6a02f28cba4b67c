
"use strict";
(() => {
  // Closed details would be missing on paper.
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });

  const table = document.getElementById("category-table");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const text = (row, column) => row.cells[column].textContent.trim();
  const number = (row, column) => parseFloat(text(row, column).replaceAll(",", "")) || 0;

  const sort = (heading, column) => {
    const isNumber = heading.classList.contains("number");
    // The first click puts the largest number, or the first name, on top.
    const before = heading.getAttribute("aria-sort");
    const descending = before ? before === "ascending" : isNumber;
    const order = (a, b) =>
      isNumber ? number(a, column) - number(b, column) : text(a, column).localeCompare(text(b, column));
    rows.sort((a, b) => (descending ? -order(a, b) : order(a, b)));
    body.append(...rows);
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  };

  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sort(heading, column));
    heading.append(button);
  });

  const search = document.getElementById("search");
  const found = document.getElementById("found");
  search.closest("p").hidden = false;
  search.addEventListener("input", () => {
    const wanted = search.value.trim().toLowerCase();
    for (const row of rows) row.hidden = !text(row, 0).toLowerCase().includes(wanted);
    found.textContent = wanted ? `${rows.filter((row) => !row.hidden).length} of ${rows.length}` : "";
  });
})();
