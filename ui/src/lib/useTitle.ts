import { useEffect } from "react";

/** Title of the browser's tab: what differs comes first. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Longhaul`;
  }, [title]);
}
