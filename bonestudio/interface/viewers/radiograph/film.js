// A film with its 16 bits: fetched, unpacked, counted, and painted through a window.

import {addressOf, unpacked} from "../shared.js";

export const WHITE = 65535;

export async function loadFilm(entry) {
	const grey = new Uint16Array(await unpacked(entry.file, "The film is no longer on the server; please open it again."));
	if (grey.length !== entry.width * entry.height) throw new Error("The film did not arrive whole.");
	return filmOf(entry, grey);
}

export function filmOf(entry, grey) {
	const canvas = document.createElement("canvas");
	canvas.width = entry.width;
	canvas.height = entry.height;
	return {...entry, grey, canvas, quantile: quantiles(grey), painted: null};
}

export async function loadOverlay(entry) {
	const picture = new Image();
	picture.src = addressOf(entry.file);
	await picture.decode();
	return {...entry, picture, shown: true};
}

// Share of the film's darker pixels -> grey; what is quite black (collimator, border) is not counted.
function quantiles(grey) {
	const counts = new Uint32Array(WHITE + 1);
	for (const value of grey) counts[value] += 1;
	let total = grey.length - counts[0];
	if (total === 0) total = 1;
	return (share) => {
		let left = share * total;
		for (let value = 1; value <= WHITE; value += 1) {
			left -= counts[value];
			if (left <= 0) return value;
		}
		return WHITE;
	};
}

// Paint only when the window has changed: a table of all 65 536 greys, then one look-up a pixel.
export function paint(film, {low, high, invert}) {
	const key = `${low} ${high} ${invert}`;
	if (film.painted === key) return;
	film.painted = key;
	const table = new Uint32Array(WHITE + 1);
	const span = Math.max(1, high - low);
	for (let value = 0; value <= WHITE; value += 1) {
		let shade = Math.round(Math.min(1, Math.max(0, (value - low) / span)) * 255);
		if (invert) shade = 255 - shade;
		table[value] = 0xff000000 | (shade << 16) | (shade << 8) | shade;
	}
	const context = film.canvas.getContext("2d");
	film.image ??= context.createImageData(film.width, film.height);
	const pixels = new Uint32Array(film.image.data.buffer);
	const {grey} = film;
	for (let index = 0; index < grey.length; index += 1) pixels[index] = table[grey[index]];
	context.putImageData(film.image, 0, 0);
}

export function greyAt(film, x, y) {
	const [column, row] = [Math.floor(x), Math.floor(y)];
	if (column < 0 || row < 0 || column >= film.width || row >= film.height) return null;
	return film.grey[row * film.width + column];
}
