// Put a viewer into its box and keep it in step with the value that Gradio sends.
import {draw} from "./draw.js";
import {register} from "./keys.js";
import {furnish, refresh} from "./panel.js";
import {listen} from "./pointer.js";
import {Viewer} from "./viewer.js";

const kept = new Map(); // name of the box -> viewer: a box that is made anew finds its film and window again

export function mount(element, props, watch) {
	const root = element.querySelector(".rv");
	const {id} = root.closest("[id^=viewer-]");
	const viewer = kept.get(id) ?? new Viewer();
	kept.set(id, viewer);
	const parts = install(root, viewer, props.title);
	if (props.upload) takeDrops(parts.stage, props.upload);
	watch("value", () => viewer.show(props.value));
	viewer.show(props.value);
}

// Furnish a box for a viewer and connect both; pages without Gradio begin here.
export function install(root, viewer, title) {
	const parts = furnish(root, title);
	root.viewer = viewer; // for other scripts of the page, and for tests

	const actions = {
		help: () => {
			parts.help.hidden = !parts.help.hidden;
			parts.bar.querySelector('[data-do="help"]').setAttribute("aria-expanded", String(!parts.help.hidden));
		},
		full: () => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen()),
	};
	register({root, viewer, actions});

	parts.bar.addEventListener("click", (event) => act(event.target.closest("[data-do]")?.dataset.do, viewer, actions));
	parts.preset.addEventListener("change", () => viewer.applyPreset(Number(parts.preset.value)));
	parts.over.querySelector("input").addEventListener("input", (event) => viewer.setOpacity(event.target.value / 100));
	listen(parts.canvas, viewer);

	let asked = false;
	const paint = () => {
		asked = false;
		if (!root.isConnected) return;
		draw(viewer, parts.canvas);
		refresh(parts, viewer);
	};
	viewer.onchange(() => {
		if (!asked) requestAnimationFrame(paint);
		asked = true;
	});
	new ResizeObserver(([entry]) => viewer.resize(entry.contentRect.width, entry.contentRect.height)).observe(parts.stage);
	return parts;
}

function act(action, viewer, actions) {
	const [verb, object] = (action ?? "").split(" ");
	if (verb === "tool") viewer.choose(object);
	else if (verb === "turn") viewer.turn(object);
	else if (verb === "invert") viewer.toggleInvert();
	else if (verb === "clear") viewer.clearMeasures();
	else if (verb === "reset") viewer.reset();
	else if (verb === "overlay") viewer.toggleOverlay();
	else if (verb) actions[verb]();
}

// A file dropped on the image goes the way of the upload box.
function takeDrops(stage, upload) {
	stage.addEventListener("dragover", (event) => event.preventDefault());
	stage.addEventListener("drop", (event) => {
		event.preventDefault();
		const input = document.querySelector(`#${upload} input[type=file]`);
		if (!input || !event.dataTransfer.files.length) return;
		input.files = event.dataTransfer.files;
		input.dispatchEvent(new Event("change", {bubbles: true}));
	});
}
