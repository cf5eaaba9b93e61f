// Under the image: the five classes as pictures, and below them, on the same scale, the slider.
import {CLASSES, middleOf, OLDEST} from "./ageing.js";
import {blended, paintGrey} from "./frames.js";

const GROWS_IN = 6000; // milliseconds from 0 to 19 years

const classes = CLASSES.map(
	([first, last], index) =>
		`<button type="button" class="ag-class" data-class="${index}" title="Show ${first + 2} years"><canvas width="1" height="1" aria-hidden="true"></canvas><span>${first} – ${last}<i> years</i></span></button>`,
).join("");

const HTML = `
<p class="ag-warning" role="alert" hidden></p>
<div class="ag-bar">
	<button type="button" class="ag-play" aria-pressed="false">Play</button>
	<p class="ag-now"><output id="age-shown"></output> <span class="ag-step"></span></p>
	<div class="ag-left" role="radiogroup" aria-label="Left of the edge">
		<span>Left of the edge</span>
		<button type="button" role="radio" data-left="film" aria-checked="true">Film</button>
		<button type="button" role="radio" data-left="redrawn" aria-checked="false">Redrawn</button>
	</div>
</div>
<div class="ag-strip" role="group" aria-label="The five age classes, simulated">${classes}</div>
<div class="ag-rail">
	<input type="range" class="ag-slider" id="age-slider" min="0" max="${OLDEST}" step="0.1" aria-label="Age in years">
	<span class="ag-own"></span>
</div>`;

export function furnishDeck(deck, ageing) {
	deck.innerHTML = HTML;
	deck.inert = true;
	const part = (name) => deck.querySelector(`.ag-${name}`);
	const [slider, play] = [part("slider"), part("play")];
	const player = new Player(ageing, play);

	slider.addEventListener("input", () => {
		player.stop();
		ageing.setAge(Number(slider.value));
	});
	slider.addEventListener("keydown", (event) => {
		const years = {PageUp: 1, PageDown: -1}[event.key] ?? (event.shiftKey ? {ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1}[event.key] : 0);
		if (!years) return;
		event.preventDefault();
		player.stop();
		ageing.setAge(ageing.age + years);
	});
	part("strip").addEventListener("click", (event) => {
		const chosen = event.target.closest("[data-class]");
		if (!chosen) return;
		player.stop();
		ageing.setAge(middleOf(CLASSES[chosen.dataset.class]));
	});
	part("left").addEventListener("click", (event) => {
		const chosen = event.target.closest("[data-left]");
		if (chosen) ageing.setLeft(chosen.dataset.left);
	});
	play.addEventListener("click", () => player.toggle());
	ageing.onchange((_, what) => refresh(deck, ageing, what));
}

function refresh(deck, ageing, what) {
	const part = (name) => deck.querySelector(`.ag-${name}`);
	const {frames, age} = ageing;
	if (!frames || what === "trouble") return;
	deck.inert = false;
	part("slider").value = age;
	part("slider").setAttribute("aria-valuetext", `${age.toFixed(1)} years, simulated`);
	deck.querySelector("output").textContent = `${age.toFixed(1)} years`;
	part("step").textContent = stepText(frames, age);
	for (const [index, button] of deck.querySelectorAll("[data-class]").entries()) {
		const first = CLASSES[index][0];
		button.setAttribute("aria-pressed", String(age >= first && (age < first + 4 || first === 16)));
	}
	for (const button of deck.querySelectorAll("[data-left]")) {
		button.setAttribute("aria-checked", String(button.dataset.left === ageing.left));
	}
	if (what !== "film" && what !== "told") return;
	for (const [index, button] of deck.querySelectorAll("[data-class]").entries()) {
		paintGrey(frames, blended(frames, middleOf(CLASSES[index])), button.querySelector("canvas"));
	}
	part("own").style.setProperty("--at", frames.age / OLDEST);
	part("own").textContent = `${frames.ageKnown ? "now" : "looks"} ${frames.age.toFixed(1)} years`;
	const {verdict, reason} = frames.domain;
	part("warning").hidden = verdict === "in-domain";
	part("warning").dataset.verdict = verdict;
	part("warning").textContent = verdict === "in-domain" ? "" : reason;
}

function stepText(frames, age) {
	const years = age - frames.age;
	if (Math.abs(years) < 0.05) return "the age on the film";
	return `${Math.abs(years).toFixed(1)} years ${years > 0 ? "older" : "younger"}`;
}

// Runs through all ages once; by whole years where motion is unwelcome.
class Player {
	#turn = 0;

	constructor(ageing, button) {
		Object.assign(this, {ageing, button});
	}

	toggle() {
		if (this.button.getAttribute("aria-pressed") === "true") this.stop();
		else this.start();
	}

	stop() {
		this.#turn += 1;
		this.button.setAttribute("aria-pressed", "false");
		this.button.textContent = "Play";
	}

	start() {
		this.stop();
		const turn = this.#turn;
		const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
		const from = this.ageing.age >= OLDEST ? 0 : this.ageing.age;
		const began = performance.now();
		this.button.setAttribute("aria-pressed", "true");
		this.button.textContent = "Stop";
		const step = () => {
			if (turn !== this.#turn) return;
			const age = from + ((performance.now() - began) / GROWS_IN) * OLDEST;
			this.ageing.setAge(still ? Math.floor(age) : age);
			if (age >= OLDEST) this.stop();
			else if (still) setTimeout(step, 500);
			else requestAnimationFrame(step);
		};
		step();
	}
}
