// What every script of a viewer needs: files of the visitor's folder, and the radiograph viewer beside it.

export const addressOf = (file) => file.url ?? new URL(`gradio_api/file=${file.path}`, document.baseURI).toString();

// Bytes of a gzipped file; `gone` says what to do when the server has it no more.
export async function unpacked(file, gone = "The picture is no longer on the server; please open it again.") {
	const answer = await fetch(addressOf(file));
	if (!answer.ok) throw new Error(gone);
	return new Response(answer.body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

// The box of the radiograph viewer of a name, once its script has run; the viewer itself is `box.viewer`.
export async function boxOf(name) {
	for (;;) {
		const box = document.querySelector(`#viewer-${name} .rv`);
		if (box?.viewer) return box;
		await new Promise((done) => setTimeout(done, 30));
	}
}

// Networks load when somebody comes to look, not with the page.
export function whenSeen(element, then) {
	const watcher = new IntersectionObserver(([entry]) => {
		if (!entry.isIntersecting) return;
		watcher.disconnect();
		then();
	});
	watcher.observe(element);
}

// A key pressed for nothing else: no shortcut of the system, not in a field, and on the tab that is seen.
export function isOwnKey(event, box, tab) {
	const {target} = event;
	if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || box.offsetParent === null) return false;
	if (target.closest?.("input:not([type=range]), textarea, select, [contenteditable]:not([contenteditable='false'])")) return false;
	return target === document.body || Boolean(target.closest?.(tab));
}
