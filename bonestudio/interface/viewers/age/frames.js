// All images of one bone: fetched once, unpacked, and blended between two neighbouring ages.
import {filmOf} from "../radiograph/film.js";
import {unpacked} from "../shared.js";

const FULL = 0.4 * 255; // change of grey that is drawn in full colour
const MORE = [229, 72, 77];
const LESS = [74, 125, 255];

export async function loadFrames(value) {
	const gone = "The ages are no longer on the server; please open the film again.";
	return framesOf(value, new Uint8Array(await unpacked(value.file, gone)));
}

// Rows of `bytes`: the film, the film redrawn by the model, then one image per age.
export function framesOf(value, bytes) {
	const size = value.width * value.height;
	if (bytes.length !== size * (value.ages.length + 2)) throw new Error("The ages did not arrive whole.");
	const image = (index) => bytes.subarray(index * size, (index + 1) * size);
	const [film, redrawn] = [image(0), image(1)];
	// What an aged image is compared with: with the film's own detail kept, the film is the bone now.
	return {...value, size, film, redrawn, now: value.detail ? film : redrawn, frame: (index) => image(index + 2)};
}

// The two frames around an age, and how far it lies between them.
export function around({ages}, age) {
	let above = ages.findIndex((year) => year >= age);
	if (above < 1) above = above === 0 ? 1 : ages.length - 1;
	const share = (age - ages[above - 1]) / (ages[above] - ages[above - 1]);
	return [above - 1, above, Math.min(1, Math.max(0, share))];
}

// Grey levels 0 … 255 (with fractions) at an age.
export function blended(frames, age) {
	const [below, above, share] = around(frames, age);
	const [one, other] = [frames.frame(below), frames.frame(above)];
	const grey = new Float32Array(frames.size);
	for (let index = 0; index < grey.length; index += 1) grey[index] = one[index] + share * (other[index] - one[index]);
	return grey;
}

export function between(frames, values, age) {
	const [below, above, share] = around(frames, age);
	return values[below] + share * (values[above] - values[below]);
}

// A film for the radiograph viewer, drawn smoothly: its 128 pixels are the model's, not a detector's.
export function viewerFilm(frames, grey, name, badge) {
	const {width, height, spacing} = frames;
	return filmOf({width, height, spacing, window: [0, 1], name, badge, smooth: true}, sixteen(grey));
}

export function sixteen(grey) {
	const wide = new Uint16Array(grey.length);
	for (let index = 0; index < wide.length; index += 1) wide[index] = Math.round(grey[index] * 257);
	return wide;
}

// Red where the aged bone is brighter than the bone now, blue where it is darker; returns the mean change.
export function paintDifference(frames, grey, canvas) {
	canvas.width = frames.width;
	canvas.height = frames.height;
	const context = canvas.getContext("2d");
	const picture = context.createImageData(frames.width, frames.height);
	let sum = 0;
	for (let index = 0; index < grey.length; index += 1) {
		const change = grey[index] - frames.now[index];
		sum += Math.abs(change);
		const colour = change > 0 ? MORE : LESS;
		picture.data.set([...colour, Math.round(Math.min(1, Math.abs(change) / FULL) * 255)], 4 * index);
	}
	context.putImageData(picture, 0, 0);
	return sum / grey.length / 255;
}

export function paintGrey(frames, grey, canvas) {
	canvas.width = frames.width;
	canvas.height = frames.height;
	const context = canvas.getContext("2d");
	const picture = context.createImageData(frames.width, frames.height);
	for (let index = 0; index < grey.length; index += 1) {
		const shade = Math.round(grey[index]);
		picture.data.set([shade, shade, shade, 255], 4 * index);
	}
	context.putImageData(picture, 0, 0);
}
