"use strict";
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const unit = data.unit;
  const INFERNO = ["#000004", "#160b39", "#420a68", "#6a176e", "#932667", "#bc3754", "#dd513a", "#f37819", "#fca50a", "#f6d746", "#fcffa4"].map((c, i) => [i / 10, c]);
  const BOTH = ["#2d004b", "#542788", "#8073ac", "#b2abd2", "#d8daeb", "#f7f7f7", "#fee0b6", "#fdb863", "#e08214", "#b35806", "#7f3b08"].map((c, i) => [i / 10, c]);
  const CONFIG = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"], toImageButtonOptions: { format: "svg", filename: "drtengine" } };
  const FONT = { family: "system-ui, -apple-system, 'Segoe UI', Roboto, Arial, sans-serif", size: 13, color: "#1c2530" };
  const escaped = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  function floats(given) {
    const raw = atob(given.data), out = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
    return new Float32Array(out.buffer);
  }
  const tau = floats(data.tau), arrays = {}, falling = JSON.parse(data.falling), n = tau.length, m = data.places.length;
  Object.keys(data.arrays).forEach((name) => { arrays[name] = floats(data.arrays[name]); });
  const value = (name, b, k, t) => { const v = arrays[name][(b * m + k) * n + t]; return Number.isFinite(v) ? v : null; };
  const row = (name, b, k) => Array.from({ length: n }, (_, t) => value(name, b, k, t));
  const suffix = (k) => (k === 0 ? "" : String(k + 1));
  const branches = data.branches;
  function domain(b) { const gap = 0.04, width = (1 - gap * (branches.length - 1)) / branches.length; return [b * (width + gap), b * (width + gap) + width]; }
  function edges(values) {
    if (values.length === 1) return [values[0] - 0.5, values[0] + 0.5];
    const out = [1.5 * values[0] - 0.5 * values[1]];
    for (let k = 1; k < values.length; k++) out.push((values[k] + values[k - 1]) / 2);
    out.push(1.5 * values[values.length - 1] - 0.5 * values[values.length - 2]);
    return out;
  }
  const axis = (title, more) => Object.assign({ title: { text: title }, showline: true, mirror: true, linecolor: "#5b6773", ticks: "inside", gridcolor: "#edf0f3", zeroline: false, automargin: true }, more);
  const logarithmic = (title, more) => axis(title, Object.assign({ type: "log", exponentformat: "power", dtick: 1, tickfont: { size: 10.5 } }, more)); // powers are drawn larger
  const extreme = (names) => Math.max(1e-300, ...names.map((name) => arrays[name].reduce((top, v) => (Number.isFinite(v) ? Math.max(top, Math.abs(v)) : top), 0)));
  const top = extreme(["gamma_a", "gamma_b"]), most = extreme(["difference"]);
  const root = (v) => (v === null ? null : Math.sign(v) * Math.sqrt(Math.abs(v)));
  function ticks(highest, both) {
    const power = Math.pow(10, Math.floor(Math.log10(highest))), step = [0.2, 0.5, 1, 2].map((s) => s * power).find((s) => highest / s <= 5) || power, out = [0];
    out.push(step / 5);
    for (let v = step; v <= highest * 1.0001; v += step) out.push(v);
    const values = both ? out.slice(1).map((v) => -v).reverse().concat(out) : out;
    return { tickvals: values.map(root), ticktext: values.map((v) => String(Number(v.toPrecision(3))).replace("-", "−")) };
  }
  const seen = Array.from(tau, (_, t) => t).filter((t) => arrays.difference.some((v, at) => at % n === t && Number.isFinite(v)));
  const span = [Math.log10(tau[seen[0]]), Math.log10(tau[seen[seen.length - 1]])];
  const chosen = { b: 0, k: 0 };
  function map(id, name, title, both) {
    const traces = [], look = { height: 340, margin: { l: 70, r: 20, t: 44, b: 50 }, font: FONT, paper_bgcolor: "rgba(0,0,0,0)", hovermode: "closest", showlegend: false, annotations: [{ text: `<b>${escaped(title)}</b>`, x: 0, xref: "paper", y: 1.02, yref: "paper", yanchor: "bottom", showarrow: false }] };
    branches.forEach((branch, b) => {
      const z = [], real = [], dots = { x: [], y: [] };
      for (let t = 0; t < n; t++) {
        real.push(data.places.map((_, k) => value(name, b, k, t)));
        z.push(real[t].map(root));
        if (both) data.places.forEach((place, k) => { const low = value("difference_low", b, k, t), high = value("difference_high", b, k, t); if (low !== null && high !== null && low <= 0 && high >= 0) { dots.x.push(place); dots.y.push(tau[t]); } });
      }
      const highest = both ? most : top;
      traces.push({ type: "heatmap", x: edges(data.places), y: edges(Array.from(tau, Math.log)).map(Math.exp), z, customdata: real, xaxis: "x" + suffix(b), yaxis: "y" + suffix(b), colorscale: both ? BOTH : INFERNO, zmin: both ? -root(highest) : 0, zmax: root(highest), showscale: b === 0,
        colorbar: Object.assign({ title: { text: `${both ? "difference" : "γ"} / ${unit}<br>per unit ln τ`, side: "right" }, thickness: 14, outlinewidth: 0 }, ticks(highest, both)),
        hovertemplate: `${escaped(data.along)} %{x:.4g}<br>τ = %{y:.3g} s<br>%{customdata:.4g} ${unit}<extra>${escaped(branch)}</extra>` });
      if (both) traces.push({ x: dots.x, y: dots.y, mode: "markers", marker: { size: 2.5, color: "#8a949e" }, hoverinfo: "skip", xaxis: "x" + suffix(b), yaxis: "y" + suffix(b) });
      const ends = edges(data.places);
      look["xaxis" + suffix(b)] = axis(escaped(data.along), { domain: domain(b), anchor: "y" + suffix(b), showgrid: false, range: falling.includes(branch) ? [ends[ends.length - 1], ends[0]] : [ends[0], ends[ends.length - 1]] });
      look["yaxis" + suffix(b)] = logarithmic(b === 0 ? "τ / s" : "", { anchor: "x" + suffix(b), showgrid: false, showticklabels: b === 0, matches: b === 0 ? undefined : "y", range: span });
      if (branch) look.annotations.push({ text: escaped(branch), x: domain(b)[1], xref: "paper", xanchor: "right", y: 1.02, yref: "paper", yanchor: "bottom", showarrow: false });
    });
    Plotly.newPlot(id, traces, look, CONFIG);
    document.getElementById(id).on("plotly_click", (event) => {
      const point = event.points[0], b = branches.findIndex((_, k) => "x" + suffix(k) === point.data.xaxis);
      if (b >= 0 && point.pointNumber.length === 2) cut(b, point.pointNumber[1]);
    });
  }
  function cut(b, k) {
    chosen.b = b; chosen.k = k;
    document.getElementById("where").textContent = `${data.along} = ${data.places[k]}${branches[b] ? `, ${branches[b]}` : ""}`;
    document.getElementById("slider").value = b * m + k;
    const low = row("difference_low", b, k), high = row("difference_high", b, k);
    const traces = [
      { x: tau, y: row("gamma_a", b, k), mode: "lines", name: escaped(data.a), line: { color: "#0b5a7d", width: 2.4 }, hovertemplate: `τ = %{x:.3g} s<br>γ = %{y:.4g} ${unit}` },
      { x: tau, y: row("gamma_b", b, k), mode: "lines", name: escaped(data.b), line: { color: "#c8641e", width: 2.4, dash: "dash" }, hovertemplate: `τ = %{x:.3g} s<br>γ = %{y:.4g} ${unit}` },
      { x: tau, y: low, mode: "lines", line: { width: 0 }, yaxis: "y2", hoverinfo: "skip", showlegend: false },
      { x: tau, y: high, mode: "lines", line: { width: 0 }, fill: "tonexty", fillcolor: "rgba(60,70,80,.2)", yaxis: "y2", hoverinfo: "skip", name: "interval" },
      { x: tau, y: row("difference", b, k), mode: "lines", name: "difference", line: { color: "#1c2530", width: 1.6 }, yaxis: "y2", hovertemplate: `τ = %{x:.3g} s<br>%{y:.4g} ${unit}` }];
    Plotly.react("plot-cut", traces, { height: 460, margin: { l: 70, r: 20, t: 30, b: 50 }, font: FONT, paper_bgcolor: "rgba(0,0,0,0)", legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
      xaxis: logarithmic("τ / s", { anchor: "y2", mirror: "all", range: span }), yaxis: axis(`γ / ${unit} per unit ln τ`, { domain: [0.46, 1], rangemode: "tozero" }), yaxis2: axis(`difference / ${unit}`, { domain: [0, 0.4], zeroline: true, zerolinecolor: "#9aa5af" }) }, CONFIG);
  }
  map("plot-a", "gamma_a", data.a, false);
  map("plot-b", "gamma_b", data.b, false);
  map("plot-difference", "difference", `${data.a} − ${data.b}`, true);
  const slider = document.getElementById("slider");
  slider.max = branches.length * m - 1;
  slider.addEventListener("input", () => cut(Math.floor(slider.value / m), slider.value % m));
  let first = 0;
  while (first < branches.length * m - 1 && row("difference", Math.floor(first / m), first % m).every((v) => v === null)) first++;
  cut(Math.floor(first / m), first % m);
  document.body.dataset.ready = "true";
})();
