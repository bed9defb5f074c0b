// The server's own REST, and what it tells the page besides.

import { AWAY, ofStatus, Told } from "./errors.js";

// Relative to the page, so that a proxy may give it another place.
const place = (path) => new URL(path, document.baseURI).href;
const part = encodeURIComponent;

async function fetched(path, options) {
  try {
    return await fetch(place(path), options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw AWAY;
  }
}

async function told(response) {
  const text = await response.text();
  try {
    return parsed(text);
  } catch {
    throw new Told("The answer can't be read.", "Something between this page and the server may have changed it.", text.slice(0, 400));
  }
}

/** JSON in which numbers may be NaN or infinite, as TensorFlow Serving writes them; they become null. */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return JSON.parse(text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (found) => (found[0] === '"' ? found : "null")));
  }
}

async function got(path) {
  const response = await fetched(path);
  if (!response.ok) throw ofStatus(response.status, (await told(response)).error);
  return told(response);
}

/** {models: [{name, version, versions}], max_request_bytes}. */
export const models = () => got("page/models");

/** What a model takes, returns, and is. */
export const about = (name) => got(`page/models/${part(name)}`);

/** The rows of its warm-up requests. */
export const examples = async (name) => (await got(`page/models/${part(name)}/examples`)).examples;

/** The model card, as text. */
export async function card(name) {
  const response = await fetched(`page/models/${part(name)}/card`);
  if (!response.ok) throw ofStatus(response.status, (await told(response)).error);
  return response.text();
}

/** Where a model is asked. */
export const address = (name) => place(`v1/models/${part(name)}:predict`);

/**
 * Asks for rows: {rows, milliseconds, sent, received}, the time with the way there and back.
 * Raises Told.
 */
export async function predict(name, instances, most, signal, signature) {
  const body = JSON.stringify({ signature_name: signature, instances });
  if (body.length > most) {
    const sizes = `It would be ${Math.ceil(body.length / 2 ** 20)} MB, and this server takes ${Math.floor(most / 2 ** 20)} MB.`;
    throw new Told("This is too large for the server.", "Make the file smaller, or start the server with a larger --max-request-mb.", sizes);
  }
  const start = performance.now();
  const response = await fetched(`v1/models/${part(name)}:predict`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
    signal,
  });
  const text = await response.text().catch((error) => {
    throw error.name === "AbortError" ? error : AWAY;
  });
  const milliseconds = performance.now() - start;
  if (!response.ok) {
    let words = text.slice(0, 2000);
    try {
      words = parsed(text).error || words;
    } catch {
      // A proxy's page, perhaps: it is shown as it is.
    }
    throw ofStatus(response.status, words);
  }
  const rows = parsed(text).predictions;
  return { rows, milliseconds, sent: body.length, received: text.length };
}
