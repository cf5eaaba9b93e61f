// A sheet of synthetic hands, one of them large beside it, and the walk from one hand to another.
import {addressOf, whenSeen} from "../shared.js";

const HTML = `
<div class="hs-pair">
	<div class="hs-grid" role="group" aria-label="Synthetic hands"></div>
	<figure class="hs-big"><canvas width="1" height="1" aria-label="The chosen hand" role="img"></canvas><figcaption></figcaption></figure>
</div>
<div class="hs-walk">
	<button type="button" data-end="first" title="The walk starts at the chosen hand">Start here</button>
	<span class="hs-first"></span>
	<input type="range" min="0" max="16" step="1" value="0" disabled aria-label="Walk from the first hand to the last">
	<span class="hs-last"></span>
	<button type="button" data-end="last" title="The walk ends at the chosen hand">End here</button>
</div>`;

export function mount(element, props, watch, tell) {
	const box = element.querySelector(".hs");
	box.innerHTML = HTML;
	const sheet = new Sheet(box, tell);
	box.sheet = sheet; // for tests
	watch("value", () => sheet.take(props.value));
	sheet.take(props.value);
	whenSeen(box, () => tell.open());
}

class Sheet {
	hands = null; // {sheet, seeds, large, weights}, and the picture
	walk = null; // {sheet, first, last}
	chosen = null; // seed
	frame = null; // of the walk; null while a hand of the sheet is large
	#latest = {};

	constructor(box, tell) {
		this.tell = tell;
		this.grid = box.querySelector(".hs-grid");
		this.canvas = box.querySelector("canvas");
		this.caption = box.querySelector("figcaption");
		this.slider = box.querySelector("input");
		this.names = {first: box.querySelector(".hs-first"), last: box.querySelector(".hs-last")};
		this.grid.addEventListener("click", (event) => {
			const seed = event.target.closest("button")?.dataset.seed;
			if (seed !== undefined) this.choose(Number(seed));
		});
		this.grid.addEventListener("keydown", (event) => this.arrow(event));
		this.slider.addEventListener("input", () => this.step(Number(this.slider.value)));
		for (const button of box.querySelectorAll("[data-end]")) {
			button.addEventListener("click", () => this.end(button.dataset.end));
		}
	}

	// A value brings a sheet, a walk, or both; what it does not bring stays.
	async take(value) {
		if (value?.hands && (await this.load(value, "hands"))) this.lay();
		if (value?.walk && (await this.load(value, "walk"))) this.layWalk();
	}

	async load(value, part) {
		const key = addressOf(value[part].sheet.file);
		if (this.#latest[part] === key) return false;
		this.#latest[part] = key;
		const picture = new Image();
		picture.src = key;
		await picture.decode();
		if (this.#latest[part] !== key) return false;
		this[part] = {...value[part], picture};
		return true;
	}

	lay() {
		const {sheet, seeds, large, picture} = this.hands;
		this.grid.style.setProperty("--columns", sheet.columns);
		this.grid.replaceChildren(
			...seeds.map((seed, index) => {
				const button = document.createElement("button");
				Object.assign(button, {type: "button", title: `Seed ${seed}`});
				button.dataset.seed = seed;
				button.setAttribute("aria-label", `Simulated hand, seed ${seed}`);
				const canvas = document.createElement("canvas");
				button.append(canvas);
				paint(canvas, picture, sheet, index);
				return button;
			}),
		);
		this.choose(seeds.includes(this.chosen) ? this.chosen : large);
	}

	choose(seed) {
		this.chosen = seed;
		this.frame = null;
		for (const button of this.grid.children) {
			const own = Number(button.dataset.seed) === seed;
			button.setAttribute("aria-pressed", String(own));
			button.tabIndex = own ? 0 : -1;
		}
		paint(this.canvas, this.hands.picture, this.hands.sheet, this.hands.seeds.indexOf(seed));
		this.say(`Seed ${seed}`);
		this.tell.pick({seed});
	}

	arrow(event) {
		const {columns} = this.hands.sheet;
		const step = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns}[event.key];
		if (!step) return;
		event.preventDefault();
		const next = this.grid.children[this.hands.seeds.indexOf(this.chosen) + step];
		if (!next) return;
		this.choose(Number(next.dataset.seed));
		next.focus();
	}

	end(which) {
		if (this.chosen === null) return;
		const ends = {first: this.walk?.first ?? this.chosen, last: this.walk?.last ?? this.chosen, [which]: this.chosen};
		this.tell.ends(ends);
	}

	layWalk() {
		const {sheet, first, last} = this.walk;
		Object.assign(this.slider, {max: sheet.count - 1, disabled: false});
		this.names.first.textContent = `seed ${first}`;
		this.names.last.textContent = `seed ${last}`;
		if (this.frame !== null) this.step(this.frame);
		else this.slider.value = 0;
	}

	step(frame) {
		const {sheet, picture, first, last} = this.walk;
		this.frame = Math.min(frame, sheet.count - 1);
		paint(this.canvas, picture, sheet, this.frame);
		const share = Math.round((100 * this.frame) / (sheet.count - 1));
		this.slider.setAttribute("aria-valuetext", `${share} per cent of the way`);
		this.say(`${share} % of the way from seed ${first} to seed ${last}`);
	}

	say(text) {
		this.caption.textContent = `${text} · ${this.hands?.weights ?? ""} `;
		this.caption.append(Object.assign(document.createElement("b"), {textContent: "SIMULATED"}));
	}
}

function paint(canvas, picture, {columns, width, height}, index) {
	[canvas.width, canvas.height] = [width, height];
	const [row, column] = [Math.floor(index / columns), index % columns];
	canvas.getContext("2d").drawImage(picture, column * width, row * height, width, height, 0, 0, width, height);
}
