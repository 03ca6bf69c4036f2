"use strict";
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const count = data.names.length;
  const several = count > 1;
  const unit = data.unit;
  const INFERNO = ["#000004", "#160b39", "#420a68", "#6a176e", "#932667", "#bc3754", "#dd513a", "#f37819", "#fca50a", "#f6d746", "#fcffa4"]
    .map((colour, i) => [i / 10, colour]);
  const VERDICTS = { pass: "#bcdcec", warn: "#e39a2d", fail: "#6d0f2c" };
  // ever lighter, each with a mark of its own, so that they part in grey too
  const LINES = ["#0b3c5d", "#b8441f", "#3f7d3a", "#7a4a9c", "#b08a00", "#2a8fa8", "#8c5a3c", "#c0608c", "#5d6770", "#6a8f1f"];
  const MARKS = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "star", "pentagon", "hexagon"];
  const INK = "#0b5a7d", OTHER = "#c8641e", PINNED = ["#8a949e", "#5d6770", "#a9b1b8", "#3d464e", "#c3c9ce"];
  const CONFIG = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
    toImageButtonOptions: { format: "svg", filename: "drtengine" } };

  // arrays

  function bytes(text) {
    const raw = atob(text), out = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
    return out;
  }
  const decoded = {};
  function array(name) {
    if (!(name in decoded)) {
      const given = data.arrays[name];
      decoded[name] = given && new Float32Array(bytes(given.data).buffer);
    }
    return decoded[name];
  }
  function row(name, i) {
    const width = data.arrays[name].shape[1];
    return array(name).subarray(i * width, (i + 1) * width);
  }
  function mask(name) {
    if (!data[name]) return null;
    if (!data[name].bits) data[name].bits = bytes(data[name].data);
    return (i, k) => (data[name].bits[i * data[name].row + (k >> 3)] >> (k & 7)) & 1;
  }
  const word = (table, i) => table.words[table.at[i]];
  const known = Number.isFinite;
  const used = mask("used"), flagged = mask("flagged");

  // words

  function short(value) {
    if (value === null || value === undefined || !known(value)) return "–";
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(2).replace("e", " × 10^").replace("^+", "^");
    return String(Number(value.toPrecision(4)));
  }
  function measured(value, u) { // as many digits as the uncertainty has
    if (value === null || !known(value)) return "–";
    if (u === null || u === undefined || !(u > 0)) return short(value);
    const size = Math.max(Math.abs(value), u), power = size < 1e-3 || size >= 1e5 ? Math.floor(Math.log10(size)) : 0, scale = Math.pow(10, power);
    const digits = Math.min(Math.max(1 - Math.floor(Math.log10(u / scale)), 0), 12);
    const text = `${(value / scale).toFixed(digits)} ± ${(u / scale).toFixed(digits)}`;
    return power ? `(${text}) × 10^${power}` : text;
  }
  function markup(text) { // powers of ten as superscripts; everything else as text
    const span = document.createElement("span");
    text.split(/(\^-?\d+)/).forEach((part) => {
      if (part[0] === "^" && part.length > 1) {
        const sup = document.createElement("sup"); sup.textContent = part.slice(1).replace("-", "−"); span.append(sup);
      } else span.append(part);
    });
    return span;
  }
  const escaped = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  function place(i) {
    return data.coordinates.filter((c) => c.numbers && c.numbers[i] !== null && c.name !== "time")
      .map((c) => `${c.name} ${short(c.numbers[i])}`).concat(
        data.coordinates.filter((c) => c.values && c.name !== "file").map((c) => word(c.values, i))).join(", ");
  }

  // plots

  const FONT = { family: "system-ui, -apple-system, 'Segoe UI', Roboto, Arial, sans-serif", size: 13, color: "#1c2530" };
  function layout(height, more) {
    return Object.assign({ height, margin: { l: 70, r: 20, t: 28, b: 50 }, font: FONT, hovermode: "closest",
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "#fff", legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 } }, more);
  }
  function axis(title, more) {
    return Object.assign({ title: { text: title, font: { size: 13.5 }, standoff: 8 }, showline: true, mirror: true, linecolor: "#5b6773", linewidth: 1, ticks: "inside",
      tickfont: { size: 12 }, gridcolor: "#edf0f3", zeroline: false, automargin: true }, more);
  }
  const logarithmic = (title, more) => axis(title, Object.assign({ type: "log", exponentformat: "power", dtick: 1, tickfont: { size: 10.5 } }, more)); // powers are drawn larger

  const tau = array("tau"), nodes = array("node_tau");
  const series = data.series, branches = series.branches;
  const whereIs = new Map();
  branches.forEach((branch, b) => branch.spectra.forEach((i, k) => whereIs.set(i, [b, k])));
  const inside = (i, t) => data.window.low[i] !== null && t >= data.window.low[i] * 0.9999 && t <= data.window.high[i] * 1.0001;

  let gammaMax = 0, gammaMin = 0;
  for (let i = 0; i < count; i++) {
    const gamma = row("node_gamma", i);
    for (let k = 0; k < nodes.length; k++) if (inside(i, nodes[k]) && known(gamma[k])) {
      gammaMax = Math.max(gammaMax, gamma[k]); gammaMin = Math.min(gammaMin, gamma[k]);
    }
  }
  const highestGamma = gammaMax; gammaMax = data.top;
  const state = { chosen: 0, pinned: [], view: "map", scale: "sqrt", tracks: false };

  const stretch = (value) => state.scale === "sqrt" ? Math.sign(value) * Math.sqrt(Math.abs(value)) : value;
  function colourTicks() {
    const power = Math.pow(10, Math.floor(Math.log10(gammaMax)));
    const step = [0.2, 0.5, 1, 2].map((s) => s * power).find((s) => gammaMax / s <= 6) || power;
    const values = [0];
    if (state.scale === "sqrt") values.push(step / 20, step / 5);
    for (let v = step; v <= gammaMax * 1.0001; v += step) values.push(v);
    if (gammaMin < -0.01 * gammaMax) values.unshift(Number(gammaMin.toPrecision(2)));
    return { tickvals: values.map(stretch), ticktext: values.map((v) => String(Number(v.toPrecision(3)))) };
  }
  function colours(b) {
    return { colorscale: INFERNO, zmin: stretch(gammaMin), zmax: stretch(gammaMax), showscale: b === 0,
      colorbar: Object.assign({ title: { text: `γ / ${unit}<br>per unit ln τ${highestGamma > 1.001 * gammaMax ? "<br>(highest: " + short(highestGamma) + ")" : ""}`, side: "right", font: { size: 12 } }, thickness: 14, len: 0.88, y: 0, yanchor: "bottom", outlinewidth: 0 }, colourTicks()) };
  }
  function domain(b) {
    const gap = 0.04, width = (1 - gap * (branches.length - 1)) / branches.length;
    return [b * (width + gap), b * (width + gap) + width];
  }
  const suffix = (n) => (n === 0 ? "" : String(n + 1));
  function edges(values) { // half way to the neighbours
    if (values.length === 1) return [values[0] - 0.5, values[0] + 0.5];
    const out = [1.5 * values[0] - 0.5 * values[1]];
    for (let k = 1; k < values.length; k++) out.push((values[k] + values[k - 1]) / 2);
    out.push(1.5 * values[values.length - 1] - 0.5 * values[values.length - 2]);
    return out;
  }
  const logEdges = (values) => edges(Array.from(values, Math.log)).map(Math.exp);

  function drawMap() {
    const traces = [], look = layout(470, { margin: { l: 70, r: 20, t: data.groups.length ? 62 : 40, b: 54 }, showlegend: false, annotations: [], shapes: [] });
    const top = data.verdict ? 0.925 : 1, spans = [];
    branches.forEach((branch, b) => {
      const x = "x" + suffix(b), strip = "y" + suffix(branches.length + b), y = "y" + suffix(b), names = branch.spectra.map((i) => data.names[i]);
      const z = [], text = [], real = [], ends = edges(branch.values);
      for (let k = 0; k < nodes.length; k++) {
        const line = new Array(branch.spectra.length), values = new Array(branch.spectra.length);
        branch.spectra.forEach((i, n) => { const v = row("node_gamma", i)[k]; values[n] = known(v) ? v : null; line[n] = known(v) ? stretch(v) : null; });
        z.push(line); real.push(values);
      }
      traces.push(Object.assign({ type: "heatmap", x: edges(branch.values), y: logEdges(nodes), z, customdata: real, text: nodes.length ? Array(nodes.length).fill(names) : text,
        xaxis: x, yaxis: y, hovertemplate: `%{text}<br>${escaped(series.label)} %{x:.4g}<br>τ = %{y:.3g} s<br>γ = %{customdata:.4g} ${unit}<extra>${escaped(branch.name)}</extra>`, zsmooth: false }, colours(b)));
      if (data.verdict) {
        const order = ["pass", "warn", "fail"];
        traces.push({ type: "heatmap", x: edges(branch.values), y: [0, 1], z: [branch.spectra.map((i) => order.indexOf(data.verdict[i]))], xaxis: x, yaxis: strip,
          zmin: 0, zmax: 2, showscale: false, colorscale: [[0, VERDICTS.pass], [0.33, VERDICTS.pass], [0.34, VERDICTS.warn], [0.66, VERDICTS.warn], [0.67, VERDICTS.fail], [1, VERDICTS.fail]],
          text: [branch.spectra.map((i) => `${data.names[i]}: ${data.verdict[i]}<br>${escaped(word(data.reason, i))}`)], hovertemplate: "%{text}<extra></extra>" });
        look["yaxis" + suffix(branches.length + b)] = { domain: [0.945, 1], anchor: x, showticklabels: false, ticks: "", zeroline: false, showgrid: false, fixedrange: true, range: [0, 1], mirror: true, showline: true, linecolor: "#5b6773" };
        if (b === 0) look.annotations.push({ text: "K–K", x: 0, xref: "paper", xanchor: "right", xshift: -6, y: 0.972, yref: "paper", yanchor: "middle", showarrow: false, font: { size: 12, color: "#5b6773" } });
      }
      [["low", nodes[0] / 2], ["high", nodes[nodes.length - 1] * 2]].forEach(([end, border]) => { // pale where nothing was measured
        traces.push({ x: ends, y: ends.map(() => border), mode: "lines", line: { width: 0 }, xaxis: x, yaxis: y, hoverinfo: "skip" });
        traces.push({ x: [ends[0], ...branch.values, ends[ends.length - 1]], y: [branch.spectra[0], ...branch.spectra, branch.spectra[branch.spectra.length - 1]].map((i) => data.window[end][i]), mode: "lines", line: { width: 0 }, fill: "tonexty", fillcolor: "rgba(128,128,128,.55)", xaxis: x, yaxis: y, hoverinfo: "skip" });
      });
      ["low", "high"].forEach((end) => traces.push({ x: branch.values, y: branch.spectra.map((i) => data.window[end][i]), mode: "lines", line: { color: "#ffffff", width: 1.2, dash: "dash" }, xaxis: x, yaxis: y, hoverinfo: "skip" }));
      if (state.tracks) data.tracks.filter((t) => t.branch === b).forEach((track) => traces.push({ x: track.peaks.map((p) => branch.values[whereIs.get(data.peaks.spectrum[p])[1]]),
        y: track.peaks.map((p) => data.peaks.tau[p]), mode: "lines", line: { color: "#ffffff", width: 1.6 }, opacity: 0.85, xaxis: x, yaxis: y, hoverinfo: "skip" }));
      look["xaxis" + suffix(b)] = axis(escaped(series.label), { domain: domain(b), anchor: y, showgrid: false, range: branch.falling ? [ends[ends.length - 1], ends[0]] : [ends[0], ends[ends.length - 1]] });
      look["yaxis" + suffix(b)] = logarithmic(b === 0 ? "τ / s" : "", { domain: [0, top - (data.verdict ? 0.005 : 0)], anchor: x, showgrid: false, showticklabels: b === 0, matches: b === 0 ? undefined : "y",
        range: [Math.log10(nodes[0]), Math.log10(nodes[nodes.length - 1])] });
      if (branch.name) look.annotations.push({ text: `<b>${escaped(branch.name)}</b>`, x: (domain(b)[0] + domain(b)[1]) / 2, xref: "paper", y: 1, yref: "paper", yanchor: "bottom", showarrow: false });
      spans.push(ends);
    });
    data.groups.forEach((group, g) => {
      if (g > 0) look.shapes.push({ type: "line", x0: group.from - 0.5, x1: group.from - 0.5, y0: 0, y1: 1, xref: "x", yref: "paper", line: { color: "#ffffff", width: 1 } });
      look.annotations.push({ text: escaped(group.name), x: (group.from + group.to - 1) / 2, xref: "x", y: 1, yref: "paper", yanchor: "bottom", showarrow: false, font: { size: 11 }, textangle: data.groups.length > 12 ? -45 : 0 });
    });
    state.fixed = look.shapes;
    look.shapes = state.fixed.concat(pointer());
    return [traces, look];
  }
  function pointer() {
    const at = whereIs.get(state.chosen);
    if (!at || state.view !== "map") return [];
    const value = branches[at[0]].values[at[1]];
    return [{ type: "line", x0: value, x1: value, y0: 0, y1: 1, xref: "x" + suffix(at[0]), yref: "paper", line: { color: "#19c3ff", width: 2 } }];
  }

  const MOST_CURVES = 40;
  function drawWaterfall() {
    const traces = [], look = layout(620, { showlegend: false, annotations: [], shapes: [] });
    branches.forEach((branch, b) => {
      const picked = [], step = Math.max(1, (branch.spectra.length - 1) / (MOST_CURVES - 1));
      for (let k = 0; k < branch.spectra.length - 0.5; k += step) picked.push(Math.round(k));
      const values = picked.map((k) => branch.values[k]);
      const gap = values.length > 1 ? Math.abs(values[values.length - 1] - values[0]) / (values.length - 1) : 1, height = 4 * gap / gammaMax;
      picked.slice().reverse().forEach((k) => {
        const i = branch.spectra[k], gamma = row("gamma", i), base = branch.values[k];
        const y = Array.from(gamma, (v, n) => (known(v) && inside(i, tau[n]) ? base + v * height : null));
        traces.push({ type: "scatter", x: [tau[0], tau[tau.length - 1]], y: [base, base], mode: "lines", line: { width: 0 }, xaxis: "x" + suffix(b), yaxis: "y" + suffix(b), hoverinfo: "skip" });
        traces.push({ type: "scatter", x: tau, y, mode: "lines", fill: "tonexty", fillcolor: "rgba(198,217,236,.85)", line: { color: i === state.chosen ? OTHER : "#17344a", width: i === state.chosen ? 2.5 : 1 }, xaxis: "x" + suffix(b), yaxis: "y" + suffix(b),
          customdata: Array.from(tau, (_, n) => [i, gamma[n]]), hovertemplate: `${escaped(data.names[i])}<br>τ = %{x:.3g} s<br>γ = %{customdata[1]:.4g} ${unit}<extra></extra>` });
      });
      look["xaxis" + suffix(b)] = logarithmic("τ / s", { domain: domain(b), anchor: "y" + suffix(b) });
      look["yaxis" + suffix(b)] = axis(b === 0 ? escaped(series.label) : "", { anchor: "x" + suffix(b), showgrid: false, autorange: true });
      const round = Math.pow(10, Math.floor(Math.log10(gammaMax)));
      if (b === 0) look.annotations.push({ text: `height of one division between baselines: γ = ${short(gammaMax / 4)} ${unit}`, x: 0, xref: "paper", y: 1, yref: "paper", yanchor: "bottom", showarrow: false, font: { size: 12, color: "#5b6773" } });
      if (branch.name) look.annotations.push({ text: `<b>${escaped(branch.name)}</b>`, x: domain(b)[1], xref: "paper", xanchor: "right", y: 1, yref: "paper", yanchor: "bottom", showarrow: false });
    });
    return [traces, look];
  }

  let listening = false;
  function overview() {
    if (!several) return;
    const [traces, look] = state.view === "map" ? drawMap() : drawWaterfall();
    const box = document.getElementById("plot-map");
    Plotly.react(box, traces, look, CONFIG);
    if (!listening) {
      listening = true;
      box.on("plotly_click", (event) => {
        const point = event.points[0];
        if (state.view === "waterfall") return choose(point.customdata[0]);
        const b = branches.findIndex((_, n) => "x" + suffix(n) === point.data.xaxis);
        if (b >= 0 && point.pointNumber && point.pointNumber.length === 2) choose(branches[b].spectra[point.pointNumber[1]]);
      });
    }
  }

  // one spectrum

  function points(i) {
    const f = row("frequency", data.grid[i]), out = [];
    for (let k = 0; k < f.length; k++) if (known(f[k]) && f[k] > 0) out.push(k);
    return out.sort((a, b) => f[b] - f[a]);
  }
  const pick = (values, order) => order.map((k) => (known(values[k]) ? values[k] : null));

  function drawGamma(i) {
    const traces = [], gamma = row("gamma", i);
    if (data.arrays.gamma_low) {
      const low = row("gamma_low", i), high = row("gamma_high", i);
      const on = Array.from(tau, (t, k) => inside(i, t) && known(low[k]));
      traces.push({ x: tau, y: Array.from(low, (v, k) => (on[k] ? v : null)), mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false });
      traces.push({ x: tau, y: Array.from(high, (v, k) => (on[k] ? v : null)), mode: "lines", line: { width: 0 }, fill: "tonexty", fillcolor: "rgba(11,90,125,.18)", name: "band", hoverinfo: "skip" });
    }
    state.pinned.filter((p) => p !== i).forEach((p, n) => traces.push({ x: tau, y: Array.from(row("gamma", p), (v, k) => (inside(p, tau[k]) && known(v) ? v : null)), mode: "lines", name: escaped(data.names[p]), line: { color: PINNED[n], width: 1.5, dash: ["dot", "dash", "dashdot", "longdash", "solid"][n] },
      hovertemplate: "τ = %{x:.3g} s<br>γ = %{y:.4g} " + unit }));
    traces.push({ x: tau, y: Array.from(gamma, (v) => (known(v) ? v : null)), mode: "lines", line: { color: INK, width: 1, dash: "dot" }, name: "extrapolated", hoverinfo: "skip" });
    traces.push({ x: tau, y: Array.from(gamma, (v, k) => (inside(i, tau[k]) && known(v) ? v : null)), mode: "lines", line: { color: INK, width: 2.4 }, name: "γ", hovertemplate: "τ = %{x:.3g} s<br>γ = %{y:.4g} " + unit });
    const mine = data.peaks.spectrum.map((s, p) => (s === i ? p : -1)).filter((p) => p >= 0);
    traces.push({ x: mine.map((p) => data.peaks.tau[p]), y: mine.map((p) => data.peaks.gamma[p]), mode: "markers", name: "peaks (hollow: at an edge)",
      error_x: { type: "data", symmetric: false, array: mine.map((p) => Math.max(0, (data.peaks.tau_high[p] || data.peaks.tau[p]) - data.peaks.tau[p])), arrayminus: mine.map((p) => Math.max(0, data.peaks.tau[p] - (data.peaks.tau_low[p] || data.peaks.tau[p]))), thickness: 1, width: 3, color: OTHER },
      marker: { color: OTHER, size: 8, symbol: mine.map((p) => (data.peaks.edge[p] ? "circle-open" : "circle")) },
      text: mine.map((p) => `R = ${short(data.peaks.R[p])} ${unit}`), hovertemplate: "τ = %{x:.3g} s<br>%{text}" });
    let highest = 0, lowest = 0;
    const curves = [i].concat(state.pinned);
    curves.forEach((p) => row("gamma", p).forEach((v, k) => { if (inside(p, tau[k]) && known(v)) { highest = Math.max(highest, v); lowest = Math.min(lowest, v); } }));
    if (data.arrays.gamma_high) { // a band that is wide somewhere must not flatten the curve
      const ceiling = 1.5 * highest;
      row("gamma_high", i).forEach((v, k) => { if (inside(i, tau[k]) && known(v)) highest = Math.max(highest, Math.min(v, ceiling)); });
    }
    const shade = { fillcolor: "#5b6773", opacity: 0.07, line: { width: 0 }, layer: "below", type: "rect", yref: "paper", y0: 0, y1: 1 };
    const ends = data.window.low[i] === null ? [] : [Object.assign({ x0: tau[0], x1: data.window.low[i] }, shade), Object.assign({ x0: data.window.high[i], x1: tau[tau.length - 1] }, shade)];
    Plotly.react("plot-gamma", traces, layout(330, { xaxis: logarithmic("τ / s", { range: [Math.log10(tau[0]), Math.log10(tau[tau.length - 1])] }),
      yaxis: axis(`γ / ${unit} per unit ln τ`, { range: [Math.min(1.08 * lowest, -0.02 * highest), 1.1 * (highest || 1)] }), shapes: ends }), CONFIG);
  }

  function drawNyquist(i) {
    const order = points(i), f = row("frequency", data.grid[i]), re = row("Z_real", i), im = row("Z_imag", i);
    const traces = [];
    state.pinned.filter((p) => p !== i).forEach((p, n) => { const o = points(p); traces.push({ x: pick(row("Z_real", p), o), y: pick(row("Z_imag", p), o).map((v) => (v === null ? null : -v)), mode: "lines", name: escaped(data.names[p]), line: { color: PINNED[n], width: 1.5, dash: ["dot", "dash", "dashdot", "longdash", "solid"][n] }, hoverinfo: "skip" }); });
    traces.push({ x: pick(re, order), y: pick(im, order).map((v) => (v === null ? null : -v)), mode: "markers", name: "measured", text: order.map((k) => `${short(f[k])} Hz` + (used(i, k) ? "" : " (left out)") + (flagged && flagged(i, k) ? " (stands out)" : "")),
      marker: { color: order.map((k) => (used(i, k) ? INK : "#fff")), size: 6, symbol: "circle", line: { width: order.map((k) => (flagged && flagged(i, k) ? 2 : 1)), color: order.map((k) => (flagged && flagged(i, k) ? "#000" : INK)) } },
      hovertemplate: `%{text}<br>Z′ = %{x:.5g} ${unit}<br>−Z″ = %{y:.5g} ${unit}<extra></extra>` });
    traces.push({ x: pick(row("fit_real", i), order), y: pick(row("fit_imag", i), order).map((v) => (v === null ? null : -v)), mode: "lines", name: "fit", line: { color: OTHER, width: 1.8 }, hoverinfo: "skip" });
    Plotly.react("plot-nyquist", traces, layout(400, { xaxis: axis(`Z′ / ${unit}`), yaxis: axis(`−Z″ / ${unit}`, { scaleanchor: "x", scaleratio: 1 }) }), CONFIG);
  }

  // Of a logarithmic axis of less than a decade or so: 1, 2 and 5 written out, where Plotly shortens 0.5 to 5.
  function plainTicks(values) {
    const first = Math.floor(Math.log10(Math.min(...values))), last = Math.ceil(Math.log10(Math.max(...values))), ticks = [];
    for (let power = first; power <= last; power++) for (const digit of [1, 2, 5]) ticks.push(Number(`${digit}e${power}`));
    return { tickmode: "array", tickvals: ticks, ticktext: ticks.map(String) };
  }

  function drawBode(i) {
    const order = points(i), f = pick(row("frequency", data.grid[i]), order), re = pick(row("Z_real", i), order), im = pick(row("Z_imag", i), order);
    const fr = pick(row("fit_real", i), order), fi = pick(row("fit_imag", i), order);
    const size = (a, b) => a.map((v, k) => (v === null || b[k] === null ? null : Math.hypot(v, b[k])));
    const phase = (a, b) => a.map((v, k) => (v === null || b[k] === null ? null : (-180 / Math.PI) * Math.atan2(b[k], v)));
    const dots = { mode: "markers", name: "measured", legendgroup: "m", marker: { color: INK, size: 5 } }, line = { mode: "lines", name: "fit", legendgroup: "f", line: { color: OTHER, width: 1.8 }, hoverinfo: "skip" };
    const traces = [
      Object.assign({ x: f, y: size(re, im), hovertemplate: `f = %{x:.4g} Hz<br>|Z| = %{y:.5g} ${unit}<extra></extra>` }, dots), Object.assign({ x: f, y: size(fr, fi) }, line),
      Object.assign({ x: f, y: phase(re, im), yaxis: "y2", showlegend: false, hovertemplate: "f = %{x:.4g} Hz<br>−phase = %{y:.4g}°<extra></extra>" }, dots), Object.assign({ x: f, y: phase(fr, fi), yaxis: "y2", showlegend: false }, line)];
    const sizes = size(re, im).filter((v) => v > 0), span = Math.log10(Math.max(...sizes) / Math.min(...sizes));
    Plotly.react("plot-bode", traces, layout(400, { xaxis: logarithmic("f / Hz", { anchor: "y2", mirror: "all" }), yaxis: logarithmic(`|Z| / ${unit}`, Object.assign({ domain: [0.54, 1] }, span > 1.2 ? {} : plainTicks(sizes))),
      yaxis2: axis("−phase / °", { domain: [0, 0.46] }) }), CONFIG);
  }

  function drawResidual(i) {
    const order = points(i), f = pick(row("frequency", data.grid[i]), order), traces = [];
    const re = row("Z_real", i), im = row("Z_imag", i), fr = row("fit_real", i), fi = row("fit_imag", i);
    const relative = (a, b) => order.map((k) => (known(a[k]) && known(b[k]) ? (100 * (a[k] - b[k])) / Math.hypot(re[k], im[k]) : null));
    const parts = [["real", INK, "circle"], ["imaginary", OTHER, "square-open"]];
    [relative(re, fr), relative(im, fi)].forEach((y, n) => traces.push({ x: f, y, mode: "markers", name: parts[n][0], legendgroup: parts[n][0], marker: { color: parts[n][1], symbol: parts[n][2], size: 6 }, hovertemplate: "f = %{x:.4g} Hz<br>%{y:.3g} %<extra></extra>" }));
    const look = layout(data.arrays.kk_real ? 360 : 240, { xaxis: logarithmic("f / Hz", { anchor: data.arrays.kk_real ? "y2" : "y", mirror: "all" }), yaxis: axis("inversion<br>(Z − fit)/|Z| / %", { zeroline: true, zerolinecolor: "#9aa5af", domain: data.arrays.kk_real ? [0.54, 1] : [0, 1] }) });
    if (data.arrays.kk_real) {
      ["kk_real", "kk_imag"].forEach((name, n) => traces.push({ x: f, y: pick(row(name, i), order).map((v) => (v === null ? null : 100 * v)), yaxis: "y2", mode: "markers", legendgroup: parts[n][0], showlegend: false, marker: { color: parts[n][1], symbol: parts[n][2], size: 6 }, hovertemplate: "f = %{x:.4g} Hz<br>%{y:.3g} %<extra></extra>" }));
      look.yaxis2 = axis("Kramers–Kronig<br>(Z − fit)/|Z| / %", { zeroline: true, zerolinecolor: "#9aa5af", domain: [0, 0.46] });
    }
    Plotly.react("plot-residual", traces, look, CONFIG);
  }

  const FACTS = [["R_inf", "R∞", unit, "u_R_inf"], ["R_pol", "Rₚₒₗ", unit, "u_R_pol"], ["R_pol_window", "Rₚₒₗ in the window", unit, "u_R_pol_window"], ["L_0", "L₀", "H"], ["C_0", "C₀", "F"], ["lambda_", "λ", ""], ["residual", "residual (r.m.s.)", "%"]];
  function fact(name, text) {
    const span = document.createElement("div"), label = document.createElement("span");
    label.textContent = `${name} `;
    span.append(label, markup(text));
    return span;
  }
  function drawFacts(i) {
    document.getElementById("name").textContent = data.names[i];
    const badge = document.getElementById("verdict");
    badge.className = data.verdict ? `badge ${data.verdict[i]}` : "";
    badge.textContent = data.verdict ? `Kramers–Kronig: ${data.verdict[i]}` : "";
    const box = document.getElementById("facts");
    box.replaceChildren();
    const where = place(i);
    if (where) box.append(fact("at", where));
    FACTS.forEach(([name, label, unitOf, uncertainty]) => {
      const values = data.numbers[name];
      if (!values || values[i] === null) return;
      const u = uncertainty && data.numbers[uncertainty] ? data.numbers[uncertainty][i] : null;
      box.append(fact(label, `${measured(name === "residual" ? 100 * values[i] : values[i], u)} ${unitOf}`));
    });
    if (word(data.method, i)) box.append(fact("method", word(data.method, i)));
    if (word(data.status, i) !== "ok") box.append(fact("status", word(data.status, i)));
    if (data.verdict && data.verdict[i] !== "pass") box.append(fact("why", word(data.reason, i)));
    const mine = data.peaks.spectrum.map((s, p) => (s === i ? p : -1)).filter((p) => p >= 0);
    const P = data.peaks;
    table(document.getElementById("peaks"), ["peak", "τ / s", `R / ${unit}`, "interval of R", unit === "Ω" ? "C / F" : "C / F cm⁻²", "width / decades", "process", ""],
      mine.map((p, n) => [String(n + 1), measured(P.tau[p], P.u_tau[p]), measured(P.R[p], P.u_R[p]), P.R_low[p] === null ? "–" : `${short(P.R_low[p])} to ${short(P.R_high[p])}`, short(P.C[p]), short(P.width[p]), P.process[p], P.edge[p] ? "at an edge of the window" : ""]), [0, 1, 2, 3, 4, 5]);
  }
  function table(box, head, rows, numeric, each) {
    const made = document.createElement("table"), top = made.createTHead().insertRow(), body = made.createTBody();
    head.forEach((text, k) => { const cell = document.createElement("th"); if (numeric.includes(k)) cell.className = "n"; cell.textContent = text; top.append(cell); });
    rows.forEach((cells, n) => {
      const line = body.insertRow();
      cells.forEach((text, k) => { const cell = line.insertCell(); if (numeric.includes(k)) cell.className = "n"; if (/\^/.test(text)) cell.append(markup(text)); else cell.textContent = text; });
      if (each) each(line, n);
    });
    box.replaceChildren(made);
  }

  function choose(i) {
    state.chosen = Math.min(Math.max(i, 0), count - 1);
    const chosen = state.chosen;
    drawFacts(chosen); drawGamma(chosen); drawNyquist(chosen); drawBode(chosen); drawResidual(chosen);
    if (!several) return;
    document.getElementById("slider").value = chosen;
    document.getElementById("choice").value = chosen;
    if (state.view === "map") Plotly.relayout("plot-map", { shapes: state.fixed.concat(pointer()) });
    else overview();
    document.querySelectorAll("#table tr.chosen").forEach((line) => line.classList.remove("chosen"));
    const line = document.querySelector(`#table tr[data-spectrum="${chosen}"]`);
    if (line) line.classList.add("chosen");
    history.replaceState(null, "", `#${encodeURIComponent("spectrum=" + chosen)}`);
  }

  // lines of peaks and processes

  function interval(x, low, high, colour, axes) {
    const on = x.map((_, k) => known(low[k]) && known(high[k]) && low[k] !== null && high[k] !== null);
    return [Object.assign({ x, y: low.map((v, k) => (on[k] ? v : null)), mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false }, axes),
      Object.assign({ x, y: high.map((v, k) => (on[k] ? v : null)), mode: "lines", line: { width: 0 }, fill: "tonexty", fillcolor: colour + "2e", hoverinfo: "skip", showlegend: false }, axes)];
  }
  function panels(title, height, y) {
    const look = layout(height, { annotations: [], showlegend: true, legend: { orientation: "h", y: -0.2, x: 0, font: { size: 12 }, traceorder: "normal" } });
    branches.forEach((branch, b) => {
      look["xaxis" + suffix(b)] = axis(escaped(series.label), { domain: domain(b), anchor: "y" + suffix(b), autorange: branch.falling ? "reversed" : true });
      look["yaxis" + suffix(b)] = y(b === 0 ? title : "", { anchor: "x" + suffix(b), showticklabels: b === 0, matches: b === 0 ? undefined : "y" });
      if (branch.name) look.annotations.push({ text: `<b>${escaped(branch.name)}</b>`, x: (domain(b)[0] + domain(b)[1]) / 2, xref: "paper", y: 1, yref: "paper", yanchor: "bottom", showarrow: false });
    });
    return look;
  }
  const MOST_LEGEND = 12, MOST_LINES = 40;
  function drawTracks() {
    const P = data.peaks, tauTraces = [], resistances = [], perBranch = {};
    // of very many lines those of the most peaks, by rising tau as they are numbered
    const lengths = data.tracks.map((track) => track.peaks.length).sort((a, b) => b - a), least = lengths.length > MOST_LINES ? lengths[MOST_LINES] + 1 : 0;
    const sorted = data.tracks.map((track, number) => [track, number]).filter(([track]) => track.peaks.length >= least);
    const many = sorted.length > MOST_LEGEND, explained = new Set();
    sorted.forEach(([track, number]) => {
      perBranch[track.branch] = (perBranch[track.branch] || 0) + 1;
      const n = perBranch[track.branch] - 1, colour = LINES[n % LINES.length], axes = { xaxis: "x" + suffix(track.branch), yaxis: "y" + suffix(track.branch) };
      const branch = branches[track.branch], x = track.peaks.map((p) => branch.values[whereIs.get(P.spectrum[p])[1]]);
      const at = (name) => track.peaks.map((p) => P[name][p]);
      const label = escaped(track.process || `line ${number}`), first = !explained.has(label);
      explained.add(label);
      const symbol = track.peaks.map((p) => MARKS[n % MARKS.length] + (P.edge[p] ? "-open" : ""));
      const shared = Object.assign({ x, mode: "lines+markers", name: label, marker: { color: colour, size: many ? 4 : 6, symbol }, line: { color: colour, width: 1.4 }, customdata: track.peaks.map((p) => P.spectrum[p]), text: track.peaks.map((p) => escaped(data.names[P.spectrum[p]])), legendgroup: label, showlegend: !many && first }, axes);
      if (!many) resistances.push(...interval(x, at("R_low"), at("R_high"), colour, axes));
      tauTraces.push(Object.assign({ y: at("tau"), hovertemplate: "%{text}<br>τ = %{y:.3g} s" }, shared));
      resistances.push(Object.assign({ y: at("R"), hovertemplate: `%{text}<br>R = %{y:.4g} ${unit}` }, shared));
    });
    const sizes = P.R.filter((v, p) => P.track[p] >= 0 && v !== null && (!data.verdict || data.verdict[P.spectrum[p]] !== "fail")).sort((a, b) => a - b);
    const highest = sizes.length ? Math.min(sizes[sizes.length - 1], 1.5 * sizes[Math.floor(0.98 * (sizes.length - 1))]) : Math.max(...P.R.filter((v) => v !== null), 0); // failing spectra may run off
    [["plot-tracks-tau", tauTraces, panels("τ of peaks / s", 430, logarithmic)], ["plot-tracks-R", resistances, panels(`R of peaks / ${unit}`, 430, (t, more) => axis(t, Object.assign({ range: [0, 1.15 * highest || 1] }, more)))]].forEach(([id, traces, look]) => {
      Plotly.newPlot(id, traces, look, CONFIG);
      document.getElementById(id).on("plotly_click", (event) => choose(event.points[0].customdata));
    });
  }
  function drawProcesses() {
    const box = document.getElementById("plot-processes");
    if (!box) return;
    const traces = [];
    data.processes.forEach((process, n) => branches.forEach((branch, b) => {
      const colour = LINES[n % LINES.length], axes = { xaxis: "x" + suffix(b), yaxis: "y" + suffix(b) }, at = (name) => branch.spectra.map((i) => process[name][i]);
      traces.push(...interval(branch.values, at("R_low"), at("R_high"), colour, axes));
      traces.push(Object.assign({ x: branch.values, y: at("R"), mode: "lines+markers", name: escaped(process.name), showlegend: b === 0, legendgroup: process.name, marker: { color: colour, symbol: MARKS[n % MARKS.length], size: 6 }, line: { color: colour, width: 1.4 }, customdata: branch.spectra, hovertemplate: `${escaped(process.name)}<br>R = %{y:.4g} ${unit}<extra></extra>` }, axes));
    }));
    Plotly.newPlot(box, traces, panels(`R of processes / ${unit}`, 380, (t, more) => axis(t, Object.assign({ rangemode: "tozero" }, more))), CONFIG);
    box.on("plotly_click", (event) => choose(event.points[0].customdata));
  }

  // the table of all spectra

  function drawTable() {
    const shown = data.coordinates.filter((c) => c.name !== "file" || c.values);
    const head = ["#", "name"].concat(shown.map((c) => c.name), data.verdict ? ["Kramers–Kronig"] : [], [`R∞ / ${unit}`, `Rₚₒₗ / ${unit}`, `in the window / ${unit}`, "residual / %", "peaks", "status"]);
    const firstNumber = 2 + shown.length + (data.verdict ? 1 : 0);
    const numeric = [0, ...shown.map((c, k) => (c.numbers ? k + 2 : -1)), firstNumber, firstNumber + 1, firstNumber + 2, firstNumber + 3, firstNumber + 4];
    const found = new Array(count).fill(0);
    data.peaks.spectrum.forEach((i) => (found[i] += 1));
    const number = (name, i, factor) => (data.numbers[name] && data.numbers[name][i] !== null ? short(factor * data.numbers[name][i]) : "–");
    const rows = data.names.map((name, i) => [String(i), name].concat(shown.map((c) => (c.numbers ? short(c.numbers[i]) : word(c.values, i))), data.verdict ? [data.verdict[i]] : [],
      [number("R_inf", i, 1), number("R_pol", i, 1), number("R_pol_window", i, 1), number("residual", i, 100), String(found[i]), word(data.status, i)]));
    const box = document.getElementById("table"), filter = document.getElementById("filter"), told = document.getElementById("shown");
    table(box, head, rows, numeric, (line, i) => { line.dataset.spectrum = i; });
    const lines = Array.from(box.querySelectorAll("tbody tr")), texts = rows.map((cells) => cells.join(" ").toLowerCase());
    box.addEventListener("click", (event) => { const line = event.target.closest("tr[data-spectrum]"); if (line) { choose(Number(line.dataset.spectrum)); document.getElementById("spectrum").scrollIntoView(); } });
    const update = () => { const wanted = filter.value.toLowerCase().trim(); let n = 0; lines.forEach((line, i) => { line.hidden = !texts[i].includes(wanted); n += line.hidden ? 0 : 1; }); told.textContent = `${n} of ${count}; click a row to see the spectrum`; };
    filter.addEventListener("input", update);
    update();
  }

  function valuesAsCsv() {
    const i = state.chosen, order = points(i), f = row("frequency", data.grid[i]);
    const lines = [`# ${data.names[i]}`, `tau_s,gamma_${unit === "Ω" ? "ohm" : "ohm_cm2"}`].concat(Array.from(nodes, (t, k) => `${t},${row("node_gamma", i)[k]}`), ["", "frequency_Hz,Z_real,Z_imag,fit_real,fit_imag"],
      order.map((k) => [f[k], ...["Z_real", "Z_imag", "fit_real", "fit_imag"].map((name) => row(name, i)[k])].join(",")));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/csv" }));
    link.download = `${data.names[i].replace(/[^\w.-]+/g, "_")}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  function press(on, off) { on.setAttribute("aria-pressed", "true"); off.setAttribute("aria-pressed", "false"); }
  const get = (id) => document.getElementById(id);
  get("csv").addEventListener("click", valuesAsCsv);
  get("copy").addEventListener("click", () => {
    const range = document.createRange(); range.selectNodeContents(get("sentence"));
    const selection = getSelection(); selection.removeAllRanges(); selection.addRange(range);
    if (navigator.clipboard) navigator.clipboard.writeText(get("sentence").textContent).catch(() => {});
  });
  if (several) {
    const choice = get("choice");
    data.names.forEach((name, i) => choice.append(new Option(`${i}: ${name}`, i)));
    choice.addEventListener("change", () => choose(Number(choice.value)));
    get("slider").addEventListener("input", () => choose(Number(get("slider").value)));
    get("previous").addEventListener("click", () => choose(state.chosen - 1));
    get("next").addEventListener("click", () => choose(state.chosen + 1));
    document.addEventListener("keydown", (event) => {
      if (/INPUT|SELECT|TEXTAREA/.test(event.target.tagName) || event.ctrlKey || event.altKey || event.metaKey) return;
      if (event.key === "ArrowLeft") choose(state.chosen - 1);
      if (event.key === "ArrowRight") choose(state.chosen + 1);
    });
    get("pin").addEventListener("click", () => {
      state.pinned = state.pinned.filter((p) => p !== state.chosen).concat(state.chosen).slice(-5);
      get("unpin").hidden = false; choose(state.chosen);
    });
    get("unpin").addEventListener("click", () => { state.pinned = []; get("unpin").hidden = true; choose(state.chosen); });
    [["map", "waterfall"], ["waterfall", "map"]].forEach(([view, other]) => get(`view-${view}`).addEventListener("click", () => { state.view = view; press(get(`view-${view}`), get(`view-${other}`)); overview(); }));
    [["sqrt", "linear"], ["linear", "sqrt"]].forEach(([scale, other]) => get(`scale-${scale}`).addEventListener("click", () => { state.scale = scale; press(get(`scale-${scale}`), get(`scale-${other}`)); overview(); }));
    get("show-tracks").addEventListener("click", () => { state.tracks = !state.tracks; get("show-tracks").setAttribute("aria-pressed", String(state.tracks)); overview(); });
  }
  const wanted = /spectrum=(\d+)/.exec(decodeURIComponent(location.hash));
  if (wanted && Number(wanted[1]) < count) state.chosen = Number(wanted[1]);
  else state.chosen = Math.max(0, data.status.at.findIndex((_, i) => word(data.status, i) === "ok"));
  overview();
  choose(state.chosen);
  if (several) { drawTracks(); drawProcesses(); }
  drawTable();
  document.body.dataset.ready = "true";
})();
