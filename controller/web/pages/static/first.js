// The first set-up: commands are copied, where a browser lets a page do that.
"use strict";
for (const button of document.querySelectorAll("[data-copies]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copies).textContent;
    await navigator.clipboard.writeText(text);
    document.getElementById("said").textContent = button.dataset.copied;
  });
}
