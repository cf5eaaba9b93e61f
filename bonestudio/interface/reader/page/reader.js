// One reading: show the open question, take one answer, show the next. The server decides what is open.
import {mountFilms} from "./films.js";

const part = (id) => document.getElementById(id);
const base = location.pathname.replace(/\/$/, "");
const KEYS = {real: "r", synthetic: "s", left: "ArrowLeft", right: "ArrowRight"};
const SHOWN = {real: "R", synthetic: "S", left: "←", right: "→"};
const WORDS = {real: "Real", synthetic: "Synthetic", left: "Left is older", right: "Right is older", 1: "1 best", 5: "5 worst"};
const PATIENCE = 60_000; // milliseconds until a request counts as lost
const SURE = ["", "guess", "", "", "", "certain"];

let view = null; // what the server says is open
let choice = null;
let painted = 0; // when the image could first be seen
let away = 0; // milliseconds paused or in another window since then
let left = null; // since when
let looked = {};
let sending = false;

class Refused extends Error {} // the studio has understood and says no; all else is tried again

async function reach(path, options) {
	const answer = await fetch(base + path, {cache: "no-store", signal: AbortSignal.timeout(PATIENCE), ...options});
	if (answer.ok) return answer;
	const told = await answer.json(); // a page of another server's, half an answer: not a refusal
	throw told.refused ? new Refused(told.refused) : new Error("The server did not answer.");
}

async function ask(path, options) {
	return (await reach(path, options)).json();
}

async function show(next) {
	view = next;
	choice = null;
	part("title").textContent = view.title;
	document.title = view.title;
	part("stage").textContent = view.state === "practice" ? "Practice, not counted" : "";
	part("progress").value = view.total ? view.answered / view.total : 0;
	if (!view.slot) return farewell();
	part("count").textContent = `${view.answered + 1}/${view.total}`;
	layOut();
	cover("Loading …");
	const films = await Promise.all(
		Array.from({length: view.images}, (_, side) => patiently("No connection. Trying again …", () => picture(side))),
	);
	looked = {zoomed: false, windowed: false, unfocused: 0, paused: 0, screen: window.innerWidth * window.innerHeight};
	await mountFilms(part("images"), films, view.question, looked);
	if (view.pause) await resting(`${view.answered} of ${view.total} are done. A pause does the eyes good; everything is saved.`);
	part("cover").hidden = true;
	await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
	painted = performance.now();
	away = 0;
	left = document.hasFocus() ? null : painted;
	part("asked").focus({preventScroll: true}); // Tab goes on from here to the answers
	return undefined;
}

async function picture(side) {
	return (await reach(`/image/${view.slot}/${side}`)).blob();
}

function layOut() {
	part("question").textContent = view.question;
	const graded = view.kind === "grading";
	part("choices").className = graded ? "row grades" : "row";
	part("choices").replaceChildren(...view.choices.map((name) => button(WORDS[name] ?? name, SHOWN[name] ?? name, () => choose(name), {choice: name})));
	part("sure").hidden = graded;
	for (const old of part("sure").querySelectorAll("button")) old.remove();
	if (!graded) part("sure").append(...[1, 2, 3, 4, 5].map((grade) => button(SURE[grade] ? `${grade} ${SURE[grade]}` : String(grade), null, () => send(grade), {sure: grade})));
	part("hint").textContent = graded
		? "Keys 1 to 5 choose, Enter saves. + − zoom, drag to window, I inverts, 0 resets."
		: `${view.choices.map((name) => `${SHOWN[name]} ${WORDS[name].toLowerCase()}`).join(", ")}; then 1 to 5 saves. + − zoom, drag to window, I inverts, 0 resets.`;
	refresh();
}

function button(text, key, act, data) {
	const made = document.createElement("button");
	made.type = "button";
	made.textContent = text;
	if (key && key !== text[0]) {
		const shown = document.createElement("kbd");
		shown.textContent = key;
		made.append(shown);
	}
	Object.assign(made.dataset, data);
	made.addEventListener("click", act);
	return made;
}

function refresh() {
	for (const made of part("choices").children) made.setAttribute("aria-pressed", String(made.dataset.choice === choice));
	for (const made of part("sure").querySelectorAll("button")) made.disabled = choice === null || sending;
}

// Until it is saved an answer can be changed; afterwards there is no way back.
function choose(name) {
	if (sending || !part("cover").hidden) return;
	const again = choice === name;
	choice = name;
	refresh();
	if (view.kind === "grading" && again) send(null);
}

async function send(confidence) {
	if (choice === null || sending || !part("cover").hidden) return;
	sending = true;
	refresh();
	back();
	const milliseconds = Math.max(0, Math.round(performance.now() - painted - away));
	const body = JSON.stringify({slot: view.slot, choice, confidence, milliseconds, looked});
	try {
		const next = await saved(body);
		part("trouble").textContent = "";
		sending = false;
		await show(next);
	} catch (error) {
		sending = false;
		part("trouble").textContent = error.message;
		refresh();
	}
}

// The answer is sent again until the server says that it has it; it counts once however often it comes.
function saved(body) {
	return patiently("No connection. Your answer is kept here and sent again …", () =>
		ask("/answer", {method: "POST", body, headers: {"Content-Type": "application/json"}}));
}

async function patiently(meanwhile, work) {
	for (let pause = 500; ; pause = Math.min(pause * 2, 8000)) {
		try {
			const done = await work();
			part("trouble").textContent = "";
			return done;
		} catch (error) {
			if (error instanceof Refused) throw error;
			part("trouble").textContent = meanwhile;
			await new Promise((done) => setTimeout(done, pause));
		}
	}
}

function cover(text) {
	part("cover").hidden = false;
	part("cover-text").textContent = text;
	part("go").hidden = true;
}

function resting(text) {
	cover(text);
	part("go").hidden = false;
	part("go").focus();
	return new Promise((done) => part("go").addEventListener("click", done, {once: true}));
}

function farewell() {
	part("asked").hidden = true;
	part("pause").hidden = true;
	part("images").replaceChildren();
	part("count").textContent = `${view.answered}/${view.total}`;
	const until = view.until ? new Date(view.until).toLocaleDateString("en", {dateStyle: "long"}) : "";
	cover({
		done: "All is read and saved. Thank you.",
		closed: "This study is closed.",
		washout: `The first reading is done and saved. Thank you.\nThe second one opens on ${until}, with this same link.`,
	}[view.state]);
}

function back() {
	if (left !== null) away += performance.now() - left;
	left = null;
}

function gone(why) {
	if (left !== null || !painted) return;
	left = performance.now();
	looked[why] += 1;
}

// Under the cover the clock stands still anyway, whichever window has the focus.
window.addEventListener("blur", () => part("cover").hidden && gone("unfocused"));
window.addEventListener("focus", () => part("cover").hidden && back());
part("pause").addEventListener("click", async () => {
	if (sending || !part("cover").hidden) return;
	gone("paused");
	await resting("Paused. The image is covered and time does not count; you may also close the page and come back with your link.");
	part("cover").hidden = true;
	back();
	part("asked").focus({preventScroll: true});
});

window.addEventListener("keydown", (event) => {
	if (event.ctrlKey || event.metaKey || event.altKey || !view?.slot || !part("cover").hidden) return;
	const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
	const named = view.choices.find((name) => (KEYS[name] ?? name) === key);
	// A button that has just been hidden may still hold the focus; it takes no Enter.
	const onButton = event.target.tagName === "BUTTON" && event.target.offsetParent !== null;
	const sure = view.kind !== "grading" && choice !== null && key >= "1" && key <= "5";
	if (named) choose(named);
	else if (sure) send(Number(key));
	else if (view.kind === "grading" && key === "Enter" && choice !== null && !onButton) send(null);
	else if (key >= "1" && key <= "9") part("trouble").textContent = "";
	else return;
	event.preventDefault();
	event.stopPropagation();
}, {capture: true});

try {
	await show(await patiently("No connection. Trying again …", () => ask("/view")));
} catch (error) {
	cover(error.message);
	part("asked").hidden = true;
	part("pause").hidden = true;
}
