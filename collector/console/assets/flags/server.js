// SPDX-License-Identifier: Apache-2.0
// Asks the collector. It gets and gives sealed bytes and choices from lists; no text that was opened goes through here.

export class RefusedError extends Error {}

const csrf = () => document.querySelector("input[name=csrf]").value;

export async function ask(path) {
  return answer(await fetch(path, { redirect: "manual", cache: "no-store" }));
}

export async function send(path, fields) {
  const body = new URLSearchParams({ csrf: csrf(), ...fields });
  return answer(await fetch(path, {
    method: "POST", body, redirect: "manual", cache: "no-store", headers: { accept: "application/json" },
  }));
}

async function answer(response) {
  if (response.type === "opaqueredirect") {
    // Whoever is no longer signed in is led to the form; leaving the page locks it.
    location.assign("/sign-in?done=session-ended");
    throw new RefusedError("Your session has ended.");
  }
  const isJson = (response.headers.get("content-type") ?? "").startsWith("application/json");
  const content = isJson ? await response.json() : {};
  if (response.ok) return content;
  throw new RefusedError(content.error ?? `The console refused it (${response.status}). Open the page again.`);
}
