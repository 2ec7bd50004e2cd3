"use strict";
// Draws the page's curves, as SVG, from the numbers in the page. All plots show the same steps.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const onset = data.marks.find((mark) => mark.onset);
  const everything = { from: 0, to: Math.max(data.last, 1) };
  let view = everything; // the steps that are shown
  let cursor = null; // the step that is read out
  const HEIGHT = 260;
  const MARGIN = { left: 62, right: 14, top: 20, bottom: 26 };
  const KEY_MOVE = 0.01; // of what is shown
  const SHORTEST = 4; // steps
  const DRAG = 5; // pixels that make a click a drag
  const DOTS = 60; // values, up to which each has a dot

  const svg = (name, attributes, parent) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (parent) parent.append(element);
    return element;
  };
  const whole = (step) => Math.round(step).toString().replace(/\B(?=(\d{3})+$)/g, ",");
  const short = (value) => {
    if (value === null) return "not finite";
    const size = Math.abs(value);
    return size !== 0 && (size < 1e-4 || size >= 1e6) ? value.toExponential(2) : String(Number(value.toPrecision(4)));
  };
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  // The first index whose step is not below `step`.
  const indexOf = (steps, step) => {
    let [low, high] = [0, steps.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (steps[middle] < step) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  // What is shown of a line, and a neighbour on either side.
  const shown = (line) => [
    Math.max(indexOf(line.step, view.from) - 1, 0),
    Math.min(indexOf(line.step, view.to) + 2, line.step.length),
  ];

  // The same in at most one stretch a pixel.
  const merged = (line, x) => {
    const stretches = [];
    let last = null;
    for (let [i, end] = shown(line); i < end; i++) {
      const mean = line.mean[i];
      const [low, high] = line.low ? [line.low[i], line.high[i]] : [mean, mean];
      if (last === null || x(line.step[i]) - last.x >= 1) {
        last = { x: x(line.step[i]), low, high, sum: mean, count: 1 };
        stretches.push(last);
        continue;
      }
      last.low = last.low === null || low === null ? last.low ?? low : Math.min(last.low, low);
      last.high = last.high === null || high === null ? last.high ?? high : Math.max(last.high, high);
      last.sum = last.sum === null || mean === null ? null : last.sum + mean;
      last.count += 1;
    }
    return stretches;
  };

  const linearTicks = (low, high, count) => {
    const rough = (high - low) / count;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((width) => width >= rough);
    const ticks = [];
    for (let n = Math.ceil(low / step); n * step <= high * (1 + 1e-9); n++) ticks.push(Number((n * step).toPrecision(12)));
    return ticks;
  };

  const logTicks = (low, high) => {
    const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
    const decades = Math.log10(high / low);
    const every = Math.ceil(decades / 6);
    const factors = decades < 1.2 ? [1, 1.5, 2, 3, 4, 5, 6, 8] : decades < 2.5 ? [1, 2, 5] : [1];
    const ticks = [];
    for (let n = first; n <= last; n++) {
      if (n % every === 0) ticks.push(...factors.map((factor) => Number(`${factor}e${n}`)));
    }
    const inside = ticks.filter((tick) => tick >= low && tick <= high);
    return inside.length >= 2 ? inside : linearTicks(low, high, 4);
  };

  // The smallest and largest value that a plot shows, with some room.
  const range = (plot) => {
    let [low, high] = [Infinity, -Infinity];
    const see = (value) => {
      if (value === null || (plot.log && value <= 0)) return;
      low = Math.min(low, value);
      high = Math.max(high, value);
    };
    for (const line of plot.lines) {
      for (let [i, end] = shown(line); i < end; i++) [line.low ?? line.mean, line.high ?? line.mean].forEach((of) => see(of[i]));
    }
    if (view === everything) plot.levels.forEach(see);
    if (low > high) return plot.log ? [0.1, 1] : [0, 1];
    if (plot.log) return [low / 1.1, high * 1.1];
    const room = 0.05 * (high - low) || Math.abs(high) * 0.05 || 1;
    return [low >= 0 ? 0 : low - room, high + room];
  };

  class Plot {
    constructor(spec) {
      this.spec = spec;
      this.picture = document.querySelector(`#${spec.id} .picture`);
      this.readout = document.querySelector(`#${spec.id} .readout`);
      this.listen();
    }

    x(step) {
      return MARGIN.left + ((step - view.from) / (view.to - view.from)) * (this.width - MARGIN.left - MARGIN.right);
    }

    stepAt(clientX) {
      const box = this.picture.getBoundingClientRect();
      const share = ((clientX - box.left) / box.width * this.width - MARGIN.left) / (this.width - MARGIN.left - MARGIN.right);
      return view.from + clamp(share, 0, 1) * (view.to - view.from);
    }

    draw() {
      this.width = Math.max(this.picture.clientWidth, 240);
      const [low, high] = range(this.spec);
      const height = this.spec.log ? (value) => Math.log(Math.max(value, low) / low) / Math.log(high / low) : (value) => (value - low) / (high - low);
      this.y = (value) => HEIGHT - MARGIN.bottom - height(value) * (HEIGHT - MARGIN.top - MARGIN.bottom);
      this.root = svg("svg", { viewBox: `0 0 ${this.width} ${HEIGHT}`, "aria-hidden": "true" });
      this.axes(low, high);
      const clip = svg("clipPath", { id: `${this.spec.id}-clip` }, this.root);
      svg("rect", { x: MARGIN.left, y: 0, width: this.width - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.bottom }, clip);
      this.inside = svg("g", { "clip-path": `url(#${this.spec.id}-clip)` }, this.root);
      const lines = this.spec.lines.map((line) => [line, merged(line, (step) => this.x(step))]);
      lines.forEach(([line, stretches]) => this.band(line, stretches));
      this.spec.levels.filter((value) => value >= low && value <= high).forEach((value) => {
        svg("line", { class: "level", x1: 0, x2: this.width, y1: this.y(value), y2: this.y(value) }, this.inside);
      });
      lines.forEach(([line, stretches]) => this.curve(line, stretches));
      this.marks();
      this.selection = svg("rect", { class: "selection", y: MARGIN.top, height: HEIGHT - MARGIN.top - MARGIN.bottom, width: 0 }, this.inside);
      this.cursor = svg("line", { class: "cursor", y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom }, this.inside);
      this.picture.replaceChildren(this.root);
      this.read();
    }

    axes(low, high) {
      const right = this.width - MARGIN.right;
      for (const tick of this.spec.log ? logTicks(low, high) : linearTicks(low, high, 4)) {
        const y = this.y(tick);
        svg("line", { class: "grid", x1: MARGIN.left, x2: right, y1: y, y2: y }, this.root);
        svg("text", { x: MARGIN.left - 6, y: y + 4, "text-anchor": "end" }, this.root).textContent = short(tick);
      }
      const ticks = linearTicks(view.from, view.to, clamp(this.width / 110, 2, 8)).filter(Number.isInteger);
      for (const tick of ticks) {
        const x = this.x(tick);
        svg("line", { class: "grid", x1: x, x2: x, y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom }, this.root);
        const anchor = x > right - 20 ? "end" : "middle";
        svg("text", { x, y: HEIGHT - 8, "text-anchor": anchor }, this.root).textContent = whole(tick);
      }
    }

    band(line, stretches) {
      const point = (stretch, value) => `${stretch.x.toFixed(1)},${this.y(value).toFixed(1)}`;
      let path = "";
      let there = [];
      const close = () => {
        if (there.length === 0) return;
        const back = there.toReversed();
        path += `M${there.map((stretch) => point(stretch, stretch.high)).join("L")}L${back.map((stretch) => point(stretch, stretch.low)).join("L")}Z`;
        there = [];
      };
      for (const stretch of stretches) {
        if (stretch.low === null || stretch.high === null) close();
        else there.push(stretch);
      }
      close();
      svg("path", { class: `band colour-${line.colour}`, d: path }, this.inside);
    }

    curve(line, stretches) {
      const colour = `colour-${line.colour}`;
      let path = "";
      let pen = "M";
      for (const stretch of stretches) {
        if (stretch.sum === null) {
          pen = "M";
          continue;
        }
        const [x, y] = [stretch.x.toFixed(1), this.y(stretch.sum / stretch.count).toFixed(1)];
        path += `${pen}${x},${y}`;
        pen = "L";
        if (stretches.length <= DOTS) svg("circle", { class: `dot ${colour}`, cx: x, cy: y, r: 2.5 }, this.inside);
      }
      svg("path", { class: `curve ${colour}${line.dashed ? " dashed" : ""}`, d: path }, this.inside);
    }

    marks() {
      let free = -Infinity; // where the next label has room
      for (const mark of data.marks) {
        const x = this.x(mark.step);
        if (x < MARGIN.left || x > this.width) continue;
        const kind = mark.colour === null ? (mark.onset ? " onset" : "") : ` run colour-${mark.colour}`;
        const line = svg("line", { class: `mark${kind}`, x1: x, x2: x, y1: MARGIN.top - 4, y2: HEIGHT - MARGIN.bottom }, this.inside);
        svg("title", {}, line).textContent = mark.label;
        const width = 6.2 * mark.label.length;
        const left = clamp(x - width / 2, MARGIN.left, this.width - MARGIN.right - width);
        if (left < free || left < MARGIN.left) continue;
        svg("text", { class: kind, x: left, y: 11 }, this.inside).textContent = mark.label;
        free = left + width + 8;
      }
    }

    // Moves the line to the cursor and says what is there.
    read() {
      this.cursor.setAttribute("visibility", cursor === null ? "hidden" : "visible");
      if (cursor === null) {
        this.readout.textContent = "\u00a0";
        return;
      }
      this.cursor.setAttribute("x1", this.x(cursor));
      this.cursor.setAttribute("x2", this.x(cursor));
      const values = this.spec.lines.filter((line) => line.step.at(-1) >= cursor).map((line) => {
        const i = indexOf(line.step, cursor);
        // A line without a band has single values: the next one may be some steps away.
        const step = !line.low && line.step[i] !== cursor ? ` at ${whole(line.step[i])}` : "";
        const bounds = line.low && line.low[i] !== line.high[i] ? ` (${short(line.low[i])} to ${short(line.high[i])})` : "";
        return `${line.name}${line.dashed ? " (test)" : ""} ${short(line.mean[i])}${bounds}${step}`;
      });
      this.readout.textContent = `${data.unit} ${whole(cursor)}: ${values.join(" · ")}`;
    }

    listen() {
      let start = null; // where a drag began
      this.picture.addEventListener("pointerdown", (event) => {
        if (event.button !== 0) return;
        start = event.clientX;
        if (event.isTrusted) this.picture.setPointerCapture(event.pointerId);
      });
      this.picture.addEventListener("pointermove", (event) => {
        moveTo(this.stepAt(event.clientX));
        if (start === null) return;
        const [from, to] = [start, event.clientX].map((at) => this.x(this.stepAt(at))).sort((a, b) => a - b);
        this.selection.setAttribute("x", from);
        this.selection.setAttribute("width", to - from);
      });
      this.picture.addEventListener("pointerup", (event) => {
        if (start === null) return;
        const [from, to] = [start, event.clientX].map((at) => this.stepAt(at)).sort((a, b) => a - b);
        const dragged = Math.abs(event.clientX - start) >= DRAG;
        start = null;
        this.selection.setAttribute("width", 0);
        if (dragged) show(from, to);
      });
      this.picture.addEventListener("pointercancel", () => {
        start = null;
        this.selection.setAttribute("width", 0);
      });
      this.picture.addEventListener("pointerleave", () => start === null && moveTo(null));
      this.picture.addEventListener("dblclick", () => show(0, Infinity));
      this.picture.addEventListener("keydown", (event) => this.key(event));
      // Only what the keyboard does is read out aloud; a mouse would say too much.
      this.picture.addEventListener("keydown", () => this.readout.setAttribute("aria-live", "polite"));
      this.picture.addEventListener("blur", () => this.readout.removeAttribute("aria-live"));
    }

    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const at = cursor ?? (view.from + view.to) / 2;
      const width = view.to - view.from;
      const move = Math.max(Math.round(width * KEY_MOVE * (event.shiftKey ? 10 : 1)), 1);
      const zoom = (factor) => show(at - (at - view.from) * factor, at + (view.to - at) * factor);
      const actions = {
        ArrowLeft: () => moveTo(at - move),
        ArrowRight: () => moveTo(at + move),
        Home: () => moveTo(view.from),
        End: () => moveTo(view.to),
        "+": () => zoom(0.5),
        "=": () => zoom(0.5),
        "-": () => zoom(2),
        Escape: () => show(0, Infinity),
      };
      if (!actions[event.key]) return;
      event.preventDefault();
      actions[event.key]();
    }
  }

  const plots = data.plots.filter((spec) => spec.lines.length > 0).map((spec) => new Plot(spec));

  const moveTo = (step) => {
    cursor = step === null ? null : Math.round(clamp(step, view.from, view.to));
    plots.forEach((plot) => plot.read());
  };

  // Shows these steps in all plots.
  const show = (from, to) => {
    const middle = clamp((from + Math.min(to, everything.to)) / 2, 0, everything.to);
    from = Math.max(Math.min(Math.floor(from), Math.floor(middle - SHORTEST / 2)), 0);
    to = Math.min(Math.max(Math.ceil(to), from + SHORTEST), everything.to);
    view = from <= 0 && to >= everything.to ? everything : { from, to };
    if (cursor !== null) cursor = clamp(cursor, view.from, view.to);
    redraw();
  };

  const redraw = () => {
    plots.forEach((plot) => plot.draw());
    const status = document.getElementById("view");
    if (status) status.textContent = view === everything ? "" : `${data.unit}s ${whole(view.from)} to ${whole(view.to)}`;
  };

  const buttons = document.querySelector(".buttons");
  if (buttons && plots.length > 0) {
    buttons.hidden = false;
    const around = () => show(onset.step - 150, onset.step + 150);
    buttons.querySelector('[data-show="all"]').addEventListener("click", () => show(0, Infinity));
    const button = buttons.querySelector('[data-show="onset"]');
    if (onset) button.addEventListener("click", around);
    else button.remove();
  }
  addEventListener("resize", redraw);
  redraw();
})();
