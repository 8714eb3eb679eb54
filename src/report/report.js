"use strict";

// A run's grids become one picture at a time, chosen by a slider from the oldest to the newest.
for (const box of document.querySelectorAll(".slides")) {
  const slides = [...box.querySelectorAll("figure")].reverse();
  if (slides.length < 2) continue;
  const slider = document.createElement("input");
  slider.type = "range";
  slider.max = slider.value = slides.length - 1;
  slider.setAttribute("aria-label", "step of the grid");
  const show = () => slides.forEach((slide, i) => { slide.hidden = i !== Number(slider.value); });
  slider.addEventListener("input", show);
  box.replaceChildren(slider, ...slides);
  show();
}

const numbers = (text) => text.split(" ").filter(Boolean).map(Number);

// From a value to pixels: `begin` at the scale's low end, `begin + length` at its high one.
function scaleOf(text, begin, length) {
  const [low, high, kind] = text.split(" ");
  const place = kind === "log" ? Math.log : Number;
  return (value) => begin + length * (place(value) - place(low)) / (place(high) - place(low));
}

const tip = document.createElement("div");
tip.className = "tip";
tip.hidden = true;
document.body.append(tip);

function nearest(xs, x) {
  let best = -1;
  for (let i = 0; i < xs.length; ++i)
    if (best < 0 || Math.abs(xs[i] - x) < Math.abs(xs[best] - x)) best = i;
  return best;
}

// The values under the pointer, and where they are.
for (const chart of document.querySelectorAll(".chart[data-frame]")) {
  const [left, top, width, height] = numbers(chart.dataset.frame);
  const x = scaleOf(chart.dataset.xScale, left, width);
  const lines = [...chart.querySelectorAll(".chart-line")].map((line) => {
    const xs = numbers(line.dataset.x);
    return { label: line.dataset.label, xs, ys: numbers(line.dataset.y), pixels: xs.map(x) };
  }).filter((line) => line.xs.length > 0);
  const cursor = document.createElementNS("http://www.w3.org/2000/svg", "path");
  cursor.setAttribute("class", "cursor");
  const hide = () => { tip.hidden = true; cursor.remove(); };
  chart.addEventListener("pointerleave", hide);
  chart.addEventListener("pointermove", (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(chart.getScreenCTM().inverse());
    if (lines.length === 0 || at.x < left - 4 || at.x > left + width + 4) return hide();
    const found = lines.map((line) => ({ line, i: nearest(line.pixels, at.x) }));
    const pixel = found.map(({ line, i }) => line.pixels[i])
      .reduce((a, b) => (Math.abs(a - at.x) <= Math.abs(b - at.x) ? a : b));
    const here = found.filter(({ line, i }) => Math.abs(line.pixels[i] - pixel) < 0.5);
    const value = here[0].line.xs[here[0].i];
    tip.textContent = [`${chart.dataset.xLabel} ${value.toLocaleString("en")}`, ...here.map(({ line, i }) =>
      `${line.label ? `${line.label}: ` : ""}${Number(line.ys[i].toPrecision(5))}`)].join("\n");
    cursor.setAttribute("d", `M${pixel} ${top}v${height}`);
    chart.append(cursor);
    tip.hidden = false;
    const beyond = event.clientX + 24 + tip.offsetWidth > document.documentElement.clientWidth;
    tip.style.left = `${beyond ? Math.max(0, event.clientX - 16 - tip.offsetWidth) : event.clientX + 16}px`;
    tip.style.top = `${event.clientY + 16}px`;
  });
}
