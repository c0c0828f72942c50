// Comfort only: looks for new mail, and brings the list up to date in place.
"use strict";
(() => {
	let stamp = document.body.dataset.stamp;
	let busy = false;
	async function look() {
		if (busy || document.hidden) return;
		busy = true;
		try {
			const state = await (await fetch("/state")).json();
			if (state.stamp !== stamp) {
				const text = await (await fetch(location.href)).text();
				const fresh = new DOMParser().parseFromString(text, "text/html");
				const list = fresh.getElementById("list");
				const old = document.getElementById("list");
				if (list && old) {
					const scroll = old.scrollTop;
					const grew = list.querySelectorAll(".mails li a").length > old.querySelectorAll(".mails li a").length;
					old.replaceWith(document.adoptNode(list));
					list.scrollTop = scroll;
					if (grew) list.querySelector(".mails li")?.classList.add("fresh");
				}
				stamp = state.stamp;
			}
		} catch {
			// The demo has ended, or is not there at the moment.
		}
		busy = false;
	}
	setInterval(look, 1500);
	document.addEventListener("visibilitychange", look);
})();
