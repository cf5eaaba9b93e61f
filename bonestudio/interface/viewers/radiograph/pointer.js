// Mouse, pen and fingers on the canvas.
import {grabbed, POINTS_OF} from "./measure.js";

const REACH = {mouse: 8, pen: 12, touch: 24}; // screen pixels within which an end or the edge is caught
const CLICK = 4; // a press that moves less is a click

export function listen(canvas, viewer) {
	const down = new Map(); // pointers that are pressed, where they were last
	let drag = null;

	const spotOf = (event) => {
		const edge = canvas.getBoundingClientRect();
		return {x: event.clientX - edge.left, y: event.clientY - edge.top};
	};

	canvas.addEventListener("pointerdown", (event) => {
		if (!viewer.film) return;
		canvas.focus({preventScroll: true});
		canvas.setPointerCapture(event.pointerId);
		const spot = spotOf(event);
		down.set(event.pointerId, spot);
		if (down.size === 2) {
			if (drag?.kind === "measure") viewer.removeDraft();
			drag = {kind: "pinch"};
		} else if (down.size === 1) drag = begin(viewer, event, spot);
	});

	canvas.addEventListener("pointermove", (event) => {
		if (!viewer.film) return;
		const spot = spotOf(event);
		const before = down.get(event.pointerId);
		if (before && drag?.kind === "pinch") pinch(viewer, down, event.pointerId, spot);
		else if (before && drag) move(viewer, drag, before, spot);
		if (before) down.set(event.pointerId, spot);
		if (event.pointerType !== "touch" || POINTS_OF[viewer.tool]) viewer.moveCursor(viewer.filmPoint(spot));
	});

	const release = (event) => {
		if (!down.delete(event.pointerId)) return;
		if (event.type === "pointerup" && drag) end(viewer, drag, spotOf(event));
		if (down.size === 0) drag = null;
	};
	canvas.addEventListener("pointerup", release);
	canvas.addEventListener("pointercancel", release);

	canvas.addEventListener("wheel", (event) => {
		if (!viewer.film) return;
		event.preventDefault();
		const lines = event.deltaMode === 1 ? 16 : 1; // Firefox counts lines
		viewer.zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0015)), spotOf(event));
	}, {passive: false});

	canvas.addEventListener("dblclick", () => viewer.film && !POINTS_OF[viewer.tool] && viewer.fit());
	canvas.addEventListener("contextmenu", (event) => event.preventDefault());
}

function begin(viewer, event, spot) {
	const reach = REACH[event.pointerType] ?? REACH.mouse;
	if (event.button === 1 || (event.button === 0 && event.shiftKey)) return {kind: "pan"};
	if (event.button === 2) return {kind: "zoom", spot};
	const caught = grabbed(viewer.measures, viewer.matrix, spot, reach);
	if (caught && !viewer.draft) return {kind: "end", ...caught};
	if (viewer.films[1] && Math.abs(spot.x - viewer.wipe * viewer.box.width) <= reach) return {kind: "wipe"};
	if (!POINTS_OF[viewer.tool]) return {kind: viewer.tool};
	const started = !viewer.draft;
	viewer.place(viewer.filmPoint(spot));
	return {kind: "measure", started, spot};
}

function move(viewer, drag, before, spot) {
	const [dx, dy] = [spot.x - before.x, spot.y - before.y];
	if (drag.kind === "window") viewer.dragWindow(dx, dy);
	else if (drag.kind === "pan") viewer.pan(dx, dy);
	else if (drag.kind === "zoom") viewer.zoom(Math.exp(-dy * 0.01), drag.spot);
	else if (drag.kind === "wipe") viewer.setWipe(spot.x / viewer.box.width);
	else if (drag.kind === "end") viewer.moveEnd(drag.measure, drag.index, viewer.filmPoint(spot));
}

// A first point that was pressed and dragged ends where it is let go; clicked, it waits for the next click.
function end(viewer, drag, spot) {
	if (drag.kind !== "measure" || !drag.started || !viewer.draft) return;
	if (Math.hypot(spot.x - drag.spot.x, spot.y - drag.spot.y) > CLICK) viewer.place(viewer.filmPoint(spot));
}

function pinch(viewer, down, moved, spot) {
	const [id, still] = [...down].find(([other]) => other !== moved);
	if (id === undefined) return;
	const before = down.get(moved);
	const spread = (place) => Math.max(1, Math.hypot(place.x - still.x, place.y - still.y));
	const middle = (place) => ({x: (place.x + still.x) / 2, y: (place.y + still.y) / 2});
	const [from, to] = [middle(before), middle(spot)];
	viewer.pan(to.x - from.x, to.y - from.y);
	viewer.zoom(spread(spot) / spread(before), to);
}
