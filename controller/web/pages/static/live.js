// The page of live calls: what changes comes by server-sent events, times are counted here.
"use strict";

(() => {
  const table = document.getElementById("live");
  if (!table) return;
  const body = document.getElementById("live-rows");
  const status = document.getElementById("live-status");
  const said = document.getElementById("live-said");
  // How far the server's clock is ahead of ours, milliseconds.
  let ahead = Number(table.dataset.now) - Date.now();
  // The page's own address. What came of a button has another one: loaded anew it would do it again.
  const own = table.dataset.here;
  if (new URL(own, location).pathname !== location.pathname) history.replaceState(null, "", own);
  // What is sent may have been seen so long ago; the clock of this machine may be set meanwhile.
  const OLD = 20000;
  // Something is heard more often than that, even where nothing is new: else nobody is there.
  const SILENT = 45000;
  let heard = 0;
  let source = null;
  let waiting = 0;
  let summary = "";
  let spoken = "";
  let spokenAt = 0;

  // --- times that go on ---------------------------------------------------------------------------
  const lasting = (milliseconds) => {
    const whole = Math.max(0, Math.floor(milliseconds / 1000));
    if (whole < 60) return `${whole} s`;
    const minutes = Math.floor(whole / 60);
    if (minutes < 60) return whole % 60 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
    const hours = Math.floor(minutes / 60);
    return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  };

  const words = (tick, now) => {
    if (tick.dataset.since) return lasting(now - Number(tick.dataset.since));
    const left = Number(tick.dataset.until) - now;
    return left > 0 ? tick.dataset.words.replace("{}", lasting(left + 999)) : tick.dataset.over;
  };

  const tick = () => {
    const now = Date.now() + ahead;
    // Only what reads differently is written: nothing is laid out that stays.
    for (const one of body.getElementsByClassName("tick")) {
      const text = words(one, now);
      if (one.textContent !== text) one.textContent = text;
    }
  };

  // --- rows ---------------------------------------------------------------------------------------
  const parse = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content.firstElementChild;
  };

  // What a row was made of last, to see which of its cells are new.
  const madeOf = new WeakMap();

  const update = (id, html) => {
    const old = document.getElementById(`call-${id}`);
    const made = parse(html);
    const cells = [...made.children].map((cell) => cell.outerHTML);
    if (!old) {
      madeOf.set(made, cells);
      return made;
    }
    // A cell that is the same stays, and with it whoever is at its button.
    const before = madeOf.get(old) ?? [];
    [...made.children].forEach((cell, place) => {
      if (before[place] !== cells[place]) old.children[place].replaceWith(cell);
    });
    madeOf.set(old, cells);
    return old;
  };

  const show = (data, all) => {
    const found = data.now - Date.now();
    if (found > ahead || ahead - found > OLD) ahead = found;
    const made = new Map();
    for (const [id, html] of Object.entries(data.rows ?? {})) made.set(id, update(id, html));
    if (data.order) {
      const wanted = new Set(data.order);
      for (const row of [...body.children]) {
        if (!wanted.has(row.dataset.id)) row.remove();
      }
      data.order.forEach((id, place) => {
        const row = made.get(id) ?? document.getElementById(`call-${id}`);
        if (row && body.children[place] !== row) body.insertBefore(row, body.children[place] ?? null);
      });
    }
    for (const [name, text] of Object.entries(data.facts ?? {})) {
      if (name === "none") document.getElementById("live-none").hidden = !text;
      else if (name === "more") document.getElementById("live-more").hidden = !text;
      else if (name === "said") summary = text;
      else document.getElementById(`live-${name}`).textContent = text;
    }
    tick();
    if (all) spoken = summary;
  };

  // Totals are said aloud, but not each second.
  const say = () => {
    if (summary === spoken || Date.now() - spokenAt < 20000) return;
    spoken = said.textContent = summary;
    spokenAt = Date.now();
  };

  // --- the stream ---------------------------------------------------------------------------------
  const state = (name, dot) => {
    status.firstElementChild.className = `dot ${dot}`;
    const text = status.dataset[name];
    const shown = status.querySelector(".words");
    if (shown.textContent !== text) shown.textContent = text;
    table.classList.toggle("stale", name !== "on");
  };

  const close = () => {
    clearTimeout(waiting);
    source?.close();
    source = null;
  };

  const leave = () => {
    close();
    location.assign(own);
  };

  const connect = () => {
    close();
    // A window that nobody sees watches nothing: a browser has few connections to one server.
    if (document.hidden) return;
    heard = Date.now();
    const here = source = new EventSource(table.dataset.events);
    const on = (name, act) => here.addEventListener(name, (event) => { heard = Date.now(); act(event); });
    on("whole", (event) => { state("on", "on"); show(JSON.parse(event.data), true); });
    on("change", (event) => { state("on", "on"); show(JSON.parse(event.data), false); });
    on("alive", () => {});
    on("away", () => state("away", "bad"));
    // It ends now and then, and is begun anew at once: nothing is wrong.
    on("again", connect);
    // The session is over: the log-in is where the page leads.
    on("out", leave);
    here.addEventListener("error", () => {
      state("off", "bad");
      // It was refused, and the browser gives up: by a server that is full, or has just begun.
      if (here.readyState === EventSource.CLOSED) later(5000);
    });
  };

  // Why it was refused is told by asking once more, in a way that can be read.
  const again = async () => {
    if (document.hidden) return;
    try {
      const abort = new AbortController();
      const answer = await fetch(table.dataset.events, { signal: abort.signal, redirect: "manual" });
      if (answer.type === "opaqueredirect") { leave(); return; }
      abort.abort();
      if (answer.status === 503) {
        state("full", "warn");
        later(15000);
        return;
      }
    } catch {
      later(5000);
      return;
    }
    connect();
  };

  const later = (milliseconds) => {
    close();
    waiting = setTimeout(again, milliseconds);
  };

  // A machine that slept, or a way to the server that is gone, tells nobody.
  const listen = () => {
    if (!source || Date.now() - heard <= SILENT) return;
    state("off", "bad");
    connect();
  };

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) close();
    else {
      table.classList.add("stale");
      connect();
    }
  });
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
  connect();
  tick();
  setInterval(() => { listen(); tick(); say(); }, 1000);
})();
