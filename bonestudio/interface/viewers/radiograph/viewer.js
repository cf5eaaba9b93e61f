// One viewer: what it shows, how, and the steps that change it. Nothing here knows of mice or keys.
import {loadFilm, loadOverlay, paint, greyAt, WHITE} from "./film.js";
import {fitted, onScreen, orientationMark, panned, toScreen, turned, UPRIGHT, zoomed} from "./geometry.js";
import {labelOf, POINTS_OF, valueOf} from "./measure.js";
import {dragged, presetWindow} from "./presets.js";

export class Viewer {
	films = [];
	overlays = [];
	view = null;
	window = {low: 0, high: WHITE};
	preset = 1;
	invert = false;
	tool = "window";
	measures = [];
	draft = null; // a measurement that lacks points
	cursor = null; // film point under the pointer or moved by the arrow keys
	wipe = 0.5; // share of the box left of the edge
	opacity = 0.5;
	overlayShown = true;
	fits = true; // the film is to fill the box whatever the box does
	message = "";
	box = {width: 0, height: 0};
	#listeners = [];
	#latest = 0;
	#shown = null;

	onchange(listener) {
		this.#listeners.push(listener);
	}

	changed() {
		for (const listener of this.#listeners) listener(this);
	}

	get film() {
		return this.films[0] ?? null;
	}

	// The newest value wins when an older one takes longer to arrive.
	async show(value) {
		const key = JSON.stringify(value ?? null);
		if (key === this.#shown) {
			this.changed();
			return;
		}
		this.#shown = key;
		const turn = (this.#latest += 1);
		if (!value?.films?.length) {
			this.films = [];
			this.changed();
			return;
		}
		this.message = this.film ? this.message : "Loading …";
		this.changed();
		try {
			const films = await Promise.all(value.films.map(loadFilm));
			const overlays = await Promise.all((value.overlays ?? []).map(loadOverlay));
			if (turn !== this.#latest) return;
			this.lay(films, overlays, value.keepView);
		} catch (error) {
			if (turn !== this.#latest) return;
			this.message = error.message;
		}
		this.changed();
	}

	lay(films, overlays = [], keepView = false) {
		const kept = keepView && this.film && this.film.width === films[0].width && this.film.height === films[0].height;
		this.films = films;
		this.overlays = overlays;
		this.message = "";
		if (overlays.length) this.opacity = overlays[0].opacity;
		if (kept) return;
		this.measures = [];
		this.draft = null;
		this.cursor = null;
		this.invert = false;
		this.wipe = 0.5;
		this.applyPreset(1);
		this.view = null;
		this.fit(UPRIGHT);
	}

	resize(width, height) {
		this.box = {width, height};
		if (this.film && width && height && (this.fits || !this.view)) this.fit();
		else this.changed();
	}

	get matrix() {
		return toScreen(this.view, this.film, this.box);
	}

	filmPoint(spot) {
		return onScreen(this.matrix.inverse(), spot);
	}

	fit(orientation = this.view?.orientation ?? UPRIGHT) {
		this.fits = true;
		if (this.film && this.box.width) this.view = fitted(this.film, this.box, orientation);
		this.changed();
	}

	zoom(factor, spot = {x: this.box.width / 2, y: this.box.height / 2}) {
		this.fits = false;
		this.view = zoomed(this.view, this.film, this.box, factor, spot);
		this.changed();
	}

	pan(dx, dy) {
		this.fits = false;
		this.view = panned(this.view, this.film, this.box, dx, dy);
		this.changed();
	}

	turn(step) {
		const orientation = turned(this.view.orientation, step);
		if (this.fits) return this.fit(orientation);
		this.view = {...this.view, orientation};
		return this.changed();
	}

	dragWindow(dx, dy) {
		this.window = dragged(this.window, dx, dy, this.box);
		this.preset = null;
		this.changed();
	}

	applyPreset(number) {
		this.window = presetWindow(number, this.film);
		this.preset = number;
		this.changed();
	}

	toggleInvert() {
		this.invert = !this.invert;
		this.changed();
	}

	reset() {
		this.invert = false;
		this.wipe = 0.5;
		this.applyPreset(1);
		this.fit(UPRIGHT);
	}

	choose(tool) {
		this.tool = tool;
		this.draft = null;
		if (POINTS_OF[tool] && !this.cursor) this.cursor = {x: this.view.x, y: this.view.y};
		this.changed();
	}

	setOpacity(opacity) {
		this.opacity = Math.min(1, Math.max(0, opacity));
		this.overlayShown = true;
		this.changed();
	}

	toggleOverlay() {
		this.overlayShown = !this.overlayShown;
		this.changed();
	}

	setWipe(share) {
		this.wipe = Math.min(1, Math.max(0, share));
		this.changed();
	}

	// Put the next point of the measurement that the tool is making.
	place(point) {
		this.draft ??= {kind: this.tool, points: []};
		this.draft.points.push(point);
		if (this.draft.points.length === POINTS_OF[this.draft.kind]) {
			this.measures.push(this.draft);
			this.draft = null;
		}
		this.changed();
	}

	removeMeasure() {
		if (this.draft) this.draft = null;
		else this.measures.pop();
		this.changed();
	}

	removeDraft() {
		this.draft = null;
		this.changed();
	}

	moveEnd(measure, index, point) {
		measure.points[index] = point;
		this.changed();
	}

	clearMeasures() {
		this.draft = null;
		this.measures = [];
		this.changed();
	}

	moveCursor(point) {
		this.cursor = point;
		this.changed();
	}

	paintFilms() {
		for (const film of this.films) paint(film, {...this.window, invert: this.invert});
	}

	get mark() {
		return this.film && this.view ? orientationMark(this.view.orientation) : "";
	}

	get reading() {
		if (!this.film || !this.cursor) return null;
		const grey = greyAt(this.film, this.cursor.x, this.cursor.y);
		return grey === null ? null : {x: Math.floor(this.cursor.x), y: Math.floor(this.cursor.y), grey};
	}

	// Everything that can be seen, as plain data.
	state() {
		const {window, preset, invert, tool, wipe, opacity, overlayShown, view, fits, message, mark, reading} = this;
		const measures = this.measures.map((measure) => ({
			kind: measure.kind,
			points: measure.points,
			value: valueOf(this.film, measure),
			label: labelOf(this.film, measure),
		}));
		const size = this.film && [this.film.height, this.film.width];
		return {window, preset, invert, tool, wipe, opacity, overlayShown, view, fits, message, mark, reading, measures, size};
	}
}
