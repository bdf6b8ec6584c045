// The start: draw, then verify. Nothing is asked of a person before the line is known.

import { render } from "preact";
import { App } from "./app";
import { open } from "./clinic/line";
import { watch } from "./clinic/staff";
import { catchStrayDrops } from "./parts/drop";
import "./theme";
import "./style/tokens.css";
import "./style/base.css";
import "./style/layout.css";
import "./style/forms.css";
import "./style/parts.css";
import "./style/result.css";

const root = document.getElementById("app");
if (root) render(<App />, root);
catchStrayDrops();
watch();
void open();
