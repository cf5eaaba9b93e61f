// The bar above the image and the writing in its corners.
import {WHITE} from "./film.js";
import {ICONS} from "./icons.js";
import {PRESETS} from "./presets.js";
import {HELP} from "./keys.js";

const button = (action, icon, title, kind = "") =>
	`<button type="button" data-do="${action}" title="${title}" aria-label="${title}" ${kind}>${ICONS[icon]}</button>`;
const tool = (name, title) => button(`tool ${name}`, name, title, 'aria-pressed="false"');
const options = PRESETS.map((preset, index) => `<option value="${index + 1}">${index + 1} ${preset.name}</option>`).join("");
const keys = HELP.map(([key, what]) => `<div><dt>${key}</dt><dd>${what}</dd></div>`).join("");

const HTML = `
<div class="rv-bar" role="toolbar" aria-label="Image tools">
	<span class="rv-group" role="group" aria-label="Drag to">
		${tool("window", "Window and level (W)")}${tool("pan", "Pan (P)")}${tool("length", "Length (L)")}${tool("angle", "Angle (A)")}
	</span>
	<span class="rv-group">
		${button("invert", "invert", "Invert (I)", 'aria-pressed="false"')}${button("turn right", "right", "Turn right (R)")}${button("turn sideways", "sideways", "Mirror (M)")}
	</span>
	<span class="rv-group">${button("clear", "clear", "Remove all measurements (Shift+Delete)")}${button("reset", "reset", "Reset (0)")}</span>
	<select class="rv-preset" aria-label="Window preset (1 to 9)" title="Window preset (1 to 9)"><option value="" hidden>Own window</option>${options}</select>
	<span class="rv-group rv-over" hidden>
		${button("overlay", "overlay", "Overlay on or off (O)", 'aria-pressed="true"')}
		<input type="range" min="0" max="100" step="1" aria-label="Overlay opacity in per cent">
	</span>
	<span class="rv-group rv-end">${button("full", "full", "Full screen (F)")}${button("help", "help", "Keys (?)", 'aria-expanded="false"')}</span>
</div>
<div class="rv-stage">
	<canvas class="rv-canvas" tabindex="0" role="application" aria-roledescription="radiograph viewer"></canvas>
	<p class="rv-name" aria-hidden="true"></p>
	<p class="rv-second" aria-hidden="true"></p>
	<p class="rv-mark" role="status"></p>
	<p class="rv-read" aria-hidden="true"></p>
	<p class="rv-window" aria-hidden="true"></p>
	<p class="rv-message" role="status"></p>
	<p class="rv-spoken" role="status"></p>
	<dl class="rv-help" hidden>${keys}</dl>
</div>`;

const grey = new Intl.NumberFormat("en", {maximumFractionDigits: 0});

export function furnish(root, title) {
	root.innerHTML = HTML;
	root.querySelector("canvas").setAttribute("aria-label", `${title}. Press ? for the keys.`);
	return Object.fromEntries(
		["bar", "stage", "canvas", "name", "second", "mark", "read", "window", "message", "spoken", "help", "preset", "over"].map((part) => [
			part,
			root.querySelector(`.rv-${part}`),
		]),
	);
}

const escaped = (text) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
const named = (film) => (film ? `${escaped(film.name)}${film.badge ? ` <b>${escaped(film.badge)}</b>` : ""}` : "");

export function refresh(parts, viewer) {
	const {film} = viewer;
	parts.bar.inert = !film;
	for (const one of parts.bar.querySelectorAll('[data-do^="tool"]')) {
		one.setAttribute("aria-pressed", String(one.dataset.do === `tool ${viewer.tool}`));
	}
	parts.bar.querySelector('[data-do="invert"]').setAttribute("aria-pressed", String(viewer.invert));
	parts.bar.querySelector('[data-do="overlay"]').setAttribute("aria-pressed", String(viewer.overlayShown));
	parts.preset.value = viewer.preset ?? "";
	parts.over.hidden = viewer.overlays.length === 0;
	parts.over.querySelector("input").value = Math.round(viewer.opacity * 100);
	parts.canvas.dataset.tool = viewer.tool;
	write(parts.name, named(film));
	write(parts.second, named(viewer.films[1]));
	write(parts.mark, viewer.mark);
	write(parts.message, film ? "" : escaped(viewer.message));
	write(parts.spoken, viewer.measures.length ? viewer.state().measures.at(-1).label : "");
	write(parts.read, film ? readout(viewer) : "");
	write(parts.window, film && viewer.view ? windowText(viewer) : "");
}

// innerHTML only when it changes: this runs for every move of the pointer.
function write(part, html) {
	if (part.dataset.html === html) return;
	part.dataset.html = html;
	part.innerHTML = html;
}

function readout({reading, film}) {
	const unit = film.spacing ? "" : " · no pixel spacing: lengths in px";
	if (!reading) return unit.replace(" · ", "");
	return `x ${reading.x} &nbsp;y ${reading.y} &nbsp;grey ${grey.format(reading.grey)} of ${grey.format(WHITE)}${unit}`;
}

function windowText({window, view}) {
	const width = grey.format(window.high - window.low);
	const level = grey.format((window.low + window.high) / 2);
	return `W ${width} &nbsp;L ${level} &nbsp;zoom ${(view.scale * 100).toFixed(0)} %`;
}
