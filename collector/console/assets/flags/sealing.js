// SPDX-License-Identifier: Apache-2.0
// Seals and opens in the age format. The only file that knows the age package; whose keys they are is not its business.

import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from "age-encryption";

// Each guess at six words costs about a second of a desk computer and 128 MB; a school's laptop still unlocks.
const WORK_FACTOR = 17;
const PAD_BYTES = 1024;

export async function makeIdentity() {
  const identity = await generateX25519Identity();
  return { identity, ageKey: await identityToRecipient(identity) };
}

export async function wrap(identity, words) {
  const encrypter = new Encrypter();
  encrypter.setScryptWorkFactor(WORK_FACTOR);
  encrypter.setPassphrase(words);
  return encrypter.encrypt(identity);
}

// Fails when the words are not those that it was wrapped with.
export async function unwrap(wrapped, words) {
  const decrypter = new Decrypter();
  decrypter.addPassphrase(words);
  const identity = (await decrypter.decrypt(wrapped, "text")).trim();
  return { identity, ageKey: await identityToRecipient(identity) };
}

export async function seal(plain, ageKeys) {
  const encrypter = new Encrypter();
  for (const ageKey of ageKeys) encrypter.addRecipient(ageKey);
  return encrypter.encrypt(plain);
}

export async function openSealed(sealed, identity) {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  return decrypter.decrypt(sealed);
}

// Blanks at the end, so that the length of a text does not stand in the clear.
export function encodePadded(value) {
  const raw = new TextEncoder().encode(JSON.stringify(value));
  const padded = new Uint8Array(Math.ceil(raw.length / PAD_BYTES) * PAD_BYTES).fill(0x20);
  padded.set(raw);
  return padded;
}

export function toBase64(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

export function fromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
