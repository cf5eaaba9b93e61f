// What a person writes stays. When a tab or a fold opens, Gradio (6.31) loads the parts in it and then writes their first values once more; while the server draws, that comes seconds later, over what was written meanwhile. A field that falls back so is given its words again.
(() => {
	const WATCHED = 10_000; // ms after something opened
	const written = new Map(); // field -> {before, now}
	let until = 0;
	const isField = (field) => field.matches?.("input:not([type=file], [type=checkbox], [type=radio]), textarea");

	const restore = (field, now) => {
		// Past the field's own setter, which frameworks replace, and told as if typed.
		Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), "value").set.call(field, now);
		for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, {bubbles: true}));
	};
	const watch = () => {
		for (const [field, {before, now}] of written) {
			if (field.isConnected && now !== before && field.value === before) restore(field, now);
		}
		if (performance.now() < until) requestAnimationFrame(watch);
		else written.clear();
	};
	const begin = () => {
		const running = performance.now() < until;
		until = performance.now() + WATCHED;
		if (!running) requestAnimationFrame(watch);
	};

	const on = (kind, answer) => document.addEventListener(kind, answer, {capture: true});
	on("focusin", ({target}) => {
		if (isField(target) && !written.has(target)) written.set(target, {before: target.value, now: target.value});
	});
	// What is asked of the server may set a field anew: from then on its answer counts.
	on("input", ({target, isTrusted}) => {
		if (!isTrusted) return;
		if (written.has(target)) written.get(target).now = target.value;
		else written.clear();
	});
	on("click", ({target}) => {
		if (target.closest?.("[role=tab], .label-wrap")) begin();
		else if (target.closest?.("button, [role=option], canvas, svg")) written.clear();
	});
	on("keydown", ({key, target}) => key === "Enter" && target.type !== "textarea" && written.clear());
	on("change", ({target}) => target.type === "file" && written.clear());
	on("drop", () => written.clear());
	begin();
})();
