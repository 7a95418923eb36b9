import { useCallback, useSyncExternalStore } from "react";

const CHANGED = "longhaul:location";

function subscribe(onChange: () => void): () => void {
  window.addEventListener("popstate", onChange);
  window.addEventListener(CHANGED, onChange);
  return () => {
    window.removeEventListener("popstate", onChange);
    window.removeEventListener(CHANGED, onChange);
  };
}

function navigate(url: string, replace: boolean): void {
  if (replace) {
    window.history.replaceState(null, "", url);
  } else {
    window.history.pushState(null, "", url);
  }
  window.dispatchEvent(new Event(CHANGED));
}

export function usePath(): string {
  return useSyncExternalStore(subscribe, () => window.location.pathname);
}

/** Follows an address of this page without loading it again. */
export function go(path: string): void {
  navigate(path, false);
  window.scrollTo(0, 0);
}

/** View state that lives in the address, so that a link shows what its sender saw; null is the usual view. */
export function useParameter(name: string): [string | null, (value: string | null) => void] {
  const value = useSyncExternalStore(subscribe, () => new URLSearchParams(window.location.search).get(name));
  const set = useCallback((next: string | null) => setParameters({ [name]: next }), [name]);
  return [value, set];
}

/** Sets or, with null, removes parameters of the address; going back leaves the page, not a zoom. */
export function setParameters(values: Record<string, string | null>): void {
  const parameters = new URLSearchParams(window.location.search);
  for (const [name, value] of Object.entries(values)) {
    if (value === null) {
      parameters.delete(name);
    } else {
      parameters.set(name, value);
    }
  }
  const query = parameters.toString();
  navigate(`${window.location.pathname}${query === "" ? "" : `?${query}`}`, true);
}
