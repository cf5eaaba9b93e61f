// The bones of a film: a byte a pixel, a bit a bone. Nothing here knows of mice or of pages.
import {measure} from "./wrist.js";

const FILL = 150; // of 255: inside a bone; its outline is opaque
const UNDO = 12; // strokes that can be taken back

export class Bones {
	film = null; // {width, height, spacing}
	bits = null;
	bones = []; // {name, colour, shown, pixels}
	chosen = 0;
	contour = false;
	radius = 10; // of the brush, film pixels
	wrist = {view: null, landmarks: {}, measurements: []};
	dice = null;
	edit = 0; // strokes and drags since the film was opened
	answered = 0; // the last of them that the server knows
	canvas = document.createElement("canvas");
	#undo = [];
	#listeners = [];

	onchange(listener) {
		this.#listeners.push(listener);
	}

	changed(what) {
		for (const listener of this.#listeners) listener(what);
	}

	lay(film, bits, bones) {
		const before = new Map(this.bones.map(({name, shown}) => [name, shown]));
		Object.assign(this, {film, bits, edit: 0, answered: 0, dice: null});
		this.#undo = [];
		this.bones = bones.map((bone) => ({...bone, shown: before.get(bone.name) ?? true, pixels: 0}));
		this.radius = Math.max(2, Math.round(Math.max(film.width, film.height) / 80));
		[this.canvas.width, this.canvas.height] = [film.width, film.height];
		this.count();
		this.chosen = Math.max(0, this.bones.findIndex((bone) => bone.pixels));
		this.paint();
		this.changed("film");
	}

	// What the server measured; an answer to an older edit is no longer true.
	tell({view, landmarks, measurements, dice, edit}) {
		this.answered = Math.max(this.answered, edit);
		if (edit < this.edit) return;
		this.wrist = {view, landmarks: {...landmarks}, measurements};
		this.dice = dice;
		this.changed("wrist");
	}

	count() {
		const counts = new Array(this.bones.length).fill(0);
		for (const byte of this.bits) {
			for (let bone = 0, rest = byte; rest; bone += 1, rest >>= 1) counts[bone] += rest & 1;
		}
		this.bones.forEach((bone, index) => (bone.pixels = counts[index]));
	}

	get shownBits() {
		return this.bones.reduce((all, bone, index) => all | (bone.shown ? 1 << index : 0), 0);
	}

	// Colour a part of the film anew (all of it by default).
	paint({left = 0, top = 0, right = this.film.width, bottom = this.film.height} = {}) {
		const {width, height} = this.film;
		[left, top, right, bottom] = [Math.max(0, left), Math.max(0, top), Math.min(width, right), Math.min(height, bottom)];
		if (right <= left || bottom <= top) return;
		const {bits, contour, shownBits} = this;
		const thick = Math.max(1, Math.round(Math.max(width, height) / 500));
		const image = new ImageData(right - left, bottom - top);
		const pixels = new Uint32Array(image.data.buffer);
		const colours = this.bones.map(({colour: [r, g, b]}) => (b << 16) | (g << 8) | r);
		for (let row = top, at = 0; row < bottom; row += 1) {
			for (let column = left; column < right; column += 1, at += 1) {
				const here = row * width + column;
				const seen = bits[here] & shownBits;
				if (!seen) continue;
				let around = seen;
				around &= row >= thick ? bits[here - thick * width] : seen;
				around &= row + thick < height ? bits[here + thick * width] : seen;
				around &= column >= thick ? bits[here - thick] : seen;
				around &= column + thick < width ? bits[here + thick] : seen;
				const edge = seen & ~around;
				if (contour && !edge) continue;
				const bone = 31 - Math.clz32(edge || seen); // what comes later lies in front
				pixels[at] = (((edge ? 255 : FILL) << 24) | colours[bone]) >>> 0;
			}
		}
		this.canvas.getContext("2d").putImageData(image, left, top);
	}

	toggle(index) {
		this.bones[index].shown = !this.bones[index].shown;
		this.paint();
		this.changed("look");
	}

	choose(index) {
		this.chosen = (index + this.bones.length) % this.bones.length;
		this.bones[this.chosen].shown = true;
		this.paint();
		this.changed("look");
	}

	setContour(contour) {
		this.contour = contour;
		this.paint();
		this.changed("look");
	}

	setRadius(radius) {
		this.radius = Math.min(200, Math.max(1, Math.round(radius)));
		this.changed("look");
	}

	begin() {
		this.#undo.push(this.bits.slice());
		if (this.#undo.length > UNDO) this.#undo.shift();
	}

	// Paint along a line, in film pixels. Bones that are hidden stay as they are.
	stroke(from, to, erase) {
		const {bits, radius, film} = this;
		const clear = ~this.shownBits;
		const put = erase ? 0 : 1 << this.chosen;
		const steps = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / Math.max(1, radius / 2)));
		for (let step = 0; step <= steps; step += 1) {
			const x = from.x + ((to.x - from.x) * step) / steps;
			const y = from.y + ((to.y - from.y) * step) / steps;
			for (let row = Math.max(0, Math.ceil(y - radius - 0.5)); row < film.height && row + 0.5 <= y + radius; row += 1) {
				const half = Math.sqrt(Math.max(0, radius ** 2 - (row + 0.5 - y) ** 2));
				for (let column = Math.max(0, Math.ceil(x - half - 0.5)); column < film.width && column + 0.5 <= x + half; column += 1) {
					bits[row * film.width + column] = (bits[row * film.width + column] & clear) | put;
				}
			}
		}
		const reach = radius + 4 + Math.round(Math.max(film.width, film.height) / 400);
		const [left, top] = [Math.floor(Math.min(from.x, to.x) - reach), Math.floor(Math.min(from.y, to.y) - reach)];
		this.paint({left, top, right: Math.ceil(Math.max(from.x, to.x) + reach), bottom: Math.ceil(Math.max(from.y, to.y) + reach)});
		this.changed("stroke");
	}

	finish() {
		this.edit += 1;
		this.count();
		this.changed("edited");
	}

	get canUndo() {
		return this.#undo.length > 0;
	}

	undo() {
		if (!this.canUndo) return;
		this.bits = this.#undo.pop();
		this.paint();
		this.finish();
	}

	// A landmark dragged: what hangs on it is computed anew, here.
	moveLandmark(name, place) {
		this.wrist.landmarks[name] = place;
		for (const row of this.wrist.measurements) {
			const now = row.value === null ? null : measure(row.name, this.wrist.landmarks, this.film.spacing);
			if (now) row.value = now.value;
		}
		this.changed("wrist");
	}

	// Lines of each measurement that has a value: {row, lines}.
	get lines() {
		if (!this.film) return [];
		return this.wrist.measurements
			.filter((row) => row.value !== null)
			.map((row) => ({row, ...measure(row.name, this.wrist.landmarks, this.film.spacing)}))
			.filter((one) => one.lines);
	}
}
