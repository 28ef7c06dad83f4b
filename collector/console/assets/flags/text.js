// SPDX-License-Identifier: Apache-2.0
// Makes hostile text harmless to read, as `console/text.py` does on the server: a sentence may hide, reverse or imitate.

const HIDDEN = /[\p{C}\p{Zl}\p{Zp}\u115f\u1160\u2800\u3164\uffa0]/u;
const SPACE = /\p{Zs}/u;
const MARK = /\p{M}/u;
const MARKS_IN_A_ROW = 3;
const LONGEST_SHOWN = 4000;

// Text in which every character can be seen: U+202E becomes [U+202E].
export function show(text) {
  const characters = Array.from(String(text));
  const cut = characters.length - LONGEST_SHOWN;
  const shown = [];
  let marks = 0;
  for (const character of cut > 0 ? characters.slice(0, LONGEST_SHOWN) : characters) {
    marks = MARK.test(character) ? marks + 1 : 0;
    const isOddSpace = SPACE.test(character) && character !== " ";
    const isUnseen = HIDDEN.test(character) || isOddSpace || marks > MARKS_IN_A_ROW;
    shown.push(isUnseen ? `[U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}]` : character);
  }
  return shown.join("") + (cut > 0 ? `… (${cut} more characters)` : "");
}

// As above, but lines that somebody wrote in a note stay lines.
export const showLines = (text) => String(text).split(/\r?\n/).map(show).join("\n");

// A key as it is read aloud and compared, in the groups in which the opener shows it.
export const inGroups = (key) => key.match(/.{1,4}/gu).join(" ");

// The three parts of a sentence: before, the words that matched, after. Places count whole characters, as the device does.
export function splitAt(sentence, start, end) {
  const characters = Array.from(sentence);
  return [characters.slice(0, start), characters.slice(start, end), characters.slice(end)].map((part) => part.join(""));
}

export function showTime(milliseconds) {
  if (!Number.isFinite(milliseconds) || milliseconds < 0 || milliseconds > 253402300799000) return "a time that cannot be";
  return new Intl.DateTimeFormat("en-GB", {
    day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
    timeZone: "Europe/London",
  }).format(milliseconds);
}
