// The volume viewer's buttons, keys and read-out; the picture itself is a Scene (NiiVue, WebGL 2)
// or, where the browser cannot, a still drawn by the server.
import { ALONG, TURNS } from "./volume_keys.js";
import { LAYOUTS, Scene, loadLibrary } from "./volume_scene.js";
import { Still } from "./volume_still.js";

const remembered = new Map(); // viewer's name → where it stood when its tab was left
const NO_WEBGL =
  "This browser offers no WebGL 2, so the server draws stills; the buttons and arrow keys turn the bone.";
const NO_LIBRARY =
  "The 3D viewer was not fetched (python -m bonestudio.interface.fetch_viewer does it), so the server draws stills; the buttons and arrow keys turn the bone.";

export function mount({ element, props, watch, server, options }) {
  const viewer = new Viewer(element, props, server, options);
  watch("value", () => viewer.show(props.value));
  viewer.begin();
  element.boneViewer = viewer; // for tests and for tabs that draw beside it
}

function canDraw() {
  const gl = document.createElement("canvas").getContext("webgl2");
  gl?.getExtension("WEBGL_lose_context")?.loseContext();
  return gl !== null;
}

class Viewer {
  constructor(element, props, server, options) {
    Object.assign(this, { element, props, server, options });
    this.find = (selector) => element.querySelector(selector);
    this.stage = this.find(".bv-stage");
    this.layout = "four";
    this.pane = "axial";
    this.turns = Promise.resolve();
    this.bindButtons();
  }

  begin() {
    if (!this.options.library || !canDraw()) {
      this.still = new Still(this.element, this.server);
      this.say(this.options.library ? NO_WEBGL : NO_LIBRARY);
      this.find(".bv-layouts").hidden = this.find(".bv-cut").hidden = true;
      if (this.props.value) this.show(this.props.value);
      return;
    }
    // A canvas in a closed tab has no size: start, and start again, when it is seen.
    this.sizes = new ResizeObserver(() => {
      if (!this.element.isConnected) this.leave();
      else if (this.stage.clientWidth > 0) this.enter();
    });
    this.sizes.observe(this.stage);
  }

  enter() {
    if (this.entered) return;
    this.entered = true;
    if (this.props.value) this.show(this.props.value);
  }

  leave() {
    this.keep();
    this.sizes.disconnect();
    this.scene?.dispose();
    this.scene = null;
  }

  keep() {
    if (this.scene?.volume) {
      const { layout } = this;
      remembered.set(this.options.name, { place: this.scene.place(), layout });
    }
  }

  // One after the other: a second volume may arrive while the first is still unpacked.
  show(view) {
    this.view = view;
    this.turns = this.turns.then(() => this.draw(view)).catch((error) => this.say(error.message));
    return this.turns;
  }

  async draw(view) {
    if (!view || view !== this.view) return;
    this.fillWindows(view);
    this.badge(view);
    if (this.still) return this.still.show(view, this.chosen);
    if (!this.entered) return;
    this.wait(this.scene ? "" : "Unpacking the volume …");
    try {
      if (!this.scene) await this.build(view);
      await this.scene.show(view, this.chosen);
      const kept = remembered.get(this.options.name);
      if (kept && !this.restored) {
        this.scene.restore(kept.place);
        this.setLayout(kept.layout);
      }
      this.restored = true;
      this.element.dataset.shown = String(Number(this.element.dataset.shown ?? 0) + 1);
    } finally {
      this.wait("");
    }
  }

  async build(view) {
    const niivue = await loadLibrary(this.options.library);
    const scene = new Scene(niivue, this.find(".bv-sheet"), {
      label: view.label,
      group: this.options.group,
      onPlace: (place) => this.read(place),
    });
    for (const canvas of scene.canvases) {
      canvas.addEventListener("webglcontextlost", (event) => {
        event.preventDefault();
        if (this.scene === scene) this.recover();
      });
      canvas.addEventListener("focus", () => (this.pane = this.focused(canvas)));
      canvas.addEventListener("mousedown", (event) => (this.pane = this.paneAt(event)), true);
      canvas.addEventListener("mouseup", () => this.readWindow());
      for (const kind of ["keydown", "keyup"]) {
        // Before NiiVue's own keys, of which one opens a dialog.
        canvas.addEventListener(kind, (event) => this.key(event, kind), true);
      }
    }
    this.scene = scene;
    scene.setLayout(this.layout);
    await scene.attach();
    this.setLayout(this.layout);
  }

  // The driver took the context away (sleep, too many tabs): new canvases, the same place.
  recover() {
    this.keep();
    this.restored = false;
    this.scene.dispose();
    this.scene = null;
    if (this.props.value) this.show(this.props.value);
  }

  bindButtons() {
    for (const button of this.element.querySelectorAll("[data-layout]")) {
      button.onclick = () => this.setLayout(button.dataset.layout);
    }
    this.find(".bv-window").onchange = (event) => this.setPreset(event.target.value);
    this.find(".bv-cut").onclick = () => this.cut();
    this.find(".bv-reset").onclick = () => this.reset();
  }

  setLayout(name) {
    this.layout = name;
    for (const button of this.element.querySelectorAll("[data-layout]")) {
      button.setAttribute("aria-pressed", String(button.dataset.layout === name));
    }
    this.scene?.setLayout(name);
    const panes = LAYOUTS[name].map(({ pane }) => pane);
    if (!panes.includes(this.pane)) this.pane = panes[0];
    for (const label of this.element.querySelectorAll(".bv-pane")) {
      const tile = LAYOUTS[name].find((t) => t.pane === label.dataset.pane);
      label.hidden = !tile || Boolean(this.still);
      if (tile) {
        ["left", "top", "width", "height"].forEach((side, i) => (label.style[side] = 100 * tile.position[i] + "%"));
      }
    }
  }

  fillWindows(view) {
    this.find(".bv-bar").inert = false;
    const select = this.find(".bv-window");
    const names = Object.keys(view.windows);
    const same = this.unit === view.unit && this.chosen;
    if (!same) this.chosen = view.windows[names[0]];
    if (select.dataset.names !== names.join()) {
      const before = same ? select.value : names[0];
      select.replaceChildren(...names.map((n) => new Option(n, n)), new Option("By hand", "by hand"));
      select.dataset.names = names.join();
      select.value = names.includes(before) ? before : "by hand";
    }
    if (same && view.windows[select.value]) this.chosen = view.windows[select.value];
    this.unit = view.unit;
    this.writeWindow();
  }

  setPreset(name) {
    const range = this.view?.windows[name];
    if (!range) return;
    this.chosen = range;
    this.find(".bv-window").value = name;
    this.scene?.setWindow(range);
    if (this.still) this.still.show(this.view, range);
    this.writeWindow();
  }

  // After a drag with the right button the window is one made by hand.
  readWindow() {
    const seen = this.scene?.window();
    if (!seen || seen.every((v, i) => v === this.chosen[i])) return;
    this.chosen = seen;
    this.find(".bv-window").value = "by hand";
    this.writeWindow();
  }

  writeWindow() {
    const [low, high] = this.chosen.map((v) => this.number(v, 4));
    this.find(".bv-range").textContent = low + " to " + high + " " + (this.view.unit || "(no unit in the file)");
  }

  cut() {
    const on = !this.scene?.cutting;
    this.scene?.cut(on);
    this.find(".bv-cut").setAttribute("aria-pressed", String(on));
  }

  reset() {
    if (!this.view) return;
    if (this.scene?.cutting) this.cut();
    this.scene?.home();
    this.still?.home();
    this.setPreset(Object.keys(this.view.windows)[0]);
  }

  paneAt(event) {
    const box = this.stage.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width;
    const y = (event.clientY - box.top) / box.height;
    const inside = ({ position: [l, t, w, h] }) => x >= l && x < l + w && y >= t && y < t + h;
    return LAYOUTS[this.layout].find(inside)?.pane ?? this.pane;
  }

  focused(canvas) {
    const flat = LAYOUTS[this.layout].map(({ pane }) => pane).filter((pane) => pane !== "render");
    if (canvas === this.scene?.canvases[1]) return "render";
    return flat.includes(this.pane) ? this.pane : (flat.at(-1) ?? "axial");
  }

  key(event, kind) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab") return;
    event.stopImmediatePropagation();
    if (kind === "keyup" || !this.scene) return;
    const far = event.shiftKey ? 10 : 1;
    const along = ALONG[this.pane]?.[event.key];
    const turns = TURNS[event.key];
    const names = Object.keys(LAYOUTS);
    if (along) this.scene.move(...along.map((n) => n * far));
    else if (this.pane === "render" && turns) this.scene.turn(...turns);
    else if (event.key === "l" || event.key === "L") this.setLayout(names[(names.indexOf(this.layout) + 1) % names.length]);
    else if (event.key === "c" || event.key === "C") this.cut();
    else if (event.key === "r" || event.key === "R") this.reset();
    else if (event.key === "+" || event.key === "=") this.scene.zoom(1.2, this.pane === "render");
    else if (event.key === "-") this.scene.zoom(1 / 1.2, this.pane === "render");
    else if (/^[1-9]$/.test(event.key)) this.setPreset(Object.keys(this.view?.windows ?? {})[event.key - 1]);
    else return;
    event.preventDefault();
  }

  // The value under the crosshair, and which voxel of the file it is.
  read({ values }) {
    const view = this.view;
    if (!view || !values.length) return;
    // NiiVue counts from the patient's right, back and foot; the file from right, front and foot.
    const [, wide, deep] = this.scene.volume.dimsRAS;
    const [x, y, z] = values[0].vox;
    const small = [z, deep - 1 - y, wide - 1 - x];
    const middle = small.map((n, i) => n * view.factors[i] + (view.factors[i] - 1) / 2);
    const index = middle.map((n, i) => Math.min(view.shape[i], Math.floor(n) + 1));
    // More digits than a reader can use stay out; whole numbers stay whole.
    const found = values[0].value;
    const value = Math.abs(found) >= 1000 ? this.number(Math.round(found), 9) : this.number(found, 3);
    let said = value + " " + (view.unit || "(no unit in the file)") + " at slice " + index[0] + ", row " + index[1] + ", column " + index[2];
    if (view.measured) {
      const mm = middle.map((n, i) => (n * view.spacing[i]) / view.factors[i]);
      said += " (" + mm.map((v) => v.toFixed(view.spacing[0] < 0.5 ? 2 : 1)).join(", ") + " mm)";
    }
    if (values[1]) said += ", change " + this.number(values[1].value, 4) + " " + view.unit;
    const read = this.find(".bv-read");
    read.textContent = said;
    Object.assign(read.dataset, { value: values[0].value, index: index.join() });
  }

  number(value, digits) {
    return String(Number(Number(value).toPrecision(digits))).replace("-", "\u2212");
  }

  badge(view) {
    this.stage.dataset.oriented = String(view.oriented);
    const badge = this.find(".bv-badge");
    badge.textContent = view.badge;
    badge.hidden = !view.badge;
    this.find(".bv-note").textContent = view.note;
    const scale = this.find(".bv-scale");
    scale.hidden = !view.difference;
    const end = this.number(view.difference_range, 3);
    scale.querySelector(".bv-less").textContent = "\u2212" + end + " less";
    scale.querySelector(".bv-more").textContent = "more +" + end + " " + view.unit;
  }

  wait(text) {
    this.find(".bv-wait").textContent = text;
    this.find(".bv-wait").hidden = !text;
  }

  say(text) {
    this.find(".bv-why").textContent = text;
    this.find(".bv-why").hidden = !text;
  }
}
