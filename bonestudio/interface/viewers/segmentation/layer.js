// Over the film: the brush and its circle, the wrist's lines and the points that they hang on.
import {spoken} from "./findings.js";
import {NAMES, needed} from "./wrist.js";

const SVG = "http://www.w3.org/2000/svg";
const MEASURE = "#4cc9f0";
const SHORT = {radial_inclination: "inclination", ulnar_variance: "variance", volar_tilt: "tilt"};

export class Layer {
	#strokeFrom = null;
	#drag = null;
	#grips = new Map(); // name of a landmark -> circle

	constructor(root, bones, tell) {
		Object.assign(this, {root, bones, tell, viewer: root.viewer, canvas: root.querySelector("canvas")});
		this.svg = make("svg", {class: "sg-layer", role: "group", "aria-label": "Measurements of the wrist"});
		this.lines = make("g", {});
		this.points = make("g", {});
		this.circle = make("circle", {class: "sg-brush", r: 1});
		this.svg.append(this.lines, this.points, this.circle);
		root.querySelector(".rv-stage").append(this.svg);
		this.viewer.onchange(() => this.draw());
		bones.onchange((what) => {
			if (what === "stroke" || what === "look" || what === "film" || what === "edited") this.viewer.changed();
			this.draw();
		});
		this.listen();
	}

	get brushing() {
		return this.viewer.tool === "brush" || this.viewer.tool === "eraser";
	}

	spot(event) {
		const edge = this.canvas.getBoundingClientRect();
		return this.viewer.filmPoint({x: event.clientX - edge.left, y: event.clientY - edge.top});
	}

	listen() {
		const {canvas, bones} = this;
		canvas.addEventListener("pointerdown", (event) => {
			if (!this.brushing || !bones.film || !event.isPrimary || event.button !== 0 || event.shiftKey) return;
			bones.begin();
			this.#strokeFrom = this.spot(event);
			bones.stroke(this.#strokeFrom, this.#strokeFrom, this.viewer.tool === "eraser");
		});
		canvas.addEventListener("pointermove", (event) => {
			if (!this.#strokeFrom || !event.isPrimary) return;
			const to = this.spot(event);
			bones.stroke(this.#strokeFrom, to, this.viewer.tool === "eraser");
			this.#strokeFrom = to;
		});
		for (const name of ["pointerup", "pointercancel"]) {
			canvas.addEventListener(name, () => {
				if (!this.#strokeFrom) return;
				this.#strokeFrom = null;
				bones.finish();
				this.tell.edited();
			});
		}
		// Two dabs are not the double click that fits the film into the box.
		canvas.addEventListener("dblclick", (event) => this.brushing && event.stopImmediatePropagation(), true);
		canvas.addEventListener("pointerleave", () => this.circle.setAttribute("display", "none"));
	}

	draw() {
		const {viewer, bones} = this;
		const there = bones.film && viewer.film && viewer.view;
		this.svg.style.display = there ? "" : "none";
		this.canvas.classList.toggle("sg-brushing", this.brushing);
		if (!there) return;
		this.drawBrush();
		const lines = viewer.overlayShown && !this.brushing ? bones.lines : [];
		this.drawLines(lines);
		this.drawPoints(new Set(lines.flatMap(({row}) => needed(row.name))));
	}

	drawBrush() {
		const {viewer, bones} = this;
		const at = this.brushing && viewer.cursor ? viewer.matrix.transformPoint(viewer.cursor) : null;
		set(this.circle, {display: at ? "inline" : "none"});
		if (!at) return;
		const [r, g, b] = bones.bones[bones.chosen].colour;
		set(this.circle, {cx: at.x, cy: at.y, r: bones.radius * viewer.view.scale, stroke: viewer.tool === "eraser" ? "#fff" : `rgb(${r} ${g} ${b})`});
	}

	drawLines(measures) {
		this.lines.replaceChildren();
		const marks = this.bones.wrist.landmarks;
		if (measures.length) this.line([marks.axis_near, marks.axis_far], "sg-axis");
		for (const {row, lines, value} of measures) {
			lines.forEach((line, index) => this.line(line, index === (row.unit === "mm" ? 1 : 0) ? "sg-line" : "sg-axis"));
			const [from, to] = (row.unit === "mm" ? lines[1] : lines[0]).map((place) => this.onScreen(place));
			const label = make("text", {class: "sg-label", x: Math.max(from.x, to.x) + 12, y: (from.y + to.y) / 2 + (row.unit === "mm" ? 16 : -4)});
			label.textContent = `${SHORT[row.name]} ${spoken(value, row.unit)}`;
			this.lines.append(label);
		}
	}

	line([from, to], look) {
		const [a, b] = [this.onScreen(from), this.onScreen(to)];
		for (const kind of ["sg-rim", look]) this.lines.append(make("line", {class: kind, x1: a.x, y1: a.y, x2: b.x, y2: b.y}));
	}

	drawPoints(wanted) {
		for (const [name, grip] of this.#grips) {
			if (wanted.has(name)) continue;
			grip.remove();
			this.#grips.delete(name);
		}
		for (const name of wanted) {
			const place = this.bones.wrist.landmarks[name];
			const grip = this.#grips.get(name) ?? this.grip(name);
			const at = this.onScreen(place);
			set(grip, {cx: at.x, cy: at.y, "aria-valuetext": `row ${place[0].toFixed(0)}, column ${place[1].toFixed(0)}`});
		}
	}

	grip(name) {
		const grip = make("circle", {class: "sg-grip", r: 6, tabindex: 0, role: "slider", "aria-label": NAMES[name], "aria-valuenow": 0, "data-landmark": name, stroke: MEASURE});
		const title = make("title", {});
		title.textContent = NAMES[name];
		grip.append(title);
		grip.addEventListener("pointerdown", (event) => {
			if (event.button !== 0) return;
			event.preventDefault();
			event.stopPropagation();
			grip.focus({preventScroll: true});
			grip.setPointerCapture(event.pointerId);
			this.#drag = name;
		});
		grip.addEventListener("pointermove", (event) => {
			if (this.#drag !== name) return;
			const {x, y} = this.spot(event);
			this.move(name, [y - 0.5, x - 0.5]);
		});
		for (const end of ["pointerup", "pointercancel"]) {
			grip.addEventListener(end, () => {
				if (this.#drag !== name) return;
				this.#drag = null;
				this.moved();
			});
		}
		grip.addEventListener("keydown", (event) => {
			const step = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[event.key];
			if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
			event.preventDefault();
			event.stopPropagation();
			const size = event.shiftKey ? 5 : 1;
			const [row, column] = this.bones.wrist.landmarks[name];
			this.move(name, [row + step[0] * size, column + step[1] * size]);
			this.moved();
		});
		this.points.append(grip);
		this.#grips.set(name, grip);
		return grip;
	}

	move(name, [row, column]) {
		const {width, height} = this.bones.film;
		const within = (value, most) => Math.min(most, Math.max(0, value));
		this.bones.moveLandmark(name, [within(row, height - 1), within(column, width - 1)]);
	}

	moved() {
		this.bones.edit += 1;
		this.tell.moved();
	}

	// Fill most of the box with the lines of a measurement.
	jump(name) {
		const found = this.bones.lines.find(({row}) => row.name === name);
		if (!found) return;
		const places = needed(name).slice(1).map((need) => this.bones.wrist.landmarks[need]);
		const [rows, columns] = [0, 1].map((part) => places.map((place) => place[part]));
		const middle = (values) => (Math.min(...values) + Math.max(...values)) / 2;
		const spread = Math.max(...[rows, columns].map((values) => Math.max(...values) - Math.min(...values)), 8);
		const {viewer} = this;
		viewer.fits = false;
		viewer.view = {...viewer.view, x: middle(columns), y: middle(rows), scale: (0.35 * Math.min(viewer.box.width, viewer.box.height)) / spread};
		viewer.overlayShown = true;
		if (this.brushing) viewer.choose("window");
		viewer.changed();
	}

	// Landmarks are middles of pixels.
	onScreen([row, column]) {
		return this.viewer.matrix.transformPoint({x: column + 0.5, y: row + 0.5});
	}
}

const set = (part, told) => Object.entries(told).forEach(([name, value]) => part.setAttribute(name, value));

function make(name, told) {
	const part = document.createElementNS(SVG, name);
	set(part, told);
	return part;
}
