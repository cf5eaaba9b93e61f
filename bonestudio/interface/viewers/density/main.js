// The map under its viewer's eyes: opacity, layers, colour bar, and the density under the pointer.
// The server is asked for none of it: film, layers and densities travel once.

import {boxOf, isOwnKey, unpacked, whenSeen} from "../shared.js";

const LAYERS = {map: ["Map", "D"], regions: ["Regions", "G"], error: ["Error", "E"]};
// What a person reads in the tip of each button; the outlines are drawn in these colours.
const NAMED = {map: "Density in colours", regions: "Outlines of the regions", error: "Estimate less true density"};
const OUTLINES = {"Total hip": "#e6e8eb", Neck: "#4cc9f0", Trochanter: "#f0b429"};
const ERROR_COLOURS = ["#4a7dff", "#4a7dff00", "#e5484d"];

export async function mount(element, props, watch, tell) {
	const deck = element.querySelector(".dn");
	const root = await boxOf(props.viewer);
	const {viewer} = root;
	const state = {shown: {map: true, regions: true, error: false}, values: null, told: false, opacity: null};
	deck.density = state; // for tests
	furnish(deck, props.bar);
	const part = (name) => deck.querySelector(`.dn-${name}`);

	part("opacity").addEventListener("input", (event) => {
		state.opacity = event.target.value / 100;
		viewer.setOpacity(state.opacity);
	});
	deck.addEventListener("click", (event) => {
		const layer = event.target.closest("[data-layer]")?.dataset.layer;
		if (layer) toggle(layer);
	});

	function toggle(layer) {
		if (!viewer.overlays.some((overlay) => overlay.name === layer)) return;
		state.shown[layer] = !state.shown[layer];
		// Map and error have different colours for one place: one of the two is seen.
		if (layer === "error" && state.shown.error) state.shown.map = false;
		if (layer === "map" && state.shown.map) state.shown.error = false;
		viewer.overlayShown = true;
		viewer.changed();
	}

	const refresh = () => {
		deck.inert = !viewer.film;
		const there = new Set(viewer.overlays.map((overlay) => overlay.name));
		for (const overlay of viewer.overlays) overlay.shown = state.shown[overlay.name] ?? true;
		for (const button of deck.querySelectorAll("[data-layer]")) {
			const {layer} = button.dataset;
			button.hidden = !there.has(layer);
			button.setAttribute("aria-pressed", String(state.shown[layer]));
		}
		part("tools").hidden = there.size === 0;
		part("none").hidden = there.size > 0 || !viewer.film;
		part("opacity").value = Math.round(100 * viewer.opacity);
		part("share").textContent = `${Math.round(100 * viewer.opacity)} %`;
		part("bar").hidden = state.shown.error && there.has("error");
		part("errors").hidden = !part("bar").hidden;
		part("outlines").hidden = !state.shown.regions || !there.has("regions");
		part("here").textContent = reading(viewer, state);
	};
	viewer.onchange(refresh);

	let latest = 0;
	const show = async () => {
		const {value} = props;
		if (!value) return;
		const turn = (latest += 1);
		const values = value.values ? new Uint16Array(await unpacked(value.values)) : null;
		if (turn !== latest) return;
		// Whoever has set an opacity keeps it for the next film.
		for (const overlay of value.sheet.overlays) overlay.opacity = state.opacity ?? overlay.opacity;
		if (state.shown.error && !value.sheet.overlays.some((overlay) => overlay.name === "error")) {
			state.shown = {...state.shown, error: false, map: true};
		}
		state.values = null;
		await viewer.show(value.sheet);
		if (turn !== latest || !viewer.film) return;
		state.values = values;
		state.told = value.told;
		viewer.changed();
	};
	watch("value", show);
	show();
	listen(root, toggle);
	whenSeen(root, () => props.value || tell.open());
}

function furnish(deck, bar) {
	const [low, high] = bar.scale;
	const ramp = bar.colours.map((rgb) => `rgb(${rgb.join(" ")})`).join(", ");
	const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => `<span>${(low + share * (high - low)).toFixed(1)}</span>`).join("");
	const [less, more] = [-bar.error, bar.error].map((value) => `${value > 0 ? "+" : "−"}${Math.abs(value).toFixed(1)}`);
	deck.innerHTML = `
<div class="dn-tools">
	<label class="dn-wide"><span>Map over the film</span><input type="range" class="dn-opacity" min="0" max="100" step="1" aria-label="Opacity of the map in per cent"><output class="dn-share"></output></label>
	<div class="dn-row">
		<div class="dn-bar" role="img" aria-label="Colours from ${low} to ${high} g/cm²"><i style="background:linear-gradient(90deg, ${ramp})"></i><p>${ticks}</p></div>
		<div class="dn-errors" role="img" aria-label="Estimated less true, ${less} to ${more} g/cm²" hidden><i style="background:linear-gradient(90deg, ${ERROR_COLOURS.join(", ")})"></i><p><span>${less} too low</span><span>0</span><span>${more} too dense</span></p></div>
		<span class="dn-unit">g/cm²</span>
		<span class="dn-layers" role="group" aria-label="Layers">${Object.entries(LAYERS).map(([name, [title, letter]]) => `<button type="button" data-layer="${name}" aria-pressed="false" title="${NAMED[name]} (${letter})" hidden>${title}</button>`).join("")}</span>
		<span class="dn-outlines">${Object.entries(OUTLINES).map(([name, colour]) => `<span><i style="background:${colour}"></i>${name}</span>`).join("")}</span>
		<output class="dn-here"></output>
	</div>
</div>
<p class="dn-none" hidden>No map: no density is told of this film.</p>`;
	deck.inert = true;
}

function reading(viewer, {values}) {
	const at = viewer.reading;
	if (!at || !values || values.length !== viewer.film.width * viewer.film.height) return "";
	const mg = values[at.y * viewer.film.width + at.x];
	return mg ? `${(mg / 1000).toFixed(2)} g/cm² here` : "no femur here";
}

// Keys that the viewer itself has no use for: densities, outlines of regions, error.
const KEYS = Object.fromEntries(Object.entries(LAYERS).map(([name, [, letter]]) => [letter.toLowerCase(), name]));
const HELP = `<div><dt>D, G, E</dt><dd>map of density, regions, error</dd></div>`;

function listen(root, toggle) {
	root.querySelector(".rv-help").insertAdjacentHTML("beforeend", HELP);
	document.addEventListener("keydown", (event) => {
		if (!KEYS[event.key] || !isOwnKey(event, root, "#tab-density")) return;
		event.preventDefault();
		toggle(KEYS[event.key]);
	});
}
