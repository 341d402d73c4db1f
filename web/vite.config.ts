import { defineConfig } from "vite";

export default defineConfig({
  // Relative addresses let a reverse proxy serve the dashboard under any path.
  base: "./",
  build: {
    target: "es2022",
    // An inlined asset becomes a `data:` address, which the content security policy refuses.
    assetsInlineLimit: 0,
    // There is one chunk, so there is nothing to preload.
    modulePreload: false,
    cssCodeSplit: false,
  },
  server: {
    // `npm run mock` answers the seam while `npm run dev` serves the sources.
    proxy: { "/live": "http://127.0.0.1:8790" },
  },
});
