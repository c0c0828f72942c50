// Comfort only: every page works without this file. All that it asks the server for is whether there is something new in an open conversation.
(() => {
	"use strict";

	// Times are written in the organization's time zone; show the reader's own.
	for (const t of document.querySelectorAll("time[data-full]")) {
		const at = new Date(t.dateTime);
		if (!isNaN(at)) t.title = at.toLocaleString(document.documentElement.lang, { dateStyle: "full", timeStyle: "short" });
	}

	// What goes out later is chosen and shown in the reader's own time zone, unless it was chosen in another one.
	const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
	for (const input of document.querySelectorAll("input[data-zone]")) {
		const at = input.form.elements.at;
		if (!zone || at.value || input.value === zone) continue;
		const now = new Date();
		input.value = zone;
		at.min = new Date(now - now.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
		for (const name of input.form.querySelectorAll("[data-zone-name]")) name.textContent = "In the time zone " + zone;
	}
	for (const t of document.querySelectorAll("time[data-goes]")) {
		const at = new Date(t.dateTime);
		if (!isNaN(at)) t.title = at.toLocaleString(document.documentElement.lang, { dateStyle: "full", timeStyle: "short" });
	}

	// What was just sent can be taken back until it leaves. Then the page shows it, unless somebody is writing.
	for (const t of document.querySelectorAll("time[data-leaves]")) {
		const left = new Date(t.dateTime) - Date.now();
		if (isNaN(left) || left > 12e4 || left < -15e3) continue;
		setTimeout(() => {
			t.textContent = "It has left.";
			const undo = t.closest("article").querySelector("form[data-undo]");
			if (undo) undo.hidden = true;
			const writing = [...document.querySelectorAll("textarea, input[type=file]")].some((e) => e.value);
			if (!writing && !document.getElementById("flaw")) location.reload(); // a page with a flaw is a form that was sent
		}, Math.max(left, 0) + 1200);
	}

	// A formatted mail's frame grows to its content. The frame may run no script; it is only measured.
	const fit = (frame) => {
		const doc = frame.contentDocument;
		if (!doc || !doc.documentElement) return;
		const height = Math.min(Math.max(doc.documentElement.scrollHeight + 4, 96), 4000);
		frame.style.blockSize = height + "px";
	};
	for (const frame of document.querySelectorAll("iframe.paper")) {
		frame.addEventListener("load", () => fit(frame));
		const fold = frame.closest("details");
		if (fold) fold.addEventListener("toggle", () => fold.open && fit(frame));
	}

	// A draft outlives a reload or an expired session in this tab, and goes when the tab is closed or someone signs out.
	// What was sent is told by the page that follows.
	const drafts = "draft ";
	for (const done of document.querySelectorAll("[data-sent]")) sessionStorage.removeItem(drafts + done.dataset.sent);
	for (const area of document.querySelectorAll("textarea[data-draft]")) {
		const key = drafts + area.dataset.draft;
		const kept = sessionStorage.getItem(key);
		if (kept && !area.value) area.value = kept;
		area.addEventListener("input", () => area.value ? sessionStorage.setItem(key, area.value) : sessionStorage.removeItem(key));
	}
	for (const form of document.querySelectorAll("form[data-sign-out]")) form.addEventListener("submit", () => sessionStorage.clear());

	// Names and sizes of the files chosen, and a word when they are too large, before they are sent.
	const size = (n) => n < 1e3 ? n + " B" : n < 1e6 ? Math.round(n / 1e3) + " kB" : (n / 1e6).toFixed(1) + " MB";
	for (const input of document.querySelectorAll("input[type=file][data-limit]")) {
		const list = document.createElement("ul");
		list.className = "chosen";
		list.setAttribute("aria-live", "polite");
		input.after(list);
		input.addEventListener("change", () => {
			const files = [...input.files];
			const total = files.reduce((sum, f) => sum + f.size, 0);
			const over = total > Number(input.dataset.limit);
			list.replaceChildren(...files.map((f) => {
				const li = document.createElement("li");
				li.textContent = f.name + ", " + size(f.size);
				return li;
			}));
			input.setCustomValidity(over ? "Together these files are " + size(total) + "; at most " + Math.floor(input.dataset.limit / 1048576) + " MB can be sent at once." : "");
			if (over) input.reportValidity();
		});
	}

	// Who chose no time zone yet is proposed the one of this browser, if it is among those that can be chosen.
	for (const select of document.querySelectorAll("select[data-zone]")) {
		const mine = Intl.DateTimeFormat().resolvedOptions().timeZone;
		if ([...select.options].some((o) => o.value === mine)) select.value = mine;
	}

	// An open conversation says that it is being looked at, so that no notice leaves about what its reader is about to see, and tells of
	// what is new. A page that nobody has touched for five minutes is looked at by nobody.
	const here = document.querySelector("[data-here]");
	if (here) {
		let touched = Date.now();
		for (const kind of ["pointermove", "pointerdown", "keydown", "scroll", "focus"]) addEventListener(kind, () => { touched = Date.now(); }, { passive: true });
		setInterval(async () => {
			if (document.hidden || Date.now() - touched > 3e5) return;
			try {
				const answer = await fetch(here.dataset.here, { method: "POST", headers: { Accept: "application/json" } });
				if (answer.ok) here.hidden = (await answer.json()).unread === 0;
			} catch { /* the next time */ }
		}, 2e4);
	}

	// While somebody writes to customers, tell who will get the content by email and who a notice, and why. Only what is typed and the names of
	// files are asked about; files go when the form goes.
	for (const form of document.querySelectorAll("form[data-leaving]")) {
		const list = form.querySelector("[data-leaving-list]");
		let timer, latest = 0;
		const ask = async () => {
			const mine = ++latest;
			const note = form.elements.kind && form.elements.kind.value === "note";
			if (note || !form.elements.text.value.trim()) { list.hidden = true; return; }
			const asked = new FormData();
			for (const name of ["to", "contact", "subject", "text", "secure", "tight"]) {
				for (const value of new FormData(form).getAll(name)) asked.append(name, value);
			}
			for (const file of form.elements.files ? form.elements.files.files : []) asked.append("name", file.name);
			try {
				const answer = await fetch(form.dataset.leaving, { method: "POST", body: asked, headers: { Accept: "application/json" } });
				if (!answer.ok || mine !== latest) return;
				const lines = await answer.json();
				list.replaceChildren(...lines.map((line) => {
					const li = document.createElement("li");
					const who = document.createElement("bdi");
					who.textContent = line.who;
					li.append(who, " " + line.what);
					if (line.notice) li.className = "is-notice";
					return li;
				}));
				list.hidden = lines.length === 0;
			} catch { /* with the next key */ }
		};
		for (const kind of ["input", "change"]) form.addEventListener(kind, () => { clearTimeout(timer); timer = setTimeout(ask, 600); });
	}

	// A preview follows what is typed, a moment behind.
	for (const button of document.querySelectorAll("button[data-live]")) {
		let wait;
		const show = () => button.form.requestSubmit(button);
		button.form.addEventListener("input", () => { clearTimeout(wait); wait = setTimeout(show, 600); });
		if (button.dataset.live) show();
	}

	// One press is enough.
	for (const form of document.querySelectorAll("form[method=post]")) {
		form.addEventListener("submit", (event) => {
			if (event.submitter && event.submitter.formTarget) return; // it goes into a frame, and the page stays
			if (form.dataset.busy) event.preventDefault();
			form.dataset.busy = "1";
		});
	}
	addEventListener("pageshow", () => { for (const form of document.querySelectorAll("form[method=post]")) delete form.dataset.busy; });
})();
