// SPDX-License-Identifier: Apache-2.0
// The reader's key while it is unlocked: in this module's memory and nowhere else, until the button, ten minutes
// without use, or leaving the page. Nothing here is ever written to storage, to an address or into the page.

import { openSealed, unwrap } from "./sealing.js";

const IDLE_MS = 10 * 60 * 1000;
const WARNED_MS = 9 * 60 * 1000;
const LOOKED_EVERY_MS = 5 * 1000;

let identity = null;
let usedAt = 0;
let hasWarned = false;
let looking = 0;
const listeners = { locked: [], warned: [] };

export const isUnlocked = () => identity !== null;

export function listen(event, listener) {
  listeners[event].push(listener);
}

// Fails when the words are wrong, or when the key inside is another than the one the school knows.
export async function unlock(wrapped, words, ageKey) {
  const found = await unwrap(wrapped, words);
  if (found.ageKey !== ageKey) throw new Error("another key than the one that is known to the school");
  identity = found.identity;
  note();
  clearInterval(looking);
  looking = setInterval(look, LOOKED_EVERY_MS);
}

export function lock(reason) {
  if (identity === null) return;
  identity = null;
  clearInterval(looking);
  for (const listener of listeners.locked) listener(reason);
}

export async function open(sealed) {
  if (identity === null) throw new Error("locked");
  return openSealed(sealed, identity);
}

function note() {
  usedAt = Date.now();
  hasWarned = false;
}

// By the clock, not by a timer: a laptop that slept with its lid closed was not used either.
function look() {
  const idle = Date.now() - usedAt;
  if (idle >= IDLE_MS) {
    lock("Locked, because nobody used this page for 10 minutes.");
  } else if (idle >= WARNED_MS && !hasWarned) {
    hasWarned = true;
    for (const listener of listeners.warned) listener();
  }
}

for (const event of ["pointerdown", "keydown", "wheel", "touchstart"]) {
  document.addEventListener(event, () => {
    look();
    if (identity !== null) note();
  }, { capture: true, passive: true });
}
document.addEventListener("visibilitychange", () => { if (identity !== null) look(); });
window.addEventListener("pagehide", () => lock("Locked, because this page was left."));
