import { useEffect, useState } from "react";
import { Icon } from "./Icon";

export function CopyButton({ text, what }: { text: string; what: string }) {
  const [said, setSaid] = useState("");
  useEffect(() => {
    const timer = said === "" ? undefined : setTimeout(() => setSaid(""), 2500);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid("Copied");
    } catch {
      setSaid("The browser refused; select the text instead"); // plain http from another machine
    }
  };
  return (
    <span className="copy">
      <button type="button" className="quiet" onClick={copy}>
        <Icon name="copy" />
        Copy<span className="visually-hidden"> {what}</span>
      </button>
      <span role="status">{said}</span>
    </span>
  );
}
