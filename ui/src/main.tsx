import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ApiProblem } from "./api/client";
import { App } from "./app/App";
import { startTheme } from "./lib/theme";
import "uplot/dist/uPlot.min.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/components.css";
import "./styles/runs.css";
import "./styles/run.css";

startTheme();

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 60_000, // live updates say when something changed
      retry: (failures, error) =>
        !(error instanceof ApiProblem && error.kind === "not-found") && failures < 2,
    },
  },
});

const root = document.getElementById("root");
if (root === null) {
  throw new Error("index.html must have an element #root");
}
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
);
