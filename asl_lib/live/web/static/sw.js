// The service worker: it keeps the page's files for use without a network, and gives them the headers that isolate the
// page from all others and let it connect to itself only, on hosts that cannot send headers.
/* global HEADERS */
"use strict";

importScripts("headers.js");
const CACHE = "asl-live-page";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  if (event.request.method === "GET") event.respondWith(answer(event.request));
});

/** Return the newest version of a file, or the one that was kept where there is no network. */
async function answer(request) {
  const cache = await caches.open(CACHE).catch(() => null); // a browser without storage keeps nothing
  let response;
  try {
    response = await fetch(request);
    if (response.ok) await cache?.put(request, response.clone()).catch(() => {}); // storage may be full
  } catch {
    response = (await cache?.match(request)) ?? Response.error();
  }
  if (response.type === "error") return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  return new Response(response.body, {status: response.status, statusText: response.statusText, headers});
}
