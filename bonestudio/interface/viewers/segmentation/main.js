// Put the bones over their viewer, the deck under it and the findings beside it; all look at one film.
import {Bones} from "./bones.js";
import {furnishDeck} from "./deck.js";
import {furnishFindings} from "./findings.js";
import {Layer} from "./layer.js";
import {boxOf, isOwnKey, unpacked, whenSeen} from "../shared.js";

const bones = new Bones();
let layer = null;

export async function mountDeck(element, props, watch, send) {
	const deck = element.querySelector(".sg");
	deck.bones = bones; // for tests
	deck.settled = settled;
	const root = await boxOf(props.viewer);
	const {viewer} = root;
	const tell = {
		edited: async () => send.edited({masks: await packed(bones.bits), edit: bones.edit}),
		moved: () => send.moved({landmarks: bones.wrist.landmarks, edit: bones.edit}),
	};
	layer = new Layer(root, bones, tell);
	const actions = {
		contour: () => bones.setContour(!bones.contour),
		brush: () => viewer.choose(viewer.tool === "brush" ? "window" : "brush"),
		eraser: () => viewer.choose(viewer.tool === "eraser" ? "window" : "eraser"),
		undo: () => {
			if (!bones.canUndo) return;
			bones.undo();
			tell.edited();
		},
		next: () => bones.choose(bones.chosen + 1),
		smaller: () => bones.setRadius(bones.radius - Math.max(1, bones.radius * 0.2)),
		larger: () => bones.setRadius(bones.radius + Math.max(1, bones.radius * 0.25)),
	};
	root.querySelector(".rv-help").insertAdjacentHTML("beforeend", HELP);
	furnishDeck(deck, bones, viewer, actions);
	listen(root, actions);
	const show = presenter(viewer);
	watch("value", () => show(props.value));
	show(props.value);
	whenSeen(root, () => props.value || send.open());
}

const PATIENCE = 60_000; // milliseconds

// What is saved is what is seen: wait until the server knows the last stroke.
async function settled() {
	const until = Date.now() + PATIENCE;
	while (bones.answered < bones.edit && Date.now() < until) await new Promise((done) => setTimeout(done, 30));
}

export function mountFindings(element, props, watch) {
	furnishFindings(element.querySelector(".sg-findings"), bones, (name) => layer?.jump(name));
	const hear = () => {
		said = props.value;
		settle();
	};
	watch("value", hear);
	hear();
}

// Film and masks come by files, measurements at once: these wait for those.
let said = null;
let laid = null; // the film whose bones are there

function settle() {
	if (said && said.film === laid) bones.tell(said);
}

function presenter(viewer) {
	let latest = 0;
	let shown = {};
	return (value) => {
		if (!value) return;
		const [film, masks] = [JSON.stringify(value.sheet), JSON.stringify(value.bits)];
		if (film === shown.film && masks === shown.masks) return;
		const turn = (latest += 1);
		const newest = () => turn === latest;
		if (masks === shown.masks) layFilm(viewer, value, newest);
		else layAll(viewer, value, newest);
		shown = {film, masks};
	};
}

// Another film with other bones: the view begins anew, unless it has the size of the one before.
async function layAll(viewer, value, newest) {
	const opacity = bones.film ? viewer.opacity : 0.5;
	const [bytes] = await Promise.all([unpacked(value.bits), viewer.show(value.sheet)]);
	const bits = new Uint8Array(bytes);
	if (!newest() || !viewer.film) return;
	const {width, height, spacing} = viewer.film;
	if (bits.length !== width * height) return;
	bones.wrist = {view: null, landmarks: {}, measurements: []};
	bones.lay({width, height, spacing}, bits, value.bones);
	if (viewer.tool === "brush" || viewer.tool === "eraser") viewer.choose("window");
	cover(viewer, opacity);
	laid = value.film;
	settle();
}

// The same film with another contrast.
async function layFilm(viewer, value, newest) {
	const {opacity} = viewer;
	await viewer.show(value.sheet);
	if (newest() && viewer.film) cover(viewer, opacity);
}

function cover(viewer, opacity) {
	viewer.overlays = [{picture: bones.canvas, name: "bones", opacity, shown: true}];
	viewer.opacity = opacity;
	viewer.overlayShown = true;
	viewer.changed();
}

async function packed(bits) {
	const squeezed = new Blob([bits]).stream().pipeThrough(new CompressionStream("gzip"));
	const bytes = new Uint8Array(await new Response(squeezed).arrayBuffer());
	let text = "";
	for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
	return btoa(text);
}

const HELP = [
	["B, E", "brush, eraser; comma and full stop for its size"],
	["N, Z", "next bone, take a stroke back"],
	["C", "contour alone"],
	["Tab, arrows", "to the wrist's points, and move them"],
].map(([key, what]) => `<div><dt>${key}</dt><dd>${what}</dd></div>`).join("");

// Keys that the viewer itself has no use for.
const KEYS = {b: "brush", e: "eraser", c: "contour", z: "undo", n: "next", ",": "smaller", ".": "larger"};

function listen(root, actions) {
	document.addEventListener("keydown", (event) => {
		const action = actions[KEYS[event.key]];
		if (!action || !bones.film || !isOwnKey(event, root, "#tab-segmentation")) return;
		event.preventDefault();
		action();
	});
}
