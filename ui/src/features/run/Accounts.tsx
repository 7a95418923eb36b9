import type { Goodput } from "../../api/types";
import { Section } from "../../components/Section";
import { StackedBar } from "../../components/StackedBar";
import { amount, count, duration, percent } from "../../lib/format";
import { buildAccounts } from "./buildAccounts";

/** Where every rank's every second went. */
export function Accounts({ goodput }: { goodput: Goodput }) {
  const rows = buildAccounts(goodput);
  const tokens: [string, number, string][] = [
    ["kept", goodput.tokensKept, "their update is part of the weights"],
    ["discarded", goodput.tokensLost, "their update was thrown away"],
    ["redone", goodput.tokensRedone, "of the discarded, trained on once more"],
    ["skipped", goodput.tokensSkipped, "not read again: suspect data"],
  ];
  return (
    <Section
      id="accounts"
      title="Where the time went"
      aside={
        <span
          className="headline-figure"
          title="effective training time ratio: kept training over all rank time"
        >
          ETTR <b>{percent(goodput.ettr)}</b>
        </span>
      }
    >
      <StackedBar segments={rows} label="Rank time by account" />
      <table className="accounts">
        <caption className="visually-hidden">Rank time by account</caption>
        <tbody>
          {rows.map((row) => (
            <tr
              key={row.key}
              className={row.rankSeconds === 0 ? "none" : ""}
              data-account={row.key}
              data-seconds={row.rankSeconds}
            >
              <th scope="row" title={row.meaning}>
                <span className={`swatch segment-${row.key}`} />
                {row.label}
                <small>{row.meaning}</small>
              </th>
              <td className="number">{row.rankSeconds === 0 ? "–" : duration(row.rankSeconds)}</td>
              <td className="number">{row.rankSeconds === 0 ? "" : percent(row.share)}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr data-account="total" data-seconds={goodput.totalSeconds}>
            <th scope="row">Rank time in all</th>
            <td className="number">{duration(goodput.totalSeconds)}</td>
            <td className="number">{goodput.totalSeconds > 0 ? "100 %" : ""}</td>
          </tr>
        </tfoot>
      </table>
      <h3>Tokens</h3>
      <dl className="tiles small-tiles">
        {tokens.map(([name, value, meaning]) => (
          <div key={name} title={`${count(value)} tokens`}>
            <dt>{name}</dt>
            <dd>{amount(value)}</dd>
            <dd className="note">{meaning}</dd>
          </div>
        ))}
      </dl>
    </Section>
  );
}
