// SPDX-License-Identifier: Apache-2.0
// Reads what a device sealed, and compares it with what the collector says of it: somebody who can write to the
// database can relabel a flag, but not what is inside it. The fields are those of `proto/sealed.py`.

const NUMBERS = ["format", "made_at_ns", "severity", "start", "end", "recipients_version"];
const TEXTS = [
  "school_id", "device_id", "hostname", "tier", "route", "drill_nonce", "account", "account_name", "account_kind",
  "category", "rule", "why", "sentence", "application", "window", "notice_version",
];
const FORMAT = 1;
const NOTE_FORMAT = "schoolwarden note v1";
const SAME_TIME_MS = 2 * 60 * 1000;

export const toMilliseconds = (ns) => Number(ns) / 1e6;

// Fails when it is no flag, or one of a format that this page does not know.
export function readFlag(bytes) {
  const content = JSON.parse(new TextDecoder().decode(bytes));
  const names = Object.keys(content ?? {});
  const isKnown = content?.format === FORMAT && names.length === NUMBERS.length + TEXTS.length &&
    NUMBERS.every((name) => Number.isInteger(content[name])) && TEXTS.every((name) => typeof content[name] === "string");
  if (!isKnown) throw new Error("not a flag of a format that this page knows");
  return content;
}

// What differs between the sealed flag and the label on it, one sentence each; empty when all agrees.
export function findRelabelled(content, header) {
  const wrong = [];
  const pairs = [
    ["school", content.school_id, header.school_id],
    ["device", content.device_id, header.device_id],
    ["urgency", content.tier, header.tier],
    ["readers", content.route, header.route],
    ["set of readers", String(content.recipients_version), String(header.recipients_version)],
  ];
  for (const [name, inside, outside] of pairs) {
    if (inside !== outside) wrong.push(`${name}: sealed inside “${inside}”, on the label “${outside}”`);
  }
  // The other way round it is a device that drills without an order; then the flag counts like any other.
  if (header.drill && !content.drill_nonce) wrong.push("drill: the label says that it is one, and inside it is none");
  if (Math.abs(toMilliseconds(content.made_at_ns) - toMilliseconds(header.device_time_ns)) > SAME_TIME_MS) {
    wrong.push("time: the label has another than the one sealed inside");
  }
  return wrong;
}

export const makeNote = (flagId, madeBy, text) => ({ format: NOTE_FORMAT, flag_id: flagId, made_by: madeBy, text });

// The text of a note; fails when it is none, or was written for another flag or by somebody else than the label says.
export function readNote(bytes, flagId, madeBy) {
  const note = JSON.parse(new TextDecoder().decode(bytes));
  if (note?.format !== NOTE_FORMAT || typeof note.text !== "string") throw new Error("not a note");
  if (note.flag_id !== flagId || note.made_by !== madeBy) throw new Error("a note of another flag or writer");
  return note.text;
}
