// What the slider shows: one bone's frames, an age, and who wants to hear of a change. No page here.
import {blended, loadFrames} from "./frames.js";

export const OLDEST = 19;
export const CLASSES = [[0, 3], [4, 7], [8, 11], [12, 15], [16, 19]];
export const middleOf = ([first]) => first + 2;
const YEARS_ON = 8; // what is shown first: the step of the progression study

export class Ageing {
	frames = null;
	age = 0;
	left = "film"; // or "redrawn": what stands left of the wipe
	message = "Loading the network …";
	#listeners = [];
	#latest = 0;
	#shown = null;

	onchange(listener) {
		this.#listeners.push(listener);
	}

	changed(what = "age") {
		for (const listener of this.#listeners) listener(this, what);
	}

	// The newest value wins when an older one takes longer to arrive.
	async show(value) {
		const key = JSON.stringify(value ?? null);
		if (key === this.#shown || !value?.file) return;
		this.#shown = key;
		const turn = (this.#latest += 1);
		try {
			const frames = await loadFrames(value);
			if (turn !== this.#latest) return;
			const kept = value.keepAge && this.frames;
			this.frames = frames;
			if (!kept) this.age = frames.age + YEARS_ON <= OLDEST ? frames.age + YEARS_ON : Math.max(0, frames.age - YEARS_ON);
			this.message = "";
			this.changed(kept ? "told" : "film");
		} catch (error) {
			if (turn !== this.#latest) return;
			this.#shown = null;
			this.message = error.message;
			this.changed("trouble");
		}
	}

	setAge(age) {
		if (!this.frames) return;
		this.age = Math.min(OLDEST, Math.max(0, Math.round(age * 100) / 100));
		this.changed("age");
	}

	setLeft(left) {
		this.left = left;
		this.changed("left");
	}

	get grey() {
		return blended(this.frames, this.age);
	}
}
