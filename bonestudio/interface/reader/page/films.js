// The study's images in the studio's own viewer, without its tool bar: window, zoom, pan, invert.
import {draw} from "../viewer/draw.js";
import {filmOf} from "../viewer/film.js";
import {activate} from "../viewer/keys.js";
import {furnish, refresh} from "../viewer/panel.js";
import {listen} from "../viewer/pointer.js";
import {Viewer} from "../viewer/viewer.js";

export async function mountFilms(place, blobs, question, looked) {
	const films = await Promise.all(blobs.map(decode));
	const boxes = films.map(() => {
		const root = document.createElement("div");
		root.className = "rv";
		return root;
	});
	place.replaceChildren(...boxes);
	boxes.forEach((root, index) => mountOne(root, films[index], question, looked));
}

function mountOne(root, film, question, looked) {
	const viewer = new Viewer();
	const parts = furnish(root, question);
	root.viewer = viewer;
	const mine = () => activate({root, viewer, actions: {help() {}, full() {}}});
	root.addEventListener("pointerenter", mine);
	root.addEventListener("focusin", mine);
	mine();
	listen(parts.canvas, viewer);
	viewer.lay([film]);
	const first = {window: {...viewer.window}, width: null};
	viewer.onchange(() => {
		draw(viewer, parts.canvas);
		refresh(parts, viewer);
		if (!viewer.fits) looked.zoomed = true;
		if (viewer.window.low !== first.window.low || viewer.window.high !== first.window.high || viewer.invert) looked.windowed = true;
	});
	new ResizeObserver(([entry]) => viewer.resize(entry.contentRect.width, entry.contentRect.height)).observe(parts.stage);
}

async function decode(blob) {
	const bitmap = await createImageBitmap(blob, {colorSpaceConversion: "none"});
	const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
	const context = canvas.getContext("2d", {willReadFrequently: true});
	context.drawImage(bitmap, 0, 0);
	const {data} = context.getImageData(0, 0, bitmap.width, bitmap.height);
	const grey = new Uint16Array(bitmap.width * bitmap.height);
	for (let index = 0; index < grey.length; index += 1) grey[index] = data[4 * index] * 257;
	return filmOf({width: bitmap.width, height: bitmap.height, spacing: null, window: [0, 1], name: "", badge: null}, grey);
}
