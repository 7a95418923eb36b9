import { Icon } from "../components/Icon";
import { Link } from "../components/Link";
import { Notice } from "../components/Notice";
import { RunPage } from "../features/run/RunPage";
import { RunListPage } from "../features/runs/RunListPage";
import { usePath } from "../lib/location";
import { chooseTheme, useTheme } from "../lib/theme";
import { unreachable } from "../lib/unreachable";
import { parseRoute, type Route } from "./router";

export function App() {
  return (
    <>
      <a className="skip-link" href="#main">
        Skip to content
      </a>
      <header className="top-bar">
        <Link to="/runs" className="brand">
          <Icon name="longhaul" />
          Longhaul
        </Link>
        <ThemeToggle />
      </header>
      <main id="main">
        <Page route={parseRoute(usePath())} />
      </main>
    </>
  );
}

function Page({ route }: { route: Route }) {
  switch (route.page) {
    case "runs":
      return <RunListPage />;
    case "run":
      return <RunPage key={route.id} id={route.id} />;
    case "unknown":
      return (
        <Notice kind="failed" heading={1} title="There is no such page">
          <p>
            Nothing lives at <code>{route.path}</code>. <Link to="/runs">All runs</Link>
          </p>
        </Notice>
      );
    default:
      return unreachable(route);
  }
}

function ThemeToggle() {
  const theme = useTheme();
  const other = theme === "dark" ? "light" : "dark";
  return (
    <button type="button" className="quiet icon-button" onClick={() => chooseTheme(other)}>
      <Icon name={theme === "dark" ? "sun" : "moon"} />
      <span className="visually-hidden">Use {other} colours</span>
    </button>
  );
}
