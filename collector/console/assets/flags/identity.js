// SPDX-License-Identifier: Apache-2.0
// A reader's own key: made here, wrapped with six words that are shown once, and given to the school in its wrapped
// form only. The key itself and the words never leave this page.

import { fromBase64, makeIdentity, openSealed, toBase64, unwrap, wrap } from "./sealing.js";
import { ask, RefusedError, send } from "./server.js";
import { inGroups, showLines } from "./text.js";
import { drawWords, findMistake, tidy } from "./words.js";

const at = (id) => document.getElementById(id);
const CHECKED = [3, 5];

let made = null;

export function startIdentity() {
  at("make")?.addEventListener("submit", (event) => { event.preventDefault(); make(); });
  at("print-words")?.addEventListener("click", () => window.print());
  at("check")?.addEventListener("submit", (event) => { event.preventDefault(); check(); });
  at("open-test")?.addEventListener("submit", (event) => { event.preventDefault(); openTest(); });
  window.addEventListener("pagehide", forget);
}

function say(text, id = "identity-said") {
  at(id).textContent = text;
}

function forget() {
  made = null;
  at("words-list")?.replaceChildren();
  if (at("words")) at("words").value = "";
  for (const id of ["test-code", "test-key"]) if (at(id)) at(id).textContent = "";
}

async function make() {
  const sure = at("sure");
  if (sure && !sure.checked) {
    say("Tick the box first: a new key cannot be undone.");
    sure.focus();
    return;
  }
  at("make").querySelector("button").disabled = true;
  say("Making your key. This takes a second or two.");
  await new Promise((resume) => setTimeout(resume, 50));
  const words = drawWords();
  const { identity, ageKey } = await makeIdentity();
  made = { words, ageKey, wrapped: toBase64(await wrap(identity, words.join(" "))) };
  at("words-list").replaceChildren(...words.map((word) => {
    const line = document.createElement("li");
    line.textContent = word;
    return line;
  }));
  at("before").hidden = true;
  at("ceremony").hidden = false;
  say("");
  at("ceremony-title").focus();
}

async function check() {
  const wrong = CHECKED.find((number) => tidy(at(`word-${number}`).value) !== made.words[number - 1]);
  if (wrong) {
    say(`That is not word ${wrong}. Look at your sheet again.`, "check-said");
    at(`word-${wrong}`).focus();
    return;
  }
  const button = at("check").querySelector("button[type=submit]");
  button.disabled = true;
  try {
    await send("/identity", { age_key: made.ageKey, wrapped: made.wrapped });
    forget();
    location.assign("/identity?done=identity-kept");
  } catch (error) {
    say(error instanceof RefusedError ? error.message : "The console does not answer. Your key is not saved yet: try again.", "check-said");
    button.disabled = false;
  }
}

async function openTest() {
  const mistake = findMistake(at("words").value);
  if (mistake) {
    say(mistake, "test-said");
    at("words").focus();
    return;
  }
  const button = at("open-test").querySelector("button[type=submit]");
  button.disabled = true;
  say("Opening. This takes a second or two.", "test-said");
  try {
    const kept = await ask("/identity/key");
    await new Promise((resume) => setTimeout(resume, 50));
    // The key that is read aloud is the one that opened the item, not the one that the page says it is.
    const { identity, ageKey } = await unwrap(fromBase64(kept.wrapped), tidy(at("words").value));
    at("words").value = "";
    const code = new TextDecoder().decode(await openSealed(fromBase64(kept.test_item), identity)).trim();
    at("test-code").textContent = showLines(code);
    at("test-key").textContent = inGroups(ageKey);
    at("test-result").hidden = false;
    say("", "test-said");
    at("test-result").focus();
  } catch (error) {
    const isOurs = error instanceof RefusedError || error instanceof TypeError;
    say(isOurs ? "The console does not answer. Try again." : "These are not the six words of your key, or the test item was made for another key.", "test-said");
  } finally {
    button.disabled = false;
  }
}
