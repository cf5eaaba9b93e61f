// Beside the image: what the model makes of this film, what age changes, and the files to take along.
import {between, paintDifference} from "./frames.js";

const KINDS = ["PNG", "GIF", "MP4"];
const VERDICTS = {"in-domain": "yes", doubtful: "doubtful", out: "no"};

const HTML = `
<h2 class="bs-heading">What age alone changes</h2>
<div class="ag-change"><canvas width="1" height="1" role="img"></canvas></div>
<p class="ag-legend"><b class="ag-more">brighter</b><b class="ag-less">darker</b><span>than now</span></p>
<h2 class="bs-heading">Readings</h2>
<dl class="bs-facts">
	<div title="Correlation of what the model reads from the film and from the aged image: 1 is the same bone, two bones are near 0"><dt>Same bone</dt><dd data-read="identity"></dd></div>
	<div><dt>Mean change</dt><dd data-read="change"></dd></div>
	<div><dt>Known kind</dt><dd data-read="domain"></dd></div>
	<div><dt>Age now</dt><dd data-read="age"></dd></div>
</dl>
<h2 class="bs-heading">Save, marked as simulated</h2>
<div class="ag-save" role="group" aria-label="Save as">${KINDS.map((kind) => `<button type="button" data-kind="${kind}" title="${kind === "PNG" ? "Film, redrawn film, aged bone and change, side by side" : "The bone growing to the age shown"}">${kind}</button>`).join("")}</div>`;

export function furnishFindings(panel, ageing, save) {
	panel.innerHTML = HTML;
	panel.inert = true;
	panel.querySelector(".ag-save").addEventListener("click", (event) => {
		const {kind} = event.target.closest("[data-kind]")?.dataset ?? {};
		if (kind) save(kind);
	});
	let asked = false;
	ageing.onchange(() => {
		if (!asked) requestAnimationFrame(() => ((asked = false), refresh(panel, ageing)));
		asked = true;
	});
	refresh(panel, ageing);
}

function refresh(panel, ageing) {
	const {frames, age} = ageing;
	if (!frames) return;
	panel.inert = false;
	const tell = (name, text) => {
		panel.querySelector(`[data-read="${name}"]`).textContent = text;
	};
	const canvas = panel.querySelector("canvas");
	const change = paintDifference(frames, ageing.grey, canvas);
	canvas.setAttribute("aria-label", `Change of grey from ${frames.age.toFixed(1)} to ${age.toFixed(1)} years`);
	tell("identity", `${between(frames, frames.identity, age).toFixed(2)} of 1`);
	tell("change", `${(100 * change).toFixed(1)} % of full grey`);
	tell("domain", domainText(frames.domain));
	tell("age", `${frames.age.toFixed(1)} years, ${frames.ageKnown ? "as given" : "as the model reads it"}`);
}

function domainText({verdict, error, distance}) {
	const told = [["error", error], ["distance", distance]].filter(([, share]) => share !== null);
	const shares = told.map(([name, share]) => `${name} ${Math.round(100 * share)} % of its limit`);
	return `${VERDICTS[verdict]}${shares.length ? ` (${shares.join(", ")})` : ""}`;
}
