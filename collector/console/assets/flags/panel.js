// SPDX-License-Identifier: Apache-2.0
// One open flag. All of its text was written by others, perhaps against the reader: it gets into the page as text only,
// never as markup or attributes, with every character made visible.

import { findRelabelled, makeNote, readNote, toMilliseconds } from "./content.js";
import { describe } from "./known.js";
import { encodePadded, fromBase64, seal, toBase64 } from "./sealing.js";
import { RefusedError, send } from "./server.js";
import { show, showLines, showTime, splitAt } from "./text.js";
import * as vault from "./vault.js";

const WITH_STOP_CARD = ["sexual"];

export class Panel {
  #parts;
  #flag;
  #content;
  #copy;

  constructor({ flag, content, copy, known, user, say, close }) {
    this.#flag = flag;
    this.#content = content;
    this.#copy = copy;
    this.known = known;
    this.user = user;
    this.say = say;
    this.close = close;
  }

  get flagId() { return this.#flag.flag_id; }

  async show(place) {
    this.#parts = document.getElementById("flag-template").content.cloneNode(true).firstElementChild;
    this.#fillHead();
    this.#fillSentence();
    this.#fillFacts();
    this.#fillReaders();
    this.#fillDecision();
    await this.#fillNotes(this.#flag.notes);
    this.#listen();
    place.replaceChildren(this.#parts);
    place.hidden = false;
  }

  focus() {
    this.#slot("title").focus();
    this.#parts.scrollIntoView({ block: "start" });
  }

  // The strings cannot be overwritten; what refers to them can go.
  forget() {
    this.#flag = { flag_id: this.#flag.flag_id };
    this.#content = null;
    this.#copy = null;
    for (const field of this.#parts?.querySelectorAll("textarea") ?? []) field.value = "";
    this.#parts?.replaceChildren();
  }

  // Ordered here, and marked as one inside; either alone proves nothing.
  get #isDrill() { return Boolean(this.#content.drill_nonce && this.#flag.drill); }

  #slot(name) { return this.#parts.querySelector(`[data-slot="${name}"]`); }

  #part(name) { return this.#parts.querySelector(`[data-part="${name}"]`); }

  #option(select, code) {
    const options = [...this.#parts.querySelectorAll(`${select} option`)];
    return options.find((option) => option.value === code)?.textContent ?? show(code);
  }

  #fillHead() {
    const { words } = this.#flag;
    this.#slot("title").textContent = `Flag from ${show(this.#content.hostname) || "a device without a name"}`;
    const tags = [[words.tier, words.tier_colour], [this.#option("#category", this.#content.category), "grey"]];
    this.#slot("tags").replaceChildren(...tags.flatMap(([text, colour]) => {
      const tag = document.createElement("strong");
      tag.className = `govuk-tag govuk-tag--${colour}`;
      tag.textContent = text;
      return [tag, " "];
    }));
    this.#part("drill").hidden = !this.#isDrill;
    this.#part("no-drill").hidden = !(this.#content.drill_nonce && !this.#flag.drill);
    const relabelled = findRelabelled(this.#content, this.#flag);
    this.#part("relabelled").hidden = !relabelled.length;
    this.#slot("relabelled").replaceChildren(...relabelled.map((text) => makeLine("li", show(text))));
    if (relabelled.length) this.#part("relabelled").setAttribute("role", "alert");
    this.#part("again").hidden = !this.#copy;
    if (this.#copy) {
      const at = showTime(toMilliseconds(this.#copy.at_ns));
      this.#slot("again").textContent = `sealed again by ${show(this.#copy.by)} on ${at}, not by the device`;
      this.#part("again").setAttribute("role", "alert");
    }
    this.#part("now").hidden = this.#content.tier !== "call" || Boolean(this.#content.drill_nonce);
    this.#showStop(WITH_STOP_CARD.includes(this.#content.category));
  }

  #showStop(isShown) {
    this.#part("stop").hidden = !isShown;
    this.#parts.classList.toggle("sw-flag--stopped", isShown);
    this.#parts.querySelector("#image").checked = isShown;
  }

  #fillSentence() {
    const { sentence, start, end } = this.#content;
    const parts = splitAt(sentence, start, end);
    for (const [index, name] of ["before", "matched", "after"].entries()) this.#slot(name).textContent = show(parts[index]);
    this.#slot("why").textContent = show(this.#content.why);
  }

  #fillFacts() {
    const content = this.#content;
    const { words } = this.#flag;
    const facts = [
      ["Person", this.#isDrill ? "Nobody: this is a drill" : show(describe(this.known, content.account))],
      ["Account", `${show(content.account_name)} (${words.account_kinds[content.account_kind] ?? show(content.account_kind)})`],
      ["Application", show(content.application) || "not known"],
      ["Window", show(content.window) || "not known"],
      ["Written", `${showTime(toMilliseconds(content.made_at_ns))}, by the device’s clock`],
      ["Arrived", words.received],
      ["Read by", words.route],
    ];
    const record = [
      ["Account as the device knows it", show(content.account)],
      ["Rule", show(content.rule)],
      ["Notice accepted", show(content.notice_version) || "none"],
      ["Device", show(content.device_id)],
      ["Flag", show(this.flagId)],
      ["Set of readers", `version ${content.recipients_version}`],
    ];
    this.#slot("facts").replaceChildren(...facts.map(makeRow));
    this.#slot("record").replaceChildren(...record.map(makeRow));
  }

  #fillReaders() {
    const { readers, recovery } = this.#flag;
    const names = readers.map((each) => `${each.user} (key ${each.age_key.slice(0, 12)}…)`);
    this.#slot("readers").textContent = `${names.join(", ")}${recovery.length ? ", and the recovery key of these flags" : ""}.`;
    const others = readers.filter((each) => each.user !== this.user);
    this.#part("copy").hidden = !others.length;
    this.#slot("colleagues").replaceChildren(...others.map((each) => new Option(each.user, each.user)));
  }

  #fillDecision() {
    const { decision } = this.#flag;
    const form = this.#form("decide");
    for (const button of form.verdict) button.checked = button.value === decision.verdict;
    // Never from the content: that is sealed, and what is sent from here is kept in the clear.
    form.category.value = decision.category;
    form.elements.action.value = decision.action;
    this.#slot("decided").hidden = !decision.verdict;
    this.#slot("decided").textContent = decision.verdict ? `Decided by ${decision.by}, ${decision.at}.` : "";
    // A drill is no concern, and nobody decides it.
    this.#part("decide").hidden = this.#flag.drill;
    this.#form("file").action = `/flags/${this.flagId}/file`;
  }

  #form(name) { return this.#parts.querySelector(`form[data-do="${name}"]`); }

  async #fillNotes(notes) {
    const entries = await Promise.all(notes.map((note) => this.#makeEntry(note)));
    const none = makeLine("li", "No note yet.", "sw-history__entry");
    this.#slot("notes").replaceChildren(...(entries.length ? entries : [none]));
  }

  async #makeEntry(note) {
    const entry = makeLine("li", "", "sw-history__entry");
    let text;
    try {
      text = readNote(await vault.open(fromBase64(note.sealed)), this.flagId, note.made_by);
    } catch {
      text = null;
    }
    entry.append(
      makeLine("span", show(note.made_by), "sw-history__what"),
      makeLine("span", showTime(toMilliseconds(note.made_at_ns)), "sw-history__when"),
      text === null
        ? makeLine("p", "This note is not sealed to your key, or is not what its label says.", "govuk-body")
        : makeLine("p", showLines(text), "sw-history__note sw-lines"),
    );
    return entry;
  }

  #listen() {
    const on = (name, event, act) => {
      for (const element of this.#parts.querySelectorAll(`[data-do="${name}"]`)) element.addEventListener(event, act);
    };
    on("close", "click", () => this.close());
    on("image", "change", (event) => this.#showStop(event.target.checked));
    on("decide", "submit", (event) => this.#take(event, "decide-error", (form) => this.#decide(form)));
    on("note", "submit", (event) => this.#take(event, "note-error", () => this.#addNote()));
    on("copy", "submit", (event) => this.#take(event, "", () => this.#giveCopy()));
  }

  // Sends a form from this page: one at a time, with what was wrong beside it.
  async #take(event, errorId, act) {
    event.preventDefault();
    const button = event.submitter ?? event.target.querySelector("button[type=submit]");
    if (button.disabled) return;
    button.disabled = true;
    const place = errorId ? this.#parts.querySelector(`#${errorId}`) : null;
    try {
      await act(event.target);
      if (place) place.hidden = true;
    } catch (error) {
      const text = error instanceof RefusedError ? error.message : "The console does not answer. Try again.";
      if (place) {
        place.textContent = text;
        place.hidden = false;
      }
      this.say(text);
    } finally {
      button.disabled = false;
    }
  }

  async #decide(form) {
    const fields = { verdict: form.verdict.value, category: form.category.value, action: form.elements.action.value };
    if (!fields.verdict) throw new RefusedError("Choose what it is.");
    const saved = await send(`/flags/${this.flagId}/decide`, fields);
    this.#flag.decision = saved.decision;
    this.#fillDecision();
    this.say("The decision is saved.");
  }

  async #addNote() {
    const field = this.#parts.querySelector("#note");
    const text = field.value.trim();
    if (!text) throw new RefusedError("Write something first.");
    const keys = [...this.#flag.readers.map((each) => each.age_key), ...this.#flag.recovery];
    const sealed = await seal(encodePadded(makeNote(this.flagId, this.user, text)), keys);
    const saved = await send(`/flags/${this.flagId}/notes`, { sealed: toBase64(sealed) });
    field.value = "";
    this.#flag.notes.push(saved.note);
    await this.#fillNotes(this.#flag.notes);
    this.say("The note is sealed and saved.");
  }

  async #giveCopy() {
    const name = this.#slot("colleagues").value;
    const reader = this.#flag.readers.find((each) => each.user === name);
    const plain = await vault.open(fromBase64((this.#copy ?? this.#flag).sealed));
    const sealed = await seal(plain, [reader.age_key]);
    plain.fill(0);
    await send(`/flags/${this.flagId}/copy`, { for_user: name, sealed: toBase64(sealed) });
    this.say(`${name} can open this flag now.`);
  }
}

function makeRow([name, value]) {
  const row = makeLine("div", "", "govuk-summary-list__row");
  row.append(makeLine("dt", name, "govuk-summary-list__key"), makeLine("dd", value, "govuk-summary-list__value"));
  return row;
}

function makeLine(tag, text, className = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}
