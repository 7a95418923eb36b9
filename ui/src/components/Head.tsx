import type { ReactNode } from "react";

/** Heads a column of a table; columns of numbers stand to the right. */
export function Head({ number = false, children }: { number?: boolean; children: ReactNode }) {
  return (
    <th scope="col" className={number ? "number" : undefined}>
      {children}
    </th>
  );
}
