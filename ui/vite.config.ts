import react from "@vitejs/plugin-react";
import { loadEnv } from "vite";
import { defineConfig } from "vitest/config";

export default defineConfig(({ mode }) => ({
  plugins: [react()],
  server: {
    host: "127.0.0.1",
    // `LONGHAUL_URL=... npm run dev` uses a running service, for instance one left by `./longhaul demo --keep`.
    proxy: { "/api": loadEnv(mode, ".", "LONGHAUL_").LONGHAUL_URL ?? "http://127.0.0.1:8787" },
  },
  test: { include: ["src/**/*.test.{ts,tsx}"] },
}));
