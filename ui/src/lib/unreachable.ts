/** For the `default` of a switch over a closed choice: a new case is a compile error there. */
export function unreachable(value: never): never {
  throw new Error(`not a known case: ${JSON.stringify(value)}`);
}
