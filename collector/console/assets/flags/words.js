// SPDX-License-Identifier: Apache-2.0
// The six words that wrap a reader's key: drawn by the browser's random numbers, from the English list of BIP-39.

import { wordlist } from "@scure/bip39/wordlists/english.js";

export const COUNT = 6;
const KNOWN = new Set(wordlist);

export function drawWords() {
  // 2,048 words divide 65,536 evenly, so that no word is likelier than another.
  const numbers = crypto.getRandomValues(new Uint16Array(COUNT));
  return Array.from(numbers, (number) => wordlist[number % wordlist.length]);
}

// What somebody typed, as it was when the key was wrapped: small letters, single spaces.
export function tidy(typed) {
  return typed.normalize("NFKC").toLowerCase().split(/[^a-z]+/).filter(Boolean).join(" ");
}

// What is wrong with what was typed, before a second is spent on trying it; empty when it may be right.
export function findMistake(typed) {
  const words = tidy(typed).split(" ").filter(Boolean);
  if (words.length !== COUNT) return `Enter all six words. You entered ${words.length}.`;
  const odd = words.findIndex((word) => !KNOWN.has(word));
  if (odd >= 0) return `Look at word ${odd + 1} again: it is not one that a key is made of.`;
  return "";
}
