// What pages do in a browser, beyond htmx. There is no other script: the policy allows none.
"use strict";

// --- forms: changes that are not saved are warned of --------------------------------------------
const state = (form) => {
  const data = new FormData(form);
  data.delete("csrf");
  return new URLSearchParams([...data].map(([k, v]) => [k, typeof v === "string" ? v : v.name])).toString();
};

function guard(form) {
  const before = form.querySelector("[aria-invalid]") ? null : state(form);
  let leaving = false;
  const changed = () => !leaving && state(form) !== before;
  const say = () => {
    const mark = form.querySelector(".unsaved");
    if (mark) mark.hidden = !changed();
  };
  form.addEventListener("input", say);
  form.addEventListener("change", say);
  form.addEventListener("submit", () => { leaving = true; });
  window.addEventListener("beforeunload", (event) => {
    if (changed()) event.preventDefault();
  });
  say();
}

// --- what cannot be undone is asked for once more ------------------------------------------------
function confirmed(text) {
  return new Promise((resolve) => {
    const dialog = document.getElementById("dialog");
    const words = document.createElement("p");
    words.id = "dialog-title";
    words.textContent = text;
    const form = document.createElement("form");
    form.method = "dialog";
    const yes = document.createElement("button");
    yes.className = "danger";
    yes.value = "yes";
    yes.textContent = dialog.dataset.yes;
    const no = document.createElement("button");
    no.value = "no";
    no.textContent = dialog.dataset.no;
    // What does nothing is nearest: Enter alone removes nothing.
    no.autofocus = true;
    form.append(words, yes, no);
    dialog.replaceChildren(form);
    dialog.returnValue = "no";
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    dialog.showModal();
  });
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-confirm]");
  if (!button || button.dataset.asked) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const form = button.form;
  if (!(await confirmed(button.dataset.confirm))) return;
  if (!button.isConnected && form?.isConnected) {
    // Its row has changed or gone meanwhile: what was meant is asked for, and the answer says more.
    const twin = button.cloneNode();
    twin.hidden = true;
    form.append(twin);
    form.requestSubmit(twin);
    return;
  }
  button.dataset.asked = "1";
  button.click();
  delete button.dataset.asked;
}, true);

// --- dialogs: opened where htmx has put something in, closed by their buttons ----------------------
document.addEventListener("htmx:afterSwap", (event) => {
  const opener = event.detail.requestConfig?.elt;
  if (opener?.dataset?.opens) document.getElementById(opener.dataset.opens).showModal();
});
document.addEventListener("click", (event) => {
  const dialog = event.target.closest("dialog");
  if (!dialog) return;
  // What a dialog offers for a field of the page.
  const pick = event.target.closest("[data-fill]");
  if (pick) {
    const field = document.getElementById(pick.dataset.fill);
    // What it is, or what was typed into another field of the dialog.
    const typed = pick.dataset.from && document.getElementById(pick.dataset.from);
    if (typed && !typed.reportValidity()) return event.preventDefault();
    field.value = typed ? typed.value.trim() : pick.dataset.value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    dialog.close();
    field.focus();
  } else if (event.target.closest("[data-closes]") || event.target === dialog) {
    dialog.close();
  }
});

// --- one recording is heard at a time, and none of a dialog that is closed ----------------------------
document.addEventListener("play", (event) => {
  for (const other of document.querySelectorAll("audio")) if (other !== event.target) other.pause();
}, true);
document.getElementById("dialog").addEventListener("close", (event) => {
  for (const audio of event.target.querySelectorAll("audio")) audio.pause();
});

// --- times: UTC as written; in the reader's own zone when pointed at -------------------------------
function local(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
    time.title = new Date(time.dateTime).toLocaleString();
  }
}

// --- menus close when something else is meant -------------------------------------------------------
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("header details[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("header details[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// What htmx could not have is said, and not swallowed: once, until it can be had again.
let missed = null;
function miss(event, text) {
  const note = document.createElement("p");
  note.id = "missed";
  note.className = "note bad";
  note.setAttribute("role", "alert");
  note.textContent = text;
  missed = event.detail.elt;
  const before = document.getElementById("missed");
  if (!before) document.getElementById("main").prepend(note);
  else if (before.textContent !== text) before.replaceWith(note);
}
document.addEventListener("htmx:responseError", (event) => {
  const found = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html");
  miss(event, found.body.textContent.trim() || event.detail.xhr.statusText);
});
document.addEventListener("htmx:sendError", (event) => miss(event, document.getElementById("main").dataset.unreached));
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful && event.detail.elt === missed) document.getElementById("missed")?.remove();
});
document.addEventListener("htmx:load", (event) => local(event.detail.elt));
for (const form of document.querySelectorAll("form[data-guard]")) guard(form);
local(document);

// --- rows of fields: one more, as empty as the last --------------------------------------------------
function adding(root) {
  for (const button of root.querySelectorAll("[data-adds][hidden]")) button.hidden = !!button.closest("fieldset:disabled");
}
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-adds]");
  if (!button) return;
  const last = button.parentElement.querySelector("[data-row]:last-of-type");
  const row = last.cloneNode(true);
  for (const field of row.querySelectorAll("input, select")) field.value = "";
  last.after(row);
  row.querySelector("input, select").focus();
});
document.addEventListener("htmx:load", (event) => adding(event.detail.elt));
adding(document);

// --- fields that only count where another one has a certain value -----------------------------------
function dependent(field) {
  const [name, value] = field.dataset.when.split("=");
  const form = field.closest("form");
  const show = () => {
    const others = [...form.elements].filter((one) => one.name === name);
    const holds = others.some((one) => one.value === value && (one.checked || one.tagName === "SELECT"));
    field.hidden = !holds && !field.classList.contains("wrong");
  };
  form.addEventListener("change", show);
  // What is not to be seen does not count: it has its default again.
  form.addEventListener("submit", () => {
    if (!field.hidden) return;
    for (const one of field.querySelectorAll("input:not([type=hidden]):enabled")) {
      if (one.type === "checkbox") one.checked = false;
      else one.value = "";
    }
  });
  show();
}
for (const field of document.querySelectorAll("form [data-when]")) dependent(field);

// --- lists: what is found is put on a line of its own ------------------------------------------------
function putting(span) {
  const area = document.getElementById(span.dataset.puts);
  const [field, button] = [span.querySelector("input"), span.querySelector("button")];
  const put = () => {
    const found = field.value.trim();
    const lines = area.value.split("\n").map((line) => line.trim()).filter(Boolean);
    if (found && !lines.includes(found)) lines.push(found);
    area.value = lines.join("\n");
    area.rows = Math.min(Math.max(lines.length + 1, 2), 10);
    area.dispatchEvent(new Event("input", { bubbles: true }));
    field.value = "";
    field.focus();
  };
  button.addEventListener("click", put);
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    put();
  });
  // What is typed here is no change of the form before it is put there.
  field.addEventListener("input", (event) => event.stopPropagation());
  span.hidden = false;
}
for (const span of document.querySelectorAll("[data-puts]")) putting(span);
