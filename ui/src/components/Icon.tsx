import type { JSX } from "react";

/** Line drawings on a 24 x 24 grid; decoration only, the words stand beside them. */
const PATHS = {
  longhaul: <path d="M3 5c2 9 6 12 18 13M9.5 14.2a2.3 2.3 0 1 0 0-.01" />,
  sun: (
    <path d="M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2v2.5M12 19.5V22M2 12h2.5M19.5 12H22M5 5l1.7 1.7M17.3 17.3 19 19M19 5l-1.7 1.7M6.7 17.3 5 19" />
  ),
  moon: <path d="M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5Z" />,
  spike: <path d="M2 19h6l4-15 4 15h6" />,
  nan: <path d="M12 3 2.5 20h19L12 3ZM12 10v4M12 17v.2" />,
  stalled: <path d="M8 5v14M16 5v14" />,
  exited: <path d="M5 5l14 14M19 5 5 19" />,
  "slow-rank": <path d="M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM12 7v5l3.5 2" />,
  diverged: <path d="M2 19h7c5 0 8-6 12-15" />,
  dropped: <path d="M2 5h8v14h11" />,
  frozen: <path d="M2 12h20M6 8v8M18 8v8" />,
  "fault-line": <path d="M4 4h16v10H4zM8 20h8M12 14v6M12 7v3" />,
  "node-fault": <path d="M4 4h16v7H4zM4 13h16v7H4zM7 7.5v.2M7 16.5v.2M13 16.5h4" />,
  unreachable: <path d="M3 3l18 18M5 12.5a10 10 0 0 1 4-2.5M14.5 10.3a10 10 0 0 1 4.5 2.2M12 20v.1" />,
  change: <path d="M3 18c6 0 6-12 12-12h6M17.5 2.5 21 6l-3.5 3.5" />,
  check: <path d="m4 13 5 5L20 6" />,
  copy: <path d="M9 9h11v11H9zM15 9V4H4v11h5" />,
  warning: <path d="M12 3 2.5 20h19L12 3ZM12 10v4M12 17v.2" />,
  lost: (
    <path d="M3 3l18 18M5 12.5a10 10 0 0 1 4-2.5M2 9a15 15 0 0 1 5-3M14.5 10.3a10 10 0 0 1 4.5 2.2M11 5a15 15 0 0 1 11 4M8.5 16a5 5 0 0 1 7 0M12 20v.1" />
  ),
  empty: <path d="M4 20V8l8-5 8 5v12M4 20h16M9 20v-6h6v6" />,
  hand: <path d="M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM12 7.5v6M12 16.5v.2" />,
  play: <path d="M7 4v16l13-8L7 4Z" />,
  stop: <path d="M6 6h12v12H6z" />,
  working: <path d="M12 3a9 9 0 1 0 9 9" />,
} as const satisfies Record<string, JSX.Element>;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg
      className={`icon icon-${name}`}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="2"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      {PATHS[name]}
    </svg>
  );
}
