// Two NiiVue canvases, slices and solid: what is drawn, how it is lit, where crosshair and camera are.
// Two, because a moving crosshair then redraws no rays, and the solid has colours of its own.
// Knows nothing of buttons; volume.js does.

const SLICE = { axial: 0, coronal: 1, sagittal: 2 };
export const LAYOUTS = {
  four: [
    { pane: "coronal", position: [0, 0, 0.5, 0.5] },
    { pane: "sagittal", position: [0.5, 0, 0.5, 0.5] },
    { pane: "axial", position: [0, 0.5, 0.5, 0.5] },
    { pane: "render", position: [0.5, 0.5, 0.5, 0.5] },
  ],
  axial: [{ pane: "axial", position: [0, 0, 1, 1] }],
  coronal: [{ pane: "coronal", position: [0, 0, 1, 1] }],
  sagittal: [{ pane: "sagittal", position: [0, 0, 1, 1] }],
  render: [{ pane: "render", position: [0, 0, 1, 1] }],
};
const CYAN = [76 / 255, 201 / 255, 240 / 255, 1];
// The camera is that of the still at azimuth 30, elevation 15.
const HOME = { azimuth: 150, elevation: 15, scale: 1, crosshair: [0.5, 0.5, 0.5], pan: [0, 0, 0, 1] };
const DRAG = { pan: 3, crosshair: 8, windowing: 9 };
const linked = new Map(); // group name → scenes whose cameras and crosshairs go together

let library; // one promise for the page
export function loadLibrary(url) {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => resolve(window.niivue);
    script.onerror = () => {
      library = undefined;
      reject(new Error("the viewer's code could not be loaded"));
    };
    document.head.append(script);
  });
  return library;
}

function canvasIn(sheet, name, label) {
  const frame = document.createElement("div");
  frame.className = "bv-" + name;
  const canvas = document.createElement("canvas");
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", label);
  frame.append(canvas);
  sheet.append(frame);
  return canvas;
}

export class Scene {
  constructor(niivue, sheet, { label, group, onPlace }) {
    this.niivue = niivue;
    this.group = group;
    this.cutting = false;
    const common = {
      isRadiologicalConvention: true,
      sagittalNoseLeft: true,
      isOrientationTextVisible: false, // written by volume.js, clear of the crosshair
      backColor: [0, 0, 0, 1],
      dragAndDropEnabled: false,
      logLevel: "error",
      loadingText: "",
    };
    this.slices = new niivue.Niivue({
      ...common,
      crosshairWidth: 0.3,
      crosshairWidthUnit: "percent",
      crosshairColor: CYAN,
    });
    this.solid = new niivue.Niivue({
      ...common,
      sliceType: 4,
      crosshairWidth: 0,
      clipPlaneColor: [0, 0, 0, 0],
      gradientOrder: 2,
    });
    sheet.replaceChildren();
    this.canvases = [
      canvasIn(sheet, "slices", label + ", slices. Arrow keys move the crosshair, Page Up and Page Down the slice."),
      canvasIn(sheet, "solid", label + ", 3D. Arrow keys turn it, plus and minus zoom."),
    ];
    this.slices.setMouseEventConfig({
      leftButton: { primary: DRAG.crosshair, withShift: DRAG.pan, withCtrl: DRAG.windowing },
      rightButton: DRAG.windowing,
      centerButton: DRAG.pan,
    });
    this.slices.onLocationChange = (place) => {
      if (this.cutting) this.aimCut();
      onPlace(place);
    };
    for (const canvas of this.canvases) {
      for (const kind of ["mousemove", "touchmove", "wheel", "mouseup"]) {
        canvas.addEventListener(kind, (event) => (kind !== "mousemove" || event.buttons) && this.share());
      }
    }
  }

  async attach() {
    await this.slices.attachToCanvas(this.canvases[0], true);
    await this.solid.attachToCanvas(this.canvases[1], true);
    await this.solid.setVolumeRenderIllumination(0.6);
    if (this.group && !linked.has(this.group)) linked.set(this.group, new Set());
    const others = linked.get(this.group);
    // Whoever comes later looks from where the others look.
    const first = [...(others ?? [])].find((other) => other.volume);
    this.restore(first?.place() ?? HOME);
    others?.add(this);
  }

  // Camera, zoom and crosshair go to the other viewers of the group, once a frame at most.
  share() {
    if (!this.group || this.sharing) return;
    this.sharing = true;
    requestAnimationFrame(() => {
      this.sharing = false;
      for (const other of linked.get(this.group) ?? []) {
        if (other !== this && other.volume) other.restore(this.place());
      }
    });
  }

  // Show a volume; the camera, the crosshair (as fractions) and the cut stay where they were.
  async show(view, window) {
    const kept = this.volume ? this.place() : null;
    const { NVImage } = this.niivue;
    const volume = await NVImage.loadFromUrl({ url: view.volume.url, name: "volume.nii.gz" });
    let overlay = null;
    if (view.difference) {
      overlay = await NVImage.loadFromUrl({ url: view.difference.url, name: "difference.nii.gz" });
    }
    const body = volume.clone();
    body.img = volume.img; // the same voxels: no second copy
    this.volume = volume;
    this.paint([volume, body], view, window);
    this.slices.volumes = [];
    this.slices.addVolume(volume);
    if (overlay) this.addDifference(overlay, view.difference_range);
    this.solid.volumes = [];
    this.solid.addVolume(body);
    if (kept) this.restore(kept);
    else this.slices.createOnLocationChange();
  }

  // Slices are grey between the ends of the window; the solid is ivory from the surface upwards.
  paint([volume, body], view, [low, high]) {
    volume.colormap = "gray";
    [volume.cal_min, volume.cal_max] = [low, high];
    const top = Math.max(view.top, view.level + 1e-3);
    this.solid.addColormap("bone_solid", {
      R: [150, 214, 255], G: [132, 200, 248], B: [112, 172, 232], A: [0, 150, 255], I: [0, 64, 255],
    });
    body.colormap = "bone_solid";
    [body.cal_min, body.cal_max] = [view.level - 0.12 * (top - view.level), top];
  }

  addDifference(overlay, range) {
    const ramp = (name, [r, g, b]) =>
      this.slices.addColormap(name, { R: [0, r / 3, r], G: [0, g / 3, g], B: [0, b / 3, b], A: [0, 255, 255], I: [0, 1, 255] });
    ramp("bone_more", [255, 64, 70]);
    ramp("bone_less", [74, 125, 255]);
    overlay.colormap = "bone_more";
    overlay.colormapNegative = "bone_less";
    [overlay.cal_min, overlay.cal_max] = [0.1 * range, range];
    [overlay.cal_minNeg, overlay.cal_maxNeg] = [-range, -0.1 * range];
    overlay.opacity = 0.6;
    this.slices.addVolume(overlay);
  }

  setWindow([low, high]) {
    if (!this.volume) return;
    [this.volume.cal_min, this.volume.cal_max] = [low, high];
    this.slices.updateGLVolume();
  }

  window() {
    return this.volume ? [this.volume.cal_min, this.volume.cal_max] : null;
  }

  setLayout(name) {
    const [slices, solid] = this.canvases.map((canvas) => canvas.parentElement);
    const flat = LAYOUTS[name].filter(({ pane }) => pane !== "render");
    const deep = LAYOUTS[name].find(({ pane }) => pane === "render");
    slices.hidden = flat.length === 0;
    solid.hidden = !deep;
    ["left", "top", "width", "height"].forEach((side, i) => {
      solid.style[side] = 100 * (deep?.position[i] ?? 0) + "%";
    });
    if (flat.length) {
      this.slices.setCustomLayout(flat.map(({ pane, position }) => ({ sliceType: SLICE[pane], position })));
    }
  }

  // Voxels as the file counts them: +x a column on, +y a row on, +z a slice on.
  move(x, y, z) {
    if (this.volume) this.slices.moveCrosshairInVox(-x, -y, z);
    this.share();
  }

  turn(azimuth, elevation) {
    const { renderAzimuth, renderElevation } = this.solid.scene;
    const up = Math.max(-89, Math.min(89, renderElevation + elevation));
    this.solid.setRenderAzimuthElevation((renderAzimuth + azimuth + 360) % 360, up);
    this.share();
  }

  zoom(factor, deep) {
    if (deep) {
      this.solid.setScale(Math.max(0.3, Math.min(8, this.solid.scene.volScaleMultiplier * factor)));
    } else {
      const [x, y, z, old] = this.slices.scene.pan2Dxyzmm;
      this.slices.setPan2Dxyzmm([x, y, z, Math.max(0.5, Math.min(20, old * factor))]);
    }
    this.share();
  }

  home() {
    this.restore(HOME);
    this.share();
  }

  cut(on) {
    this.cutting = on;
    if (on) this.aimCut();
    else this.solid.setClipPlane([2, 0, 0]);
  }

  // The plane of the coronal slice: what lies in front of the crosshair is taken away.
  aimCut() {
    this.solid.setClipPlane([this.slices.scene.crosshairPos[1] - 0.5, 180, 0]);
  }

  place() {
    const { renderAzimuth, renderElevation, volScaleMultiplier } = this.solid.scene;
    const { crosshairPos, pan2Dxyzmm } = this.slices.scene;
    return {
      azimuth: renderAzimuth,
      elevation: renderElevation,
      scale: volScaleMultiplier,
      crosshair: [...crosshairPos],
      pan: [...pan2Dxyzmm],
    };
  }

  restore(kept) {
    this.slices.scene.crosshairPos = [...kept.crosshair];
    this.slices.scene.pan2Dxyzmm = [...kept.pan];
    this.solid.scene.volScaleMultiplier = kept.scale;
    this.solid.setRenderAzimuthElevation(kept.azimuth, kept.elevation);
    this.slices.drawScene();
    if (this.volume) this.slices.createOnLocationChange();
  }

  dispose() {
    linked.get(this.group)?.delete(this);
    for (const nv of [this.slices, this.solid]) {
      nv.cleanup();
      nv.canvas.getContext("webgl2")?.getExtension("WEBGL_lose_context")?.loseContext();
      nv.canvas.parentElement.remove();
    }
  }
}
