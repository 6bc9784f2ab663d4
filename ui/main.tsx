import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./page/app.tsx";
import { Breakdown } from "./page/breakdown.tsx";
// Later sheets refine earlier ones: tokens first, the narrow screen last.
import "./page/tokens.css";
import "./page/controls.css";
import "./page/panels.css";
import "./page/page.css";
import "./page/services.css";
import "./query/filter.css";
import "./timeline/timeline.css";
import "./page/answer.css";
import "./table/table.css";
import "./flame/flame.css";
import "./page/no-answer.css";
import "./page/narrow.css";

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <Breakdown>
      <App />
    </Breakdown>
  </StrictMode>,
);
