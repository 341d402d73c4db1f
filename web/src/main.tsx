import { render } from "preact";
import { App } from "./app";
import "uplot/dist/uPlot.min.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/header.css";
import "./styles/notices.css";
import "./styles/board.css";
import "./styles/live-list.css";
import "./styles/charts.css";
import "./styles/side.css";
import "./styles/detail.css";
import "./styles/messages.css";
import "./styles/wall.css";

render(<App />, document.getElementById("root")!);
