// The graphics card: a model stays on it where it gives the processor's numbers there, and sooner.

// Runs of a model on both until it is decided, in milliseconds the time that this may take for all models together, and
// the difference of two numbers, in shares of the largest, from which on one is wrong. LiteRT.js has models whose numbers
// are wrong on some cards, silently, and on others from the second run on: google-ai-edge/LiteRT, issues 8065 and 9661.
const [RUNS, BUDGET_MS, TOLERANCE] = [8, 3000, 1e-3];
const TRYING = "on the processor (the graphics card is being tried)";

/**
 * Return what all trials share, or null where nothing is to be tried: the runtime has no graphics card.
 *
 * @param device GPUDevice of the runtime, or null.
 * @param wanted "card"; "any", also one that a program imitates; or "none".
 */
export function openCard(device, wanted) {
  if (!device || wanted === "none" || (wanted === "card" && device.adapterInfo?.isFallbackAdapter)) return null;
  return {left_ms: wanted === "any" ? Infinity : BUDGET_MS, trials: []};
}

/** Return where each model of a runtime runs, in a sentence. */
export function placesOf({card}) {
  if (!card) return "All models run on the processor: this browser offers them no graphics card.";
  return `The tracker's models run here: ${card.trials.map(({name, place}) => `${name} ${place}`).join("; ")}.`;
}

/** A `Graph` on the processor that takes one on the graphics card beside it, and moves there if that is better. */
export class Trial {
  /**
   * @param name of the model, for `placesOf`.
   * @param own the `Graph` on the processor.
   * @param load resolves to the one on the graphics card.
   * @param card as of `openCard`.
   */
  static async begin(name, own, load, card) {
    const trial = new Trial();
    Object.assign(trial, {name, own, card, inputs: own.inputs, outputs: own.outputs, other: null, moved: false, times: []});
    trial.place = TRYING;
    card.trials.push(trial);
    await trial.spend(async () => {
      trial.other = await load();
      if (!trial.other.compiled.isFullyAccelerated) trial.end("on the processor (the graphics card cannot run it)");
    });
    return trial;
  }

  /** Resolve to the outputs for inputs, as `Graph.run`. */
  async run(inputs) {
    if (this.moved) {
      try {
        return await this.other.run(inputs);
      } catch {
        this.end("on the processor (the graphics card stopped)"); // as when the computer has slept
      }
    }
    const began = performance.now();
    const expected = await this.own.run(inputs);
    const own_ms = performance.now() - began;
    if (this.other) await this.spend(() => this.compare(inputs, expected, own_ms));
    return expected;
  }

  /** Run the model on the graphics card, too, and decide after some runs. */
  async compare(inputs, expected, own_ms) {
    const began = performance.now();
    const found = await this.other.run(inputs);
    this.times.push([own_ms, performance.now() - began]);
    const lists = [Object.values(found), Object.values(expected)];
    if (!lists[1].every((numbers, index) => agree(lists[0][index], numbers))) {
      this.end("on the processor (the graphics card gives other numbers)");
    } else if (this.times.length === RUNS) {
      const [own, other] = [0, 1].map((place) => median(this.times.map((pair) => pair[place])));
      this.moved = other < own;
      if (this.moved) this.place = `on the graphics card (${other.toFixed(1)} ms, on the processor ${own.toFixed(1)})`;
      else this.end(`on the processor (${own.toFixed(1)} ms, on the graphics card ${other.toFixed(1)})`);
    }
  }

  /** Do something for as long as there is time; the model stays on the processor where it fails. */
  async spend(action) {
    const began = performance.now();
    try {
      if (this.card.left_ms > 0) await action();
    } catch {
      this.end("on the processor (the graphics card cannot run it)");
    }
    this.card.left_ms -= performance.now() - began;
    if (this.card.left_ms <= 0 && this.place === TRYING) this.end("on the processor (trying the graphics card took too long)");
  }

  /** Stay on the processor, for the reason in `place`. */
  end(place) {
    const {other} = this;
    Object.assign(this, {place, moved: false, other: null});
    try {
      other?.close();
    } catch {
      // A card that is gone has freed everything.
    }
  }

  close() {
    this.own.close();
    this.other?.close();
  }
}

/** Return whether two lists of numbers are the same, but for rounding. */
export function agree(found, expected) {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  return found.length === expected.length && expected.every((value, index) => Math.abs(found[index] - value) <= TOLERANCE * largest);
}

function median(numbers) {
  return [...numbers].sort((one, other) => one - other)[numbers.length >> 1];
}
