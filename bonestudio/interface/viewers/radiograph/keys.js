// The keyboard. Keys belong to the viewer with the focus, else to the one the pointer was on, and to none while a person writes.
import {onScreen} from "./geometry.js";
import {POINTS_OF} from "./measure.js";

export const HELP = [
	["1 – 9", "window presets"],
	["Shift + arrows", "window and level"],
	["+ −", "zoom"],
	["arrows", "pan, or move the cross of a measurement"],
	["L, A", "length, angle; Enter puts a point"],
	["Delete", "remove the last measurement (Shift: all)"],
	["W, P", "drag to window, to pan"],
	["I", "invert"],
	["R, M", "turn right, mirror (Shift: turn left, upside down)"],
	["O, &lt; &gt;", "overlay on or off, its opacity"],
	["[ ]", "move the wipe"],
	["F", "full screen"],
	["0", "reset"],
	["Esc", "leave the tool"],
];

const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
const PLAIN = {
	w: (viewer) => viewer.choose("window"),
	p: (viewer) => viewer.choose("pan"),
	l: (viewer) => viewer.choose("length"),
	a: (viewer) => viewer.choose("angle"),
	i: (viewer) => viewer.toggleInvert(),
	r: (viewer) => viewer.turn("right"),
	R: (viewer) => viewer.turn("left"),
	m: (viewer) => viewer.turn("sideways"),
	M: (viewer) => viewer.turn("upright"),
	o: (viewer) => viewer.toggleOverlay(),
	"<": (viewer) => viewer.setOpacity(viewer.opacity - 0.1),
	">": (viewer) => viewer.setOpacity(viewer.opacity + 0.1),
	"[": (viewer) => viewer.setWipe(viewer.wipe - 0.05),
	"]": (viewer) => viewer.setWipe(viewer.wipe + 0.05),
	"+": (viewer) => viewer.zoom(1.25),
	"=": (viewer) => viewer.zoom(1.25),
	"-": (viewer) => viewer.zoom(0.8),
	"−": (viewer) => viewer.zoom(0.8),
	0: (viewer) => viewer.reset(),
	Backspace: (viewer) => viewer.removeMeasure(),
	Escape: (viewer) => viewer.choose("window"),
};

const writes = (target) => target.closest?.("input, textarea, select, [contenteditable]:not([contenteditable='false'])");

const entries = new WeakMap(); // root -> {root, viewer, actions}
let last = null; // the viewer that the pointer was on last: keys go there while nothing has the focus

export const register = (entry) => {
	entries.set(entry.root, entry);
	last ??= entry;
	entry.root.addEventListener("pointerenter", () => {
		last = entry;
	});
};

const seen = (entry) => entry?.root.isConnected && entry.root.offsetParent !== null; // not on a tab that is not open

const belongsTo = (target) => {
	const root = target.closest?.(".rv");
	if (root) return entries.get(root);
	if (target !== document.body) return null;
	return seen(last) ? last : [...document.querySelectorAll(".rv")].map((other) => entries.get(other)).find(seen);
};

document.addEventListener("keydown", (event) => {
	const {target} = event;
	if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || writes(target)) return;
	const entry = belongsTo(target);
	if (!entry?.viewer.film || !seen(entry)) return;
	if (target.closest?.("button") && (event.key === "Enter" || event.key === " ")) return;
	if (pressed(event, entry.viewer, entry.actions)) event.preventDefault();
});

function pressed(event, viewer, actions) {
	const {key, shiftKey} = event;
	const measuring = POINTS_OF[viewer.tool];
	if (ARROWS[key]) return arrow(ARROWS[key], shiftKey, viewer, measuring);
	if (measuring && (key === "Enter" || key === " ")) return done(viewer.place({...viewer.cursor}));
	if (key >= "1" && key <= "9") return done(viewer.applyPreset(Number(key)));
	if (key === "Delete") return done(shiftKey ? viewer.clearMeasures() : viewer.removeMeasure());
	if (key === "?") return done(actions.help());
	if (key === "f") return done(actions.full());
	const action = PLAIN[key] ?? PLAIN[key.toLowerCase()];
	if (!action) return false;
	return done(action(viewer));
}

const done = () => true;

function arrow([dx, dy], shift, viewer, measuring) {
	if (measuring) {
		const step = shift ? 10 : 1;
		const spot = onScreen(viewer.matrix, viewer.cursor);
		viewer.moveCursor(viewer.filmPoint({x: spot.x + dx * step, y: spot.y + dy * step}));
	} else if (shift) viewer.dragWindow(dx * 8, dy * 8);
	else viewer.pan(-dx * 32, -dy * 32);
	return true;
}
