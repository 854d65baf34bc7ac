// Files are sent as they are, with how far it is; the answer is a page to go on to, or what is wrong.
"use strict";
function uploading(form) {
  const bar = form.querySelector("progress");
  const state = form.querySelector("[data-state]");
  const answer = form.querySelector("[data-answer]");
  const buttons = form.querySelectorAll("button");
  const say = (text) => {
    const note = document.createElement("p");
    note.className = "note bad";
    note.setAttribute("role", "alert");
    note.textContent = text;
    answer.replaceChildren(note);
  };
  const done = () => {
    bar.hidden = true;
    state.textContent = "";
    for (const button of buttons) button.disabled = false;
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const file = form.querySelector("input[type=file]").files[0];
    if (!file) return;
    answer.replaceChildren();
    if (file.size > Number(form.dataset.most)) return say(form.dataset.large);
    const path = new URL(form.action);
    for (const [name, value] of new FormData(form, event.submitter)) {
      if (typeof value === "string" && name !== "csrf") path.searchParams.set(name, value);
    }
    path.searchParams.set("filename", file.name);
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("X-CSRF-Token", form.querySelector("[name=csrf]").value);
    request.setRequestHeader("HX-Request", "true");
    request.upload.addEventListener("progress", (now) => {
      bar.value = now.lengthComputable ? (100 * now.loaded) / now.total : 0;
    });
    request.upload.addEventListener("load", () => {
      bar.removeAttribute("value");
      state.textContent = form.dataset.working;
    });
    request.addEventListener("error", () => { done(); say(form.dataset.broken); });
    request.addEventListener("load", () => {
      const to = request.getResponseHeader("HX-Redirect");
      if (to) return window.location.assign(to);
      done();
      // Written by our own templates.
      answer.innerHTML = request.responseText;
      answer.setAttribute("tabindex", "-1");
      answer.focus();
    });
    bar.value = 0;
    bar.hidden = false;
    for (const button of buttons) button.disabled = true;
    request.send(file);
  });
}
for (const form of document.querySelectorAll("form[data-upload]")) uploading(form);
