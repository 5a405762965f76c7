// Tracks and recognises away from the page's own thread. This is a classic worker, not a module: LiteRT.js loads its
// runtime by importScripts, which modules do not have.
"use strict";

const engine = import("./engine.js").then(({Engine}) => new Engine());
let last = engine;

// One call after the other: {id, name, values} -> {id, value} or {id, error}.
onmessage = ({data: {id, name, values}}) => {
  last = last
    .then(() => engine)
    .then((loaded) => loaded[name](...values))
    .then((value) => postMessage({id, value}, value?.picture ? [value.picture.data.buffer] : []), (error) => postMessage({id, error: error?.message ?? String(error)}));
};
