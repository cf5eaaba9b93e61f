// Put the age slider under its viewer and the readings beside it; both look at one bone.
import {Ageing} from "./ageing.js";
import {furnishDeck} from "./deck.js";
import {furnishFindings} from "./findings.js";
import {paintDifference, sixteen, viewerFilm} from "./frames.js";
import {boxOf} from "../shared.js";

const ageing = new Ageing();
const change = document.createElement("canvas");

export async function mountDeck(element, props, watch) {
	const deck = element.querySelector(".ag");
	deck.ageing = ageing; // for tests
	furnishDeck(deck, ageing);
	watch("value", () => ageing.show(props.value));
	const {viewer} = await boxOf(props.viewer);
	ageing.onchange((_, what) => present(viewer, what));
	listen(deck, viewer);
	if (!ageing.frames) {
		viewer.message = ageing.message;
		viewer.changed();
	}
	ageing.show(props.value);
}

export function mountFindings(element, _props, _watch, tell) {
	furnishFindings(element.querySelector(".ag-findings"), ageing, (kind) => tell.save({kind, age: ageing.age}));
}

function present(viewer, what) {
	const {frames, left, age} = ageing;
	if (what === "trouble") {
		viewer.message = ageing.message;
		viewer.films = [];
		viewer.changed();
		return;
	}
	const {grey} = ageing;
	const name = `At ${age.toFixed(1)} years · weights of ${frames.weights}`;
	paintDifference(frames, grey, change);
	if (what === "age") {
		const aged = viewer.films[1];
		aged.grey = sixteen(grey);
		aged.painted = null;
		aged.name = name;
		viewer.changed();
		return;
	}
	const shown = viewer.overlayShown && viewer.overlays.length > 0;
	const own = `${frames.age.toFixed(1)} years${frames.ageKnown ? "" : ", as the model reads it"}`;
	const first =
		left === "film"
			? viewerFilm(frames, frames.film, `Film · ${own}`, frames.badge)
			: viewerFilm(frames, frames.redrawn, `Redrawn at ${own}`, "SIMULATED");
	viewer.lay(
		[first, viewerFilm(frames, grey, name, frames.simulated)],
		[{picture: change, name: "change", opacity: 0.8, shown: true}],
		what !== "film",
	);
	viewer.overlayShown = what !== "film" && shown;
	viewer.changed();
}

// Arrow keys move the age while nothing else has the focus; the slider itself takes them natively.
function listen(deck, viewer) {
	document.addEventListener(
		"keydown",
		(event) => {
			const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
			if (!step || event.target !== document.body || event.ctrlKey || event.metaKey || event.altKey) return;
			if (!ageing.frames || deck.offsetParent === null || viewer.tool !== "window") return;
			event.preventDefault();
			ageing.setAge(ageing.age + step * (event.shiftKey ? 1 : 0.1));
		},
		true,
	);
}
