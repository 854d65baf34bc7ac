// Ticking many rows: all of a page at once, and how many are ticked.
"use strict";

for (const form of document.querySelectorAll("form[data-ticks]")) {
  const all = form.querySelector("[data-tick-all]");
  const said = form.querySelector("[data-ticked]");
  if (!all) continue;
  const boxes = [...form.querySelectorAll("input[name=key]")];
  const scope = form.querySelector("select[name=scope]");
  const say = () => {
    const ticked = boxes.filter((box) => box.checked).length;
    all.checked = ticked === boxes.length;
    all.indeterminate = ticked > 0 && ticked < boxes.length;
    said.textContent = scope.value === "ticked" ? `${ticked} / ${boxes.length}` : "";
  };
  all.hidden = false;
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    say();
  });
  form.addEventListener("change", say);
  say();
}
