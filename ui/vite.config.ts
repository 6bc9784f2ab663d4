import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** Where a server answers while the page is developed; `npm start` listens there. */
const SERVER = "http://127.0.0.1:4040";

export default defineConfig({
  root: import.meta.dirname,
  // Relative addresses: the page also works behind a gateway that serves it under a path.
  base: "./",
  plugins: [react()],
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2023",
    // Nothing is inlined as data: a strict Content-Security-Policy can then allow 'self' alone.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    port: 5173,
    proxy: {
      "^/[a-z0-9.]+\\.v1[a-z0-9]*\\.": SERVER,
      "/pyroscope": SERVER,
      "/api": SERVER,
      "/ready": SERVER,
    },
  },
});
