import { useSyncExternalStore } from "react";

export type Theme = "light" | "dark";

const KEY = "longhaul.theme";
const SYSTEM = window.matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

function chosen(): Theme | null {
  try {
    const stored = localStorage.getItem(KEY);
    return stored === "light" || stored === "dark" ? stored : null;
  } catch {
    return null; // storage may be forbidden; then the system decides
  }
}

function current(): Theme {
  return chosen() ?? (SYSTEM.matches ? "dark" : "light");
}

function show(): void {
  document.documentElement.dataset.theme = current();
  for (const listener of listeners) {
    listener();
  }
}

/** Sets the colours before the first paint and follows the system for as long as nobody has chosen. */
export function startTheme(): void {
  SYSTEM.addEventListener("change", show);
  show();
}

export function chooseTheme(theme: Theme): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
  document.documentElement.dataset.theme = theme;
  for (const listener of listeners) {
    listener();
  }
}

export function useTheme(): Theme {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => (document.documentElement.dataset.theme === "dark" ? "dark" : "light"),
  );
}
