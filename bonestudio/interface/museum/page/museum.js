// The museum page: the slider moves a bone through its ages; left alone, it goes back to today and plays by itself.
import {drawPeople, markNearest} from "./people.js";

const ALONE = 20_000; // milliseconds after which nobody is there
const LIFE = 12_000; // milliseconds from 0 to 19 years
const REST = 2500; // milliseconds at either end
const part = (id) => document.getElementById(id);
const unmoved = matchMedia("(prefers-reduced-motion: reduce)");

let bone = null;
let pixels = null;
let age = 0;
let playing = 0; // number of the run that plays; 0 when none does
let runs = 0;
let alone = 0;

async function ask(path) {
	const answer = await fetch(path);
	if (!answer.ok) throw new Error((await answer.json()).refused ?? "The bone did not arrive; please reload the page.");
	return answer;
}

async function start() {
	try {
		bone = await (await ask("bone")).json();
		const packed = (await ask("frames")).body.pipeThrough(new DecompressionStream("gzip"));
		pixels = new Uint8Array(await new Response(packed).arrayBuffer());
	} catch (error) {
		part("trouble").textContent = error.message;
		return;
	}
	part("years").max = bone.ages.at(-1);
	part("years").disabled = false;
	drawPeople(part("people"), bone.ages.at(-1));
	write(part("learned"), `, as it learned from ${bone.learned}`);
	show(bone.today);
	wait();
}

function show(years) {
	age = Math.min(bone.ages.at(-1), Math.max(bone.ages[0], years));
	paint();
	const word = Math.abs(age - bone.today) < 0.25 ? "Today" : age > bone.today ? "Later" : "Earlier";
	const told = age < 1 ? "a baby" : `${Math.floor(age + 0.05)} ${Math.floor(age + 0.05) === 1 ? "year" : "years"} old`;
	write(part("word"), word);
	write(part("age"), told);
	part("years").value = age;
	part("years").setAttribute("aria-valuetext", `${word}, ${told}`);
	markNearest(part("people"), age);
}

function write(element, text) {
	if (element.textContent !== text) element.textContent = text;
}

// Two neighbouring frames blended, drawn as large as the bone is at this age.
function paint() {
	const {width, height, ages, sizes} = bone;
	const above = Math.max(1, ages.findIndex((year) => year >= age));
	const share = Math.min(1, Math.max(0, (age - ages[above - 1]) / (ages[above] - ages[above - 1])));
	const mix = (before, after) => before + share * (after - before);
	const count = width * height;
	const small = new OffscreenCanvas(width, height);
	const picture = new ImageData(width, height);
	for (let index = 0; index < count; index += 1) {
		const shade = mix(pixels[(above - 1) * count + index], pixels[above * count + index]);
		picture.data.set([shade, shade, shade, 255], 4 * index);
	}
	small.getContext("2d").putImageData(picture, 0, 0);
	const canvas = part("bone");
	const side = Math.round(Math.min(1600, canvas.clientHeight * (devicePixelRatio || 1))) || 600;
	if (canvas.width !== side) [canvas.width, canvas.height] = [side, side];
	const large = (side * mix(sizes[above - 1], sizes[above])) / Math.max(...sizes);
	const context = canvas.getContext("2d");
	context.imageSmoothingQuality = "high";
	context.fillStyle = "#000";
	context.fillRect(0, 0, side, side);
	faded(context, small, side, large);
}

// The finger goes on beyond its picture, which fades into the dark on all four sides.
function faded(context, small, side, large) {
	const [first, last] = [(side - large) / 2, (side + large) / 2];
	context.drawImage(small, first, first, large, large);
	const reach = 0.16 * large;
	for (const [x0, y0, x1, y1] of [
		[0, first, 0, first + reach],
		[0, last, 0, last - reach],
		[first, 0, first + reach, 0],
		[last, 0, last - reach, 0],
	]) {
		const shade = context.createLinearGradient(x0, y0, x1, y1);
		shade.addColorStop(0, "#000");
		shade.addColorStop(1, "rgb(0 0 0 / 0%)");
		context.fillStyle = shade;
		const low = Math.min(x0 + y0, x1 + y1);
		if (x0 === x1) context.fillRect(first - 1, low - 1, large + 2, reach + 2);
		else context.fillRect(low - 1, first - 1, reach + 2, large + 2);
	}
}

function touched() {
	playing = 0;
	wait();
}

function wait() {
	clearTimeout(alone);
	alone = setTimeout(leftAlone, ALONE);
}

function leftAlone() {
	show(bone.today);
	if (!unmoved.matches) play();
}

// From today on to the end, back to the beginning, and on again, until somebody comes.
function play() {
	runs += 1;
	playing = runs;
	const [turn, last] = [runs, bone.ages.at(-1)];
	let [from, to, began] = [age, last, performance.now() + REST];
	const step = () => {
		if (playing !== turn) return;
		const moved = Math.max(0, ((performance.now() - began) / LIFE) * last);
		const way = Math.abs(to - from);
		show(from + Math.sign(to - from) * Math.min(moved, way));
		if (moved >= way) [from, to, began] = [to, to === last ? 0 : last, performance.now() + REST];
		requestAnimationFrame(step);
	};
	requestAnimationFrame(step);
}

part("years").addEventListener("input", () => {
	touched();
	show(Number(part("years").value));
});
addEventListener("keydown", (event) => {
	if (!bone || event.ctrlKey || event.metaKey || event.altKey) return;
	const step = {ArrowLeft: -0.5, ArrowDown: -0.5, ArrowRight: 0.5, ArrowUp: 0.5, PageUp: 4, PageDown: -4}[event.key];
	const place = {Home: bone.ages[0], End: bone.ages.at(-1)}[event.key];
	if (step === undefined && place === undefined) return;
	event.preventDefault();
	touched();
	show(place ?? age + step);
});
addEventListener("pointerdown", () => bone && touched());
addEventListener("resize", () => bone && paint());
addEventListener("dblclick", () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen?.()));
unmoved.addEventListener("change", () => bone && touched());
start();
