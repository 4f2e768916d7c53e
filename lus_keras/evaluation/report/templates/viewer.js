"use strict";
(() => {
  const clips = new Map();

  const start = (figure) => {
    const data = JSON.parse(figure.dataset.clip);
    const slider = figure.querySelector("input[type=range]");
    const film = figure.querySelector(".film");
    const strips = film.querySelectorAll("img");
    const masks = figure.querySelector("input[type=checkbox]");
    const plot = figure.querySelector("svg");
    const cursor = plot && plot.querySelector(".cursor");
    const said = figure.querySelector("output");
    const play = figure.querySelector("button");
    const last = data.frames.length - 1;
    let timer = 0;

    const show = (place) => {
      place = Math.min(Math.max(place, 0), last);
      for (const strip of strips) {
        strip.style.left = `${-100 * (place % data.columns)}%`;
        strip.style.top = `${-100 * Math.floor(place / data.columns)}%`;
      }
      if (cursor) {
        const x = (100 * place) / Math.max(last, 1);
        cursor.setAttribute("x1", x);
        cursor.setAttribute("x2", x);
      }
      const marked = data.annotated[place];
      film.classList.toggle("annotated", marked === 1);
      const parts = [`frame ${data.frames[place]} of ${data.total}`];
      if (data.seconds.length) parts.push(`${data.seconds[place].toFixed(2)} s`);
      if (marked === 0 || marked === 1) parts.push(marked ? "annotated" : "not annotated");
      for (const [name, values] of data.curves) {
        parts.push(`${name} ${values[place].toFixed(2)}`);
      }
      said.textContent = parts.join(" · ");
      slider.value = place;
      slider.setAttribute("aria-valuetext", said.textContent);
    };

    const halt = () => {
      clearInterval(timer);
      timer = 0;
      play.textContent = "Play";
    };
    play.addEventListener("click", () => {
      if (timer) return halt();
      play.textContent = "Stop";
      timer = setInterval(() => {
        const place = Number(slider.value);
        show(place < last ? place + 1 : 0);
      }, data.interval);
    });

    if (masks) {
      masks.addEventListener("change", () => film.classList.toggle("masked", masks.checked));
    }
    slider.addEventListener("input", () => { halt(); show(Number(slider.value)); });
    for (const area of [film, plot].filter(Boolean)) {
      const scrub = (event) => {
        const box = area.getBoundingClientRect();
        show(Math.round(((event.clientX - box.left) / box.width) * last));
      };
      area.addEventListener("pointerdown", (event) => {
        halt();
        area.setPointerCapture(event.pointerId);
        scrub(event);
        event.preventDefault();
        slider.focus({ preventScroll: true });
      });
      area.addEventListener("pointermove", (event) => { if (event.buttons) scrub(event); });
    }
    figure.classList.add("live");
    show(Number(slider.value));
    clips.set(figure.id, (frame) => {
      halt();
      const place = data.frames.findIndex((number) => number >= frame);
      show(place < 0 ? last : place);
      figure.scrollIntoView({ block: "center" });
      slider.focus({ preventScroll: true });
    });
  };

  const follow = () => {
    const [id, frame] = decodeURIComponent(location.hash.slice(1)).split("@");
    if (frame !== undefined && clips.has(id)) clips.get(id)(Number(frame));
  };

  document.querySelectorAll("[data-clip]").forEach(start);
  addEventListener("hashchange", follow);
  addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((each) => { each.open = true; });
  });
  follow();
})();
