// Stills of three slices and the bone's surface, drawn by the server, for browsers without WebGL 2.

export class Still {
  constructor(element, server) {
    this.server = server;
    this.box = element.querySelector(".bv-still");
    this.picture = element.querySelector(".bv-picture");
    this.read = element.querySelector(".bv-read");
    this.element = element;
    this.box.tabIndex = 0;
    this.box.setAttribute("role", "group");
    this.angles = [30, 15];
    for (const button of this.box.querySelectorAll("[data-turn]")) {
      button.onclick = () => this.turn(...button.dataset.turn.split(",").map(Number));
    }
    this.box.addEventListener("keydown", (event) => {
      const turns = { ArrowLeft: [-30, 0], ArrowRight: [30, 0], ArrowUp: [0, 15], ArrowDown: [0, -15] };
      if (!turns[event.key]) return;
      event.preventDefault();
      this.turn(...turns[event.key]);
    });
  }

  show(view, window) {
    this.view = view;
    this.window = window;
    return this.draw();
  }

  turn(azimuth, elevation) {
    this.angles = [(this.angles[0] + azimuth + 360) % 360, Math.max(-75, Math.min(75, this.angles[1] + elevation))];
    return this.draw();
  }

  home() {
    this.angles = [30, 15];
    return this.draw();
  }

  // While one still is drawn, only the newest wish waits.
  async draw() {
    if (!this.view) return;
    this.wanted = true;
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.wanted) {
        this.wanted = false;
        const { unit, level, oriented } = this.view;
        const { path } = this.view.volume;
        const [azimuth, elevation] = this.angles;
        const said = await this.server.draw_still({ path, window: this.window, azimuth, elevation, unit, level, oriented });
        if (said.why) {
          this.read.textContent = said.why;
          continue;
        }
        this.picture.src = said.picture;
        this.picture.alt = this.view.label + ": three slices and the surface from " + azimuth + "°, " + elevation + "° above";
        this.read.textContent = "seen from " + azimuth + "°, " + elevation + "° above";
        this.box.hidden = false;
        this.element.dataset.shown = String(Number(this.element.dataset.shown ?? 0) + 1);
      }
    } finally {
      this.busy = false;
    }
  }
}
