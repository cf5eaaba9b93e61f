// The page's own switches: light or dark, findings folded. Both are remembered by the browser; neither says anything about a patient.
(() => {
	const root = document.documentElement;
	const kept = (name) => {
		try {
			return localStorage.getItem(`bonestudio.${name}`);
		} catch {
			return null; // storage may be forbidden
		}
	};
	const keep = (name, value) => {
		try {
			localStorage.setItem(`bonestudio.${name}`, value);
		} catch {
			// the switch still works, it is only forgotten
		}
	};
	const apply = {
		light: (on) => {
			root.dataset.light = on ? "on" : "off";
			document.body.classList.toggle("dark", !on);
		},
		findings: (on) => {
			root.dataset.findings = on ? "shown" : "folded";
		},
	};
	const state = {light: kept("light") === "true", findings: kept("findings") !== "false"};
	const show = (name) => {
		apply[name](state[name]);
		for (const button of document.querySelectorAll(`[data-page="${name}"]`)) {
			button.setAttribute("aria-pressed", String(state[name]));
		}
	};
	const showAll = () => Object.keys(state).forEach(show);

	root.lang = "en";
	showAll();
	document.addEventListener("click", (event) => {
		const name = event.target.closest?.("[data-page]")?.dataset.page;
		if (!name) return;
		state[name] = !state[name];
		keep(name, state[name]);
		show(name);
	});
	// The header arrives after this script; bring its buttons to the kept state when it does.
	const watcher = new MutationObserver(() => {
		if (document.querySelector("[data-page]")) {
			watcher.disconnect();
			showAll();
		}
	});
	watcher.observe(document.body, {childList: true, subtree: true});
})();
