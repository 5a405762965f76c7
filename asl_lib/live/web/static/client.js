// The worker as the page sees it: each method of `Engine` as a call that resolves to its result.

/** Return an object whose methods are those of an `Engine` in a worker of its own. */
export function startEngine() {
  const worker = new Worker("worker.js");
  const waiting = new Map();
  worker.onmessage = ({data: {id, value, error}}) => {
    const {resolve, reject} = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) resolve(value);
    else reject(new Error(error));
  };
  worker.onerror = ({message}) => {
    for (const {reject} of waiting.values()) reject(new Error(`The recogniser stopped: ${message}. Load the page again.`));
    waiting.clear();
  };
  let last = 0;
  const call = (name, ...values) =>
    new Promise((resolve, reject) => {
      const id = ++last;
      waiting.set(id, {resolve, reject});
      // Pictures move to the worker, and are used up.
      worker.postMessage({id, name, values}, values.filter((value) => typeof value?.close === "function"));
    });
  // A promise must not look like one that can be waited for, hence "then".
  return new Proxy({}, {get: (_, name) => (name === "then" ? undefined : (...values) => call(name, ...values))});
}
