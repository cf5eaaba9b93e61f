// Windows as (low, high) on the 16-bit scale. 1 is what the file asks for; the others are measured on the film.
import {WHITE} from "./film.js";

const between = (darker, brighter) => (film) => [film.quantile(darker), film.quantile(brighter)];

export const PRESETS = [
	{name: "As read", window: (film) => film.window.map((share) => share * WHITE)},
	{name: "Full range", window: () => [0, WHITE]},
	{name: "Automatic", window: between(0.01, 0.995)},
	{name: "Bone", window: between(0.35, 0.998)},
	{name: "Cortex", window: between(0.7, 0.9995)},
	{name: "Trabeculae", window: between(0.5, 0.97)},
	{name: "Soft tissue", window: between(0.005, 0.6)},
	{name: "Skin line", window: between(0, 0.15)},
	{name: "Flat", window: (film) => [-0.5 * film.quantile(0.995), 1.5 * film.quantile(0.995)]},
];

export function presetWindow(number, film) {
	const [low, high] = PRESETS[number - 1].window(film);
	return high - low >= 1 ? {low, high} : {low, high: low + 1};
}

// Dragging moves the level up and down and the width sideways, as reading rooms are used to.
export function dragged({low, high}, dx, dy, box) {
	const width = Math.min(4 * WHITE, Math.max(64, (high - low) * Math.exp((dx / box.width) * 3)));
	const level = Math.min(1.5 * WHITE, Math.max(-0.5 * WHITE, (low + high) / 2 + (dy / box.height) * Math.max(high - low, WHITE / 16)));
	return {low: level - width / 2, high: level + width / 2};
}
