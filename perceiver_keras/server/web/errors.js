// What is told to people when something does not work, and how it looks.

import { element } from "./elements.js";

/** An error in words: what is wrong, what to do, and the words of whoever noticed it. */
export class Told extends Error {
  constructor(title, hint = "", detail = "") {
    super(title);
    this.hint = hint;
    this.detail = detail;
  }
}

const KINDS = {
  400: ["The model does not take this input.", "Its own words are below; change the input and ask again."],
  404: ["This model is not ready.", "It may still be loading, or its newest version is broken. The page looks again by itself."],
  408: ["The request took too long to arrive.", "Try a smaller file."],
  413: ["The request is too large for this server.", "Make the file smaller, or start the server with a larger --max-request-mb."],
  429: ["The server has too much to do.", "Wait a moment and ask again."],
  503: ["The server has too much to do.", "Wait a moment and ask again."],
  504: ["The model took longer than the server allows.", "Try a smaller input, or start the server with a longer --timeout."],
};

/** The error for an answer of HTTP that is not 200. */
export function ofStatus(status, detail) {
  const [title, hint] = KINDS[status] || ["The server could not answer.", "Its log may say more."];
  return new Told(title, hint, detail || `HTTP ${status}`);
}

export const AWAY = new Told(
  "The server does not answer.",
  "It may have been stopped, or is starting again. The page looks again by itself; what you entered stays.",
);

/** An error for the page; what nobody expected is told, too. */
export function shownError(error) {
  const hint = error instanceof Told ? error.hint : "This is a fault of the page.";
  const detail = error instanceof Told ? error.detail : String(error);
  return element(
    "div",
    { class: "error", role: "alert" },
    element("p", {}, error instanceof Told ? error.message : "Something unexpected happened."),
    hint && element("p", {}, hint),
    detail && element("details", { open: detail.length < 400 }, element("summary", {}, "In its own words"), element("pre", {}, detail)),
  );
}
