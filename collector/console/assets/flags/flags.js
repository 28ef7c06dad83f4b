// SPDX-License-Identifier: Apache-2.0
// The page of flags: unlock, open one, close it, lock. What an open flag looks like is in `panel`; the list itself is
// the server's, and htmx asks for it again.

import { Panel } from "./panel.js";
import { findKnown } from "./known.js";
import { fromBase64 } from "./sealing.js";
import { ask, RefusedError, send } from "./server.js";
import { readFlag } from "./content.js";
import { findMistake, tidy } from "./words.js";
import * as vault from "./vault.js";

const at = (id) => document.getElementById(id);
const say = (text) => { at("flags-said").textContent = text; };

let panel = null;
let wanted = null;
let isOpening = false;

export function startFlags() {
  at("lock").hidden = false;
  at("unlock").addEventListener("submit", (event) => { event.preventDefault(); unlock(); });
  at("show-words").addEventListener("click", toggleWords);
  at("lock-now").addEventListener("click", () => vault.lock("Locked."));
  vault.listen("locked", (reason) => { wanted = null; wipe(); showLock(false); say(reason); });
  vault.listen("warned", () => say("This page locks in one minute, because nobody uses it. Move or type to keep it open."));
  window.addEventListener("pagehide", () => { at("words").value = ""; });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-flag]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    openFlag(link.dataset.flag);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && panel && !event.target.matches?.("textarea, select")) closeFlag();
  });
  announceNew();
}

function toggleWords() {
  const isShown = at("words").classList.toggle("sw-masked--shown");
  at("show-words").textContent = isShown ? "Hide" : "Show";
  at("show-words").setAttribute("aria-pressed", String(isShown));
}

function showMistake(text) {
  at("words-error").textContent = text;
  at("words-error").hidden = !text;
  at("words-group").classList.toggle("govuk-form-group--error", Boolean(text));
  at("words").classList.toggle("govuk-input--error", Boolean(text));
  if (text) at("words").focus();
}

function showLock(isOpen) {
  at("lock-closed").hidden = isOpen;
  at("lock-open").hidden = !isOpen;
}

async function unlock() {
  const mistake = findMistake(at("words").value);
  showMistake(mistake);
  if (mistake) return;
  const button = at("unlock").querySelector("button[type=submit]");
  button.disabled = true;
  say("Unlocking. This takes a second or two.");
  try {
    const kept = await ask("/identity/key");
    // The browser draws what was just said before the work starts that holds it up.
    await new Promise((resume) => setTimeout(resume, 50));
    await vault.unlock(fromBase64(kept.wrapped), tidy(at("words").value), kept.age_key);
    at("words").value = "";
    showLock(true);
    say("Unlocked.");
    if (wanted) await openFlag(wanted);
    else at("lock-now").focus();
  } catch (error) {
    say("");
    showMistake(error instanceof RefusedError || error instanceof TypeError
      ? explain(error) : "These are not the six words of your key. Look at each of them again.");
  } finally {
    button.disabled = false;
  }
}

async function openFlag(flagId) {
  if (isOpening) return;
  wanted = flagId;
  if (!vault.isUnlocked()) {
    say("Enter your six words first; then the flag opens.");
    at("words").focus();
    return;
  }
  isOpening = true;
  wanted = null;
  say("Opening the flag.");
  try {
    const flag = await send(`/flags/${flagId}/open`, {});
    const known = await findKnown().catch(() => null);
    const opened = await readSealed(flag);
    if (!opened) return;
    wipe();
    panel = new Panel({ flag, ...opened, known, user: at("lock").dataset.user, say, close: closeFlag });
    await panel.show(at("opened"));
    // It may have been locked while the notes were opened.
    if (!vault.isUnlocked()) return wipe();
    at("list").hidden = true;
    say("");
    panel.focus();
  } catch (error) {
    wipe();
    say(explain(error));
  } finally {
    isOpening = false;
  }
}

// What is in a flag, and the copy if it had to be opened for that; or null when neither can be read: then the page says
// why, and where the rest is.
async function readSealed(flag) {
  let why = "This flag is not sealed to your key, or it was damaged. A colleague who can open it can seal a copy for you.";
  if (flag.sealed) {
    try {
      return await openEither(flag);
    } catch {
      // Said below.
    }
  } else {
    why = "The device could not send what it sealed, because its queue was full. Ask who used it then.";
  }
  say(`${why} `);
  const link = document.createElement("a");
  link.className = "govuk-link";
  link.href = `/flags/${flag.flag_id}`;
  link.textContent = "What is known without it";
  at("flags-said").append(link);
  return null;
}

// A colleague's copy says what the colleague wants: it is opened only when what the device sealed stays shut.
async function openEither(flag) {
  let plain;
  let copy = null;
  try {
    plain = await vault.open(fromBase64(flag.sealed));
  } catch (error) {
    if (!flag.copy) throw error;
    copy = flag.copy;
    plain = await vault.open(fromBase64(copy.sealed));
  }
  return { content: readFlag(plain), copy };
}

function closeFlag() {
  const flagId = panel?.flagId;
  wipe();
  say("Closed.");
  (at(`flag-${flagId}`) ?? at("lock-now")).focus();
}

// Takes every word of the open flag out of the page.
function wipe() {
  panel?.forget();
  panel = null;
  at("opened").replaceChildren();
  at("opened").hidden = true;
  at("list").hidden = false;
}

export function explain(error) {
  if (error instanceof RefusedError) return error.message;
  return "The console does not answer. Nothing was lost; try again.";
}

// Says what has come since the page was opened, also while a flag is open and the list is out of sight.
function announceNew() {
  const list = () => [...document.querySelectorAll("#rows a[data-flag]")];
  const seen = new Set(list().map((link) => link.dataset.flag));
  document.body.addEventListener("htmx:afterSwap", () => {
    const fresh = list().filter((link) => !seen.has(link.dataset.flag));
    for (const link of fresh) seen.add(link.dataset.flag);
    const waiting = fresh.filter((link) => link.dataset.state === "new");
    if (!waiting.length) return;
    const first = `New flag: ${waiting[0].dataset.tier}, ${waiting[0].textContent.replace("Open: ", "")}.`;
    say(waiting.length === 1 ? first : `${waiting.length} new flags. ${first}`);
  });
}
