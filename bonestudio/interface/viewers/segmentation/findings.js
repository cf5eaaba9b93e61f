// Beside the image: each bone with its switch, and the wrist's measurements, which show where they are.
const EYES = {true: "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8z", false: "M1.5 8S4 12 8 12 14.5 8 14.5 8M3 12l1.5-2M8 13.5V12M13 12l-1.5-2"};
const escaped = (text) => String(text).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

export function furnishFindings(panel, bones, jump) {
	panel.innerHTML = `
<h2 class="bs-heading">Bones</h2><ul class="sg-bones" aria-label="Bones"></ul>
<h2 class="bs-heading">Wrist</h2><div class="sg-wrist"></div>`;
	const [list, wrist] = [panel.querySelector(".sg-bones"), panel.querySelector(".sg-wrist")];
	list.addEventListener("click", (event) => {
		const {eye, bone} = event.target.closest("button")?.dataset ?? {};
		if (eye !== undefined) bones.toggle(Number(eye));
		else if (bone !== undefined) bones.choose(Number(bone));
	});
	wrist.addEventListener("click", (event) => {
		const {measure} = event.target.closest("button")?.dataset ?? {};
		if (measure) jump(measure);
	});
	const refresh = () => {
		write(list, bones.bones.map((bone, index) => boneRow(bones, bone, index)).join(""));
		write(wrist, bones.film ? bones.wrist.measurements.map(measureRow).join("") : "");
	};
	bones.onchange((what) => what !== "stroke" && refresh());
	refresh();
}

function boneRow(bones, {name, colour: [r, g, b], shown, pixels}, index) {
	const {spacing} = bones.film;
	const area = spacing ? `${((pixels * spacing[0] * spacing[1]) / 100).toFixed(2)} cm²` : `${pixels} px`;
	const dice = bones.dice?.[name];
	const told = pixels ? area : "none";
	return `<li class="${pixels ? "" : "sg-none"}">
<button type="button" data-eye="${index}" aria-pressed="${shown}" aria-label="Show ${escaped(name)}" title="Show or hide"><svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.3"><path d="${EYES[shown]}"/>${shown ? '<circle cx="8" cy="8" r="2"/>' : ""}</svg></button>
<button type="button" class="sg-bone" data-bone="${index}" aria-pressed="${index === bones.chosen}" title="The brush paints this bone (N: next)"><i style="background:rgb(${r} ${g} ${b})"></i>${escaped(name)}</button>
<span>${dice === undefined ? told : `Dice ${dice.toFixed(3)}`}</span></li>`;
}

export const spoken = (value, unit) => `${value.toFixed(1).replace("-", "−")}${unit === "°" ? "" : " "}${unit}`;

function measureRow({name, title, value, unit, not_measurable: why, normal, normal_source: source}) {
	const range = `${normal.map((end) => String(end).replace("-", "−")).join(" to ")}${unit === "°" ? "" : " "}${unit}`;
	if (value === null) return `<div class="sg-measure"><b>${title}</b><p>Not measurable. ${escaped(why)}</p></div>`;
	const within = value >= normal[0] && value <= normal[1];
	return `<button type="button" class="sg-measure" data-measure="${name}" title="${escaped(source)}. Press to see the lines.">
<b>${title}</b><output>${spoken(value, unit)}</output><span>${within ? "" : value < normal[0] ? "below " : "above "}adults’ normal ${range}</span></button>`;
}

// innerHTML only when it changes: the focus stays where it is.
function write(part, html) {
	if (part.dataset.html === html) return;
	part.dataset.html = html;
	const {eye, bone, measure} = part.contains(document.activeElement) ? document.activeElement.dataset : {};
	part.innerHTML = html;
	const again = eye !== undefined ? `[data-eye="${eye}"]` : bone !== undefined ? `[data-bone="${bone}"]` : measure ? `[data-measure="${measure}"]` : null;
	if (again) part.querySelector(again)?.focus();
}
