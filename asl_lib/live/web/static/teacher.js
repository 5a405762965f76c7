// "Teach a sign": signs that somebody shows once or more often, kept in this browser until they are forgotten.

import {counted} from "./words.js";

// Under which name the browser keeps the signs of a sign embedding, whose name follows.
const KEPT = "asl-signs-";
const [LARGEST_FILE_MB, FILE] = [20, "vocabulary.npz"];

/** The part of the page that teaches, forgets, saves and opens signs. */
export class Teacher {
  /**
   * @param engine of `startEngine`.
   * @param page {byId, say, save}: finds an element, says a sentence, lets the browser save a file.
   */
  constructor(engine, {byId, say, save}) {
    Object.assign(this, {engine, byId, say, save, embedding: "", asked: null, busy: null});
    byId("teacher-form").addEventListener("submit", (event) => {
      event.preventDefault();
      // The second click of two would find nothing left to learn from.
      this.busy ??= this.try(() => this.begin(event.submitter?.value ?? "last")).finally(() => (this.busy = null));
    });
    byId("signs-file").addEventListener("change", ({target}) => {
      const [file] = target.files;
      target.value = "";
      if (file) this.try(() => this.open(file));
    });
    byId("taught").addEventListener("click", ({target}) => {
      if (target.dataset.gloss) this.try(() => this.forget(target.dataset.gloss));
    });
    // What another tab has taught or forgotten: else the next sign taught here would undo it.
    addEventListener("storage", ({key}) => {
      if (this.embedding && key === KEPT + this.embedding) this.try(() => this.load());
    });
  }

  async try(action) {
    try {
      await action();
    } catch (error) {
      this.say(error.message);
    }
  }

  /** Show whether a model refuses and learns, and learn the signs that were kept. */
  async use({spells, embedding, refuses}) {
    this.embedding = embedding;
    this.asked = null;
    this.byId("teacher").hidden = !embedding;
    const names = "This model names every movement, also one that is none of its signs.";
    const refusal = refuses ? "A movement that is none of its signs is refused: not a sign I know." : names;
    this.byId("refuses").textContent = spells ? "" : refusal;
    this.show({signs: [], bytes: null});
    if (embedding) await this.try(() => this.load());
  }

  /** Know the signs that this browser has kept, and no other. */
  async load() {
    this.show(await this.engine.replace(this.kept(), "What this browser has kept"));
  }

  /** Teach the last movement, or ask for a sign to be shown `count` times. */
  async begin(count) {
    const gloss = this.byId("teacher-form").elements.gloss.value;
    if (count === "last") {
      await this.teach(gloss);
    } else {
      this.asked = {gloss, left: Number(count)};
      scrollTo(0, 0); // to the picture with the countdown
      await this.next();
    }
  }

  next() {
    const {gloss, left} = this.asked;
    this.say(`Sign ${gloss} when the countdown ends${left > 1 ? `; ${left} times in all` : ""}.`);
    return this.engine.start(performance.now() / 1000);
  }

  /** Notice a capture that has ended; return whether it was asked for here. */
  captured() {
    if (!this.asked) return false;
    const {gloss, left} = this.asked;
    this.asked.left = left - 1;
    this.try(async () => {
      try {
        await this.teach(gloss);
      } catch (error) {
        this.asked = null;
        throw error;
      }
      if (left > 1) await this.next();
      else this.asked = null;
    });
    return true;
  }

  /** Ask for no further showing: the camera is off, or something else was asked for. */
  stop() {
    this.asked = null;
  }

  async teach(gloss) {
    this.keep(await this.engine.teach(gloss));
    this.byId("teacher-form").reset();
    this.say(`Learned: show it again, and it has its word. This browser keeps it.`);
  }

  async forget(gloss) {
    this.keep(await this.engine.forget(gloss));
    this.byId("teacher-form").elements.gloss.focus();
    this.say(`${gloss} is forgotten.`);
  }

  async open(file) {
    if (file.size > LARGEST_FILE_MB * 1e6) throw new Error(`${file.name} has more than ${LARGEST_FILE_MB} MB: it is no file of taught signs.`);
    const learned = await this.engine.learn(new Uint8Array(await file.arrayBuffer()), file.name);
    this.keep(learned);
    this.say(`${file.name} is learned: the page knows ${counted(learned.signs.length, "sign")} that ${learned.signs.length === 1 ? "was" : "were"} taught.`);
  }

  /** Let the browser save the signs as a file that `asl teach` reads, too. */
  download() {
    this.save(new Blob([this.bytes]), FILE, "It has numbers made of movements, and no picture.", "");
  }

  show({signs, bytes}) {
    this.bytes = bytes;
    const rows = signs.map(([gloss, count]) => {
      const row = document.createElement("li");
      const button = Object.assign(document.createElement("button"), {type: "button", textContent: "Forget"});
      button.dataset.gloss = gloss;
      button.setAttribute("aria-label", `Forget ${gloss}`);
      row.append(`${gloss}, ${counted(count, "clip")} `, button);
      return row;
    });
    this.byId("taught").replaceChildren(...rows);
    this.byId("taught").hidden = !signs.length;
    document.querySelector('[data-asl="save-signs"]').disabled = !signs.length;
  }

  /** Show the signs, and keep them in this browser. */
  keep({signs, bytes}) {
    this.show({signs, bytes});
    try {
      const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
      if (signs.length) localStorage.setItem(KEPT + this.embedding, btoa(text));
      else localStorage.removeItem(KEPT + this.embedding);
    } catch {
      throw new Error("Learned until the page is closed: this browser stores nothing. Save the signs as a file.");
    }
  }

  /** Return the bytes of the signs that this browser keeps, or null. */
  kept() {
    try {
      const text = localStorage.getItem(KEPT + this.embedding);
      return text && Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    } catch {
      return null; // a browser without storage
    }
  }
}
