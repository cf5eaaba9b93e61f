// The break as a handle over a radiograph viewer: drag the line along the bone, its ends to tilt it.
import {boxOf, whenSeen} from "../shared.js";
import {across, ends, levelAt, obliquityAt} from "./geometry.js";

const STEP_MS = 200; // between two questions to the server while a hand is still dragging
const ANSWER_MS = 4000; // for so long an answer to an older question does not move the line back
const SVG = "http://www.w3.org/2000/svg";

export async function mount(element, props, watch, tell) {
	const root = await boxOf(props.viewer);
	const handle = new Handle(root, tell.moved);
	root.fractureLine = handle; // for tests
	watch("value", () => handle.show(props.value));
	handle.show(props.value);
	whenSeen(root, () => tell.open());
}

class Handle {
	value = null;
	level = 0;
	obliquity = 0;
	#drag = null;
	#timer = null;
	#asked = null; // what the server was asked last, and when

	constructor(root, moved) {
		this.viewer = root.viewer;
		this.canvas = root.querySelector("canvas");
		this.moved = moved;
		this.svg = make("svg", {class: "fl", role: "group", "aria-label": "The break"});
		this.bone = make("line", {class: "fl-bone"});
		this.body = make("g", {class: "fl-body", tabindex: 0, role: "slider", "aria-label": "Level of the break"});
		this.body.append(make("line", {class: "fl-reach"}));
		for (const look of ["fl-rim", "fl-line"]) this.body.append(make("line", {class: look}), make("line", {class: look}));
		this.grips = [1, -1].map((sign) => {
			const grip = make("circle", {class: "fl-grip", r: 7, tabindex: sign === 1 ? 0 : -1, role: "slider", "aria-label": "Obliquity of the break"});
			this.listen(grip, {kind: "tilt", sign});
			return grip;
		});
		this.listen(this.body, {kind: "level"});
		this.label = make("text", {class: "fl-label"});
		this.svg.append(this.bone, this.body, ...this.grips, this.label);
		root.querySelector(".rv-stage").append(this.svg);
		this.viewer.onchange(() => this.draw());
	}

	show(value) {
		this.value = value ?? null;
		if (value && !this.#drag && !this.#timer && !this.late(value)) [this.level, this.obliquity] = [value.level, value.obliquity];
		this.draw();
	}

	late({level, obliquity}) {
		const asked = this.#asked;
		return asked && Date.now() - asked.at < ANSWER_MS && (asked.level !== level || asked.obliquity !== obliquity);
	}

	draw() {
		const {value, viewer} = this;
		this.svg.style.display = value && viewer.film && viewer.view && viewer.overlayShown ? "" : "none";
		if (!value || !viewer.film || !viewer.view) return;
		const {from, near, far, to, low, high} = ends(value, this.level, this.obliquity);
		const [a, n, f, b, l, h] = [from, near, far, to, low, high].map((point) => viewer.matrix.transformPoint(point));
		place(this.bone, l, h);
		const parts = [[a, b], [a, n], [f, b], [a, n], [f, b]];
		[...this.body.children].forEach((line, index) => place(line, ...parts[index]));
		this.grips.forEach((grip, index) => set(grip, {cx: [b, a][index].x, cy: [b, a][index].y}));
		const right = a.x > b.x ? a : b;
		set(this.label, {x: Math.min(right.x + 14, viewer.box.width - 120), y: Math.max(16, right.y + 4)});
		this.label.textContent = `${Math.round(this.level * 100)} % · ${Math.round(this.obliquity)}°`;
		const tilts = across(value);
		for (const grip of this.grips) {
			grip.style.display = tilts ? "" : "none";
			range(grip, value.obliquities, this.obliquity, `${Math.round(this.obliquity)} degrees`);
		}
		range(this.body, value.levels, this.level, `${Math.round(this.level * 100)} per cent of the way to the wrist`);
	}

	listen(part, what) {
		part.addEventListener("pointerdown", (event) => {
			if (event.button !== 0) return;
			event.preventDefault();
			event.stopPropagation();
			part.focus({preventScroll: true});
			part.setPointerCapture(event.pointerId);
			this.#drag = {...what, start: this.spot(event), level: this.level};
		});
		part.addEventListener("pointermove", (event) => {
			if (!this.#drag) return;
			const {kind, start, level, sign} = this.#drag;
			const point = this.spot(event);
			if (kind === "level") this.set(levelAt(this.value, level, start, point), this.obliquity);
			else this.set(this.level, obliquityAt(this.value, this.level, point, sign));
		});
		for (const name of ["pointerup", "pointercancel"]) {
			part.addEventListener(name, () => {
				this.#drag = null;
			});
		}
		part.addEventListener("keydown", (event) => {
			const step = {ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1}[event.key];
			if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
			event.preventDefault();
			const size = event.shiftKey ? 5 : 1;
			if (what.kind === "level") this.set(clamp(this.level + step * size * 0.01, this.value.levels), this.obliquity);
			else this.set(this.level, clamp(this.obliquity + step * size, this.value.obliquities));
		});
	}

	spot(event) {
		const edge = this.canvas.getBoundingClientRect();
		return this.viewer.filmPoint({x: event.clientX - edge.left, y: event.clientY - edge.top});
	}

	// The line moves at once; the server is asked now and then, and when the hand rests.
	set(level, obliquity) {
		if (level === this.level && obliquity === this.obliquity) return;
		[this.level, this.obliquity] = [level, obliquity];
		this.draw();
		this.#timer ??= setTimeout(() => {
			this.#timer = null;
			const told = {level: Number(this.level.toFixed(3)), obliquity: Number(this.obliquity.toFixed(1))};
			this.#asked = {...told, at: Date.now()};
			this.moved(told);
		}, STEP_MS);
	}
}

const clamp = (number, [low, high]) => Math.min(high, Math.max(low, number));
const set = (part, told) => Object.entries(told).forEach(([name, value]) => part.setAttribute(name, value));
const place = (line, a, b) => set(line, {x1: a.x, y1: a.y, x2: b.x, y2: b.y});
const range = (part, [low, high], now, text) =>
	set(part, {"aria-valuemin": low, "aria-valuemax": high, "aria-valuenow": Number(now.toFixed(3)), "aria-valuetext": text});

function make(name, told) {
	const part = document.createElementNS(SVG, name);
	set(part, told);
	return part;
}
