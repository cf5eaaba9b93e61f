// The study's images in the studio's own viewer, without its tool bar: window, zoom, pan, invert.
import {filmOf} from "../viewers/radiograph/film.js";
import {install} from "../viewers/radiograph/main.js";
import {Viewer} from "../viewers/radiograph/viewer.js";

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
	install(root, viewer, question);
	viewer.lay([film]);
	const {low, high} = viewer.window;
	viewer.onchange(() => {
		if (!viewer.fits) looked.zoomed = true;
		if (viewer.window.low !== low || viewer.window.high !== high || viewer.invert) looked.windowed = true;
	});
	viewer.changed();
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
